//! Logons that were refused (rule A8): a queue in shared memory, which a process that sends a
//! client away adds to, and from which the writer takes what is due. What is counted together
//! is decided in [`crate::domain::audit::refusals`].
//!
//! Who refuses a logon may have no place among the server's processes, as when there are too
//! many of them, and then cannot wait for a lock of the server's. So the queue has locks of its
//! own.

use super::pool::POOL;
use super::settings::is_on;
use super::worker::log;
use crate::domain::audit::refusals::{
    BUCKETS, Bucket, Counted, Refusal, SLOTS, Seed, WINDOW, is_due, is_refusal,
};
use crate::domain::audit::text::Text;
use crate::pg::proxy;
use crate::pg::server::attached::Attached;
use crate::pg::server::backend;
use crate::pg::server::lock::Lock;
use crate::pg::server::settings::INSTANCE_NUM;
use std::cell::UnsafeCell;
use std::ffi::CStr;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{
    AtomicI64, AtomicU64,
    Ordering::{Relaxed, SeqCst},
};

/// The refused logons that wait for being written.
pub(in crate::pg) struct Queue {
    seed: Seed,
    /// When they are to be written; 0 if none waits.
    planned: AtomicI64,
    /// How many have not been recorded since the server was started.
    dropped: AtomicU64,
    buckets: [Locked; BUCKETS],
}

/// Where this process finds it.
pub(in crate::pg) static QUEUE: Attached<Queue> = Attached::none();

/// A bucket that one process at a time can use.
struct Locked {
    lock: Lock,
    bucket: UnsafeCell<Bucket>,
}

// SAFETY: the bucket is used by the process alone that holds the lock.
unsafe impl Sync for Locked {}

impl Locked {
    /// Uses the bucket. Returns `None` if another process keeps the lock.
    fn with<T>(&self, f: impl FnOnce(&mut Bucket) -> T) -> Option<T> {
        let held = self.lock.take()?;
        // SAFETY: this process has the lock until `held` is dropped, and `f` cannot reach
        // this bucket in another way.
        let answer = f(unsafe { &mut *self.bucket.get() });
        drop(held);
        Some(answer)
    }
}

impl Queue {
    /// Makes an empty queue in place, since it is too large for the stack.
    ///
    /// # Safety
    /// There must be room for a queue at `queue`, and nobody else may use it.
    pub(in crate::pg) unsafe fn initialize(queue: *mut Queue) {
        let seed = Seed(RandomState::new().build_hasher().finish());
        // SAFETY: the caller promises that there is room, and all members are written.
        unsafe {
            (&raw mut (*queue).seed).write(seed);
            (&raw mut (*queue).planned).write(AtomicI64::new(0));
            (&raw mut (*queue).dropped).write(AtomicU64::new(0));
            for number in 0..BUCKETS {
                (&raw mut (*queue).buckets[number]).write(Locked {
                    lock: Lock::default(),
                    bucket: UnsafeCell::new(Bucket::empty(number as u8)),
                });
            }
        }
    }

    fn note(&self, refusal: &Refusal) {
        if self.buckets[refusal.bucket(self.seed)]
            .with(|bucket| bucket.note(refusal, self.seed))
            .is_none()
        {
            self.dropped.fetch_add(1, SeqCst);
        }
        // If it is planned already, it stays at that.
        let _ = self
            .planned
            .compare_exchange(0, backend::now() + WINDOW, SeqCst, SeqCst);
    }
}

/// How many different refusals wait.
pub(crate) fn waiting() -> usize {
    QUEUE.get().map_or(0, |queue| {
        let count = |locked: &Locked| locked.with(|bucket| bucket.waiting().count());
        queue.buckets.iter().filter_map(count).sum()
    })
}

/// How many refusals have not been recorded since the server was started.
pub(crate) fn dropped() -> u64 {
    QUEUE.get().map_or(0, |queue| queue.dropped.load(SeqCst))
}

/// When what waits is to be written, if anything does.
pub(super) fn planned() -> Option<i64> {
    let planned = QUEUE.get()?.planned.load(SeqCst);
    (planned != 0).then_some(planned)
}

