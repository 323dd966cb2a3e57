//! Logons that were refused (rule A7): a queue in shared memory, which a process that
//! sends a client away adds to, and the workers that write it to the logs of the session
//! audit. What is counted together, and when it is written, is decided in
//! [`crate::domain::audit::refusals`].
//!
//! Who refuses a logon may have no place among the server's processes, as when there are
//! too many of them, and then can neither wait for a lock nor start a worker. So the queue
//! has locks of its own, and those who can start a worker do so for all. If none is free
//! for so long that what waits is due, or the server shuts down, whoever finds that out
//! writes it to the server log.

use super::record::{Record, audit_log, write as write_record};
use super::settings::REFUSED_DATABASE;
use super::worker::{self, Task, connect_worker, query_oid};
use crate::domain::audit::refusals::{
    BUCKETS, Bucket, Counted, Destination, Refusal, SLOTS, Seed, WINDOW, database_key, is_due,
    is_refusal,
};
use crate::domain::audit::text::Text;
use crate::pg::server::attached::Attached;
use crate::pg::server::error::{PgError, PgResult};
use crate::pg::server::lock::Lock;
use crate::pg::server::{backend, guard};
use std::cell::UnsafeCell;
use std::collections::BTreeSet;
use std::ffi::CStr;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{
    AtomicBool, AtomicI64, AtomicU64,
    Ordering::{Relaxed, SeqCst},
};

/// For how long, in microseconds, no worker is asked to write what waits if no session audit
/// is known on this server. A logon that is recorded ends this.
const QUIET: i64 = 10 * 60 * 1_000_000;

/// How many databases with a session audit are known by name. Of others, refusals are counted
/// together if there are too many different ones.
const KNOWN: usize = 64;

/// The refused logons that wait for being written.
pub(in crate::pg) struct Queue {
    seed: Seed,
    /// When they are to be written; 0 if none waits.
    planned: AtomicI64,
    /// Until this time no worker is asked to write them, since no database has an audit; 0 if
    /// one may be asked at any time.
    quiet_until: AtomicI64,
    /// Whether a database with a session audit was found since the server was started.
    audited: AtomicBool,
    /// Whether the present worker has done what it was started for.
    done: AtomicBool,
    /// How many have not been recorded since the server was started.
    dropped: AtomicU64,
    /// The keys of the databases where a logon has been recorded since the server was started;
    /// 0 for those that are still free.
    known: [AtomicU64; KNOWN],
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
            (&raw mut (*queue).quiet_until).write(AtomicI64::new(0));
            (&raw mut (*queue).audited).write(AtomicBool::new(false));
            (&raw mut (*queue).done).write(AtomicBool::new(false));
            (&raw mut (*queue).dropped).write(AtomicU64::new(0));
            (&raw mut (*queue).known).write([const { AtomicU64::new(0) }; KNOWN]);
            for number in 0..BUCKETS {
                (&raw mut (*queue).buckets[number]).write(Locked {
                    lock: Lock::default(),
                    bucket: UnsafeCell::new(Bucket::empty(number as u8)),
                });
            }
        }
    }

    /// When what waits is to be written, if anything does.
    fn planned(&self) -> Option<i64> {
        let planned = self.planned.load(SeqCst);
        (planned != 0).then_some(planned)
    }

    fn plan(&self) {
        // If it is planned already, it stays at that.
        let _ = self
            .planned
            .compare_exchange(0, backend::now() + WINDOW, SeqCst, SeqCst);
    }

    fn drop_some(&self, count: u32) {
        self.dropped.fetch_add(count.into(), SeqCst);
    }

    /// Whether a logon to a database with this name has been recorded.
    fn is_known(&self, database: &[u8]) -> bool {
        let key = database_key(database, self.seed).number();
        self.known.iter().any(|known| known.load(Relaxed) == key)
    }

    fn note_known(&self, database: &[u8]) {
        let key = database_key(database, self.seed).number();
        for known in &self.known {
            let found = match known.load(Relaxed) {
                0 => known
                    .compare_exchange(0, key, SeqCst, SeqCst)
                    .unwrap_or_else(|other| other),
                other => other,
            };
            if found == 0 || found == key {
                return;
            }
        }
    }

    fn note(&self, refusal: &Refusal) {
        let bucket = &self.buckets[refusal.bucket(self.seed)];
        let is_audited = self.is_known(refusal.database.bytes());
        if bucket
            .with(|bucket| bucket.note(refusal, is_audited, self.seed))
            .is_none()
        {
            self.drop_some(1);
        }
        self.plan();
    }

    /// Does this with each bucket. One that cannot be locked is left out.
    fn each_bucket(&self, mut f: impl FnMut(&mut Bucket)) {
        for bucket in &self.buckets {
            let _ = bucket.with(&mut f);
        }
    }

    /// The refusals that wait and whose destination meets a condition.
    fn waiting(&self, is_wanted: impl Fn(Destination) -> bool) -> Vec<Counted> {
        let mut waiting = Vec::new();
        for bucket in &self.buckets {
            // Room is made first, since no other process can go on meanwhile.
            waiting.reserve(SLOTS);
            bucket.with(|bucket| {
                waiting.extend(
                    bucket
                        .waiting()
                        .filter(|counted| is_wanted(counted.destination)),
                )
            });
        }
        waiting
    }

    /// The databases for which something waits.
    fn destinations(&self) -> BTreeSet<u32> {
        self.waiting(|_| true)
            .iter()
            .filter_map(|counted| match counted.destination {
                Destination::Database(database) => Some(database),
                Destination::Unknown | Destination::Nowhere => None,
            })
            .collect()
    }

    /// Notes that what waits for a database could not be written. What has been tried often
    /// enough goes to the database that is meant for what has no other, if there is one.
    fn note_failure(&self, database: u32, has_fallback: bool) {
        let destination = Destination::Database(database);
        self.each_bucket(|bucket| bucket.note_failure(destination));
        if has_fallback {
            self.each_bucket(|bucket| {
                bucket.move_to(|counted| {
                    match counted.destination == destination && counted.is_given_up() {
                        true => Destination::Nowhere,
                        false => counted.destination,
                    }
                });
            });
        } else {
            let mut given_up = self.waiting(|other| other == destination);
            given_up.retain(Counted::is_given_up);
            given_up
                .iter()
                .for_each(|counted| self.drop_some(counted.count));
            self.remove(&given_up);
        }
    }

    fn remove(&self, written: &[Counted]) {
        let now = backend::now();
        for counted in written {
            // What cannot be removed is written again, which is better than not at all.
            let _ = self.buckets[usize::from(counted.bucket)]
                .with(|bucket| bucket.remove(counted, now));
        }
    }

    /// Has a worker started if there is something to write. The logon that has been
    /// recorded calls this.
    fn look_after_logon(&self) -> PgResult<()> {
        if !self.audited.load(Relaxed) {
            self.audited.store(true, SeqCst);
            self.quiet_until.store(0, SeqCst);
        }
        if let Some(database) = backend::database_name() {
            self.note_known(database.to_bytes());
        }
        self.look_after()
    }

    /// Has what is due written.
    fn look_after(&self) -> PgResult<()> {
        match self.planned() {
            Some(planned) if is_due(planned, backend::now()) && !worker::request_launcher()? => {
                self.log_all()
            }
            _ => Ok(()),
        }
    }

    /// Writes what waits to the server log, since no worker can write it to a database: there
    /// is none, or the server shuts down.
    fn log_all(&self) -> PgResult<()> {
        let mut result = Ok(());
        // Others may find out the same, but each takes what it writes.
        for counted in self.take() {
            let written = Record::from_refusal(&counted)
                .line()
                .map_err(PgError::from)
                .and_then(|line| audit_log(&line));
            if written.is_err() {
                self.drop_some(counted.count);
                result = written;
            }
        }
        result
    }

    /// Takes all that waits.
    fn take(&self) -> Vec<Counted> {
        self.planned.store(0, SeqCst);
        let mut taken = Vec::new();
        for bucket in &self.buckets {
            // As in `waiting`.
            taken.reserve(SLOTS);
            bucket.with(|bucket| bucket.take(&mut taken));
        }
        taken
    }
}

/// How many different refusals wait.
pub(crate) fn waiting() -> usize {
    let mut number = 0;
    if let Some(queue) = QUEUE.get() {
        queue.each_bucket(|bucket| number += bucket.waiting().count());
    }
    number
}

/// How many refusals have not been recorded since the server was started.
pub(crate) fn dropped() -> u64 {
    QUEUE.get().map_or(0, |queue| queue.dropped.load(SeqCst))
}