/// Whether something waits, and is to be written now.
pub(super) fn are_due() -> bool {
    planned().is_some_and(|planned| is_due(planned, backend::now()))
}

/// All that waits. It waits on, until it is [removed](remove).
pub(super) fn pending() -> Vec<Counted> {
    let Some(queue) = QUEUE.get() else {
        return Vec::new();
    };
    queue.planned.store(0, SeqCst);
    let mut pending = Vec::new();
    for locked in &queue.buckets {
        // Room is made first, since no other process can go on meanwhile.
        pending.reserve(SLOTS);
        locked.with(|bucket| pending.extend(bucket.waiting()));
    }
    pending
}

/// Removes what has been written.
pub(super) fn remove(written: &[Counted]) {
    let Some(queue) = QUEUE.get() else {
        return;
    };
    let now = backend::now();
    for counted in written {
        // What cannot be removed is written again, which is better than not at all.
        let _ =
            queue.buckets[usize::from(counted.bucket)].with(|bucket| bucket.remove(counted, now));
    }
    if waiting() > 0 {
        let _ = queue
            .planned
            .compare_exchange(0, now + WINDOW, SeqCst, SeqCst);
    }
}

/// Writes what is due to the server log, where there is no writer, as on a standby.
pub(super) fn log_if_due() {
    let has_writer = POOL
        .get()
        .is_some_and(|pool| pool.writer.load(Relaxed) != 0);
    if !has_writer && are_due() {
        log_all();
    }
}

/// Writes all that waits to the server log. Who does that at the same time takes nothing.
pub(super) fn log_all() {
    for counted in take() {
        let record = counted.record(backend::format_time);
        if log(&record).is_err() {
            drop_some(record.count);
        }
    }
}

/// Takes all that waits, for a process that writes it to the server log.
fn take() -> Vec<Counted> {
    let Some(queue) = QUEUE.get() else {
        return Vec::new();
    };
    queue.planned.store(0, SeqCst);
    let mut taken = Vec::new();
    for locked in &queue.buckets {
        // As above.
        taken.reserve(SLOTS);
        locked.with(|bucket| bucket.take(&mut taken));
    }
    taken
}

/// Counts refusals of which there is no record.
fn drop_some(count: u32) {
    if let Some(queue) = QUEUE.get() {
        queue.dropped.fetch_add(count.into(), SeqCst);
    }
}

/// Notes that the client of this process is sent away by an error of level FATAL. The
/// process is about to exit, and its logon was not complete.
///
/// `auth_method` is how the client has authenticated, if the session had begun.
pub(in crate::pg) fn note(auth_method: Option<Option<&'static CStr>>) {
    if !is_on() {
        return;
    }
    if let (Some(queue), Some(refusal)) = (QUEUE.get(), collect(auth_method)) {
        if backend::in_recovery() {
            // There is no writer. The error is a line of the server log as well.
            if log(&refusal.record(1)).is_err() {
                drop_some(1);
            }
            return;
        }
        queue.note(&refusal);
        if let Some(pool) = POOL.get() {
            pool.wake_writer(false);
        }
        log_if_due();
    }
}

/// `None` if this process has no client, or if its end is no refusal.
fn collect(auth_method: Option<Option<&'static CStr>>) -> Option<Refusal> {
    fn text<const N: usize>(text: Option<&CStr>) -> Text<N> {
        Text::new(text.map_or(b"", CStr::to_bytes))
    }
    let sqlstate = backend::exit_sqlstate()?;
    let login_user = backend::login_user();
    if !backend::has_client() || !is_refusal(sqlstate.to_bytes(), login_user.is_some()) {
        return None;
    }
    Some(Refusal {
        at: backend::now(),
        process: Some(backend::start_and_number()),
        replication: backend::is_replication(),
        login_user: text(login_user),
        database: text(backend::database_name()),
        auth_method: text(auth_method.unwrap_or_else(backend::client_auth_method)),
        system_identity: text(backend::client_identity()),
        client_addr: backend::client_address(),
        client_port: backend::client_port(),
        proxy_addr: proxy::address(),
        application_name: text(backend::client_application_name()),
        encryption: text(backend::client_encryption()),
        instance_num: INSTANCE_NUM.get(),
        sqlstate: text(Some(sqlstate)),
    })
}