/// Notes that the client of this process is sent away by an error of level FATAL. The
/// process is about to exit, and its logon was not complete.
///
/// `auth_method` is how the client has authenticated, if the session had begun.
pub(crate) fn note(auth_method: Option<Option<&'static CStr>>) {
    let (Some(queue), Some(refusal)) = (QUEUE.get(), collect(auth_method)) else {
        return;
    };
    queue.note(&refusal);
    let quiet_until = queue.quiet_until.load(SeqCst);
    let quiet = quiet_until - refusal.at;
    if !(1..=QUIET).contains(&quiet) && backend::release_lwlocks() {
        report(worker::request_launcher().and_then(|_| look_after_end(queue)));
    }
}

/// Sees to it that what waits is written although this process, which had a session, is
/// about to exit: it can be the last one that can do that.
pub(in crate::pg) fn leave() {
    let Some(queue) = QUEUE.get() else {
        return;
    };
    if queue.planned().is_some() && backend::release_lwlocks() {
        report(look_after_end(queue));
    }
}

/// Unless the launcher does it: at a shutdown no worker is started any more.
fn look_after_end(queue: &Queue) -> PgResult<()> {
    if !queue.audited.load(Relaxed) || worker::is_running() {
        Ok(())
    } else if backend::is_shutdown() {
        queue.log_all()
    } else {
        queue.look_after()
    }
}

/// Reports an error to the server log. Nothing can be done about it in a process that is
/// about to exit.
fn report(result: PgResult<()>) {
    if let Err(error) = result {
        let _ = guard::report_error(&error);
    }
}

/// `None` if this process has no client, or if its end is no refusal.
fn collect(auth_method: Option<Option<&'static CStr>>) -> Option<Refusal> {
    fn text<const N: usize>(text: Option<&CStr>) -> Text<N> {
        Text::new(text.map_or(b"", CStr::to_bytes))
    }
    let sqlstate = backend::exit_sqlstate()?;
    if !backend::has_client() || !is_refusal(sqlstate.to_bytes()) {
        return None;
    }
    Some(Refusal {
        at: backend::now(),
        process: Some(backend::start_and_number()),
        login_user: text(backend::login_user()),
        database: text(backend::database_name()),
        auth_method: text(auth_method.unwrap_or_else(backend::client_auth_method)),
        system_identity: text(backend::client_identity()),
        client_addr: backend::client_address(),
        client_port: backend::client_port(),
        application_name: text(backend::client_application_name()),
        encryption: text(backend::client_encryption()),
        sqlstate: text(Some(sqlstate)),
    })
}

/// Finds out where each refusal goes, and has it written there: the launcher's part.
///
/// # Errors
/// Returns the server's error if the launcher cannot go on.
pub(super) fn distribute() -> PgResult<()> {
    let Some(queue) = QUEUE.get() else {
        return Ok(());
    };
    queue.planned.store(0, SeqCst);
    let done = distribute_all(queue);
    if !queue.waiting(|_| true).is_empty() {
        queue.plan();
    }
    if done? && !queue.audited.load(SeqCst) {
        queue.quiet_until.store(backend::now() + QUIET, SeqCst);
    }
    Ok(())
}

/// Returns whether all has been done.
fn distribute_all(queue: &Queue) -> PgResult<bool> {
    let databases = worker::list_databases(CONTEXT)?;
    let find = |name: &[u8]| {
        databases
            .iter()
            .find(|database| database.name.to_bytes() == name)
    };
    queue.each_bucket(|bucket| {
        bucket.move_to(|counted| {
            find(counted.first.database.bytes()).map_or(Destination::Nowhere, |found| {
                Destination::Database(found.oid)
            })
        });
    });
    let mut all = true;
    let fallback = REFUSED_DATABASE.get();
    let found = fallback
        .as_ref()
        .and_then(|name| find(name.to_bytes()))
        .map(|database| database.oid);
    for destination in queue.destinations() {
        all &= write_in(queue, destination, found)?;
    }
    // What is left goes to the database that is meant for that.
    let found = found.filter(|_| {
        !queue
            .waiting(|destination| destination == Destination::Nowhere)
            .is_empty()
    });
    if let Some(found) = found {
        queue.each_bucket(|bucket| {
            bucket.move_to(|counted| match counted.destination {
                Destination::Nowhere => Destination::Database(found),
                destination => destination,
            });
        });
        all &= write_in(queue, found, Some(found))?;
    }
    let unplaced = queue.waiting(|destination| destination == Destination::Nowhere);
    queue.remove(&unplaced);
    let mut dropped = unplaced;
    if fallback.is_none() {
        // Nobody wants those of a database without a log; but these can be of any.
        dropped.retain(|counted| counted.is_anonymous);
    }
    if !dropped.is_empty() {
        dropped
            .iter()
            .for_each(|counted| queue.drop_some(counted.count));
        match fallback {
            Some(name) => log::warn!(
                "refused logons were not recorded: database \"{}\", which session_audit.refused_database names, has no session audit",
                name.to_string_lossy()
            ),
            None if queue.audited.load(SeqCst) => log::warn!(
                "refused logons were not recorded: there were too many different ones, and session_audit.refused_database is not set"
            ),
            None => {}
        }
    }
    Ok(all)
}

/// Has what waits for a database written. Returns whether that was done. `fallback` is the
/// database that is meant for what has no other.
fn write_in(queue: &Queue, database: u32, fallback: Option<u32>) -> PgResult<bool> {
    let done = &queue.done;
    done.store(false, SeqCst);
    if backend::stop_requested() || !worker::start(Task::Write(database))? {
        return Ok(false);
    }
    let done = done.load(SeqCst);
    if !done && fallback != Some(database) {
        queue.note_failure(database, fallback.is_some());
    }
    Ok(done)
}

/// The function of the extension that records, if it belongs to a superuser, as the
/// extension does. Its schema has the log.
const FIND_FUNCTION: &CStr = c"\
    SELECT p.oid \
    FROM pg_extension e \
    JOIN pg_namespace n ON n.oid = e.extnamespace \
    JOIN pg_proc p ON p.pronamespace = n.oid AND p.proname = 'record' AND p.pronargs = 0 \
    JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e' \
        AND d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid \
    JOIN pg_authid o ON o.oid = p.proowner AND o.rolsuper \
    WHERE e.extname = 'session_audit' AND n.nspname = 'session_audit'";

/// Writes what waits for a database: the worker's part, in that database.
///
/// # Errors
/// Returns the server's error if something could not be written. What waits is kept then.
pub(super) fn write(database: u32) -> PgResult<()> {
    let Some(queue) = QUEUE.get() else {
        return Ok(());
    };
    connect_worker(Some(database))?;
    guard::start_transaction()?;
    guard::override_settings()?;
    match query_oid(FIND_FUNCTION)? {
        Some(function) => {
            let waiting =
                queue.waiting(|destination| destination == Destination::Database(database));
            for counted in &waiting {
                write_record(function, &Record::from_refusal(counted), CONTEXT)?;
            }
            guard::commit_transaction(CONTEXT)?;
            queue.remove(&waiting);
            queue.audited.store(true, SeqCst);
        }
        None => {
            guard::commit_transaction(CONTEXT)?;
            queue.each_bucket(|bucket| {
                bucket.move_to(|counted| match counted.destination {
                    Destination::Database(other) if other == database => Destination::Nowhere,
                    destination => destination,
                });
            });
        }
    }
    queue.done.store(true, SeqCst);
    Ok(())
}

/// The context of errors
const CONTEXT: &CStr = c"session audit of refused logons";

/// When what waits is to be written, if anything does.
pub(super) fn planned() -> Option<i64> {
    QUEUE.get().and_then(Queue::planned)
}

/// Whether a logon to this session's database has been recorded since the server was started.
pub(in crate::pg) fn is_audited_here() -> bool {
    QUEUE
        .get()
        .zip(backend::database_name())
        .is_some_and(|(queue, name)| queue.is_known(name.to_bytes()))
}

/// Has refused logons written, now that a logon has been recorded.
///
/// # Errors
/// Returns the server's error if that is not possible.
pub(in crate::pg) fn look_after_logon() -> PgResult<()> {
    QUEUE.get().map_or(Ok(()), Queue::look_after_logon)
}

/// Writes what waits to the server log, since the server shuts down.
///
/// # Errors
/// Returns the server's error if that is not possible.
pub(super) fn log_all() -> PgResult<()> {
    QUEUE.get().map_or(Ok(()), Queue::log_all)
}
