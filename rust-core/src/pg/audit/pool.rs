//! The pool of records in shared memory, through which the sessions reach the writer of the
//! session audit (rules A3, A4 and A6). What a slot's states mean is decided in
//! [`crate::domain::audit::handover`]; what sessions do is in `handover.rs`, and what the
//! writer does in `writer.rs`.

use super::settings::is_on;
use crate::domain::audit::changes::Seen;
use crate::domain::audit::handover::{Answer, Marks, State, candidates, number_of_slots, spare};
use crate::domain::audit::record::Record;
use crate::pg::server::attached::Attached;
use crate::pg::server::{backend, sys};
use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::sync::atomic::{
    AtomicBool, AtomicI32, AtomicI64, AtomicU32, AtomicU64,
    Ordering::{Relaxed, SeqCst},
};

/// How long the writer may need to start, in microseconds, before nobody waits for it.
const START: i64 = 5 * 1_000_000;

/// What sessions and the writer share. Behind it are the slots, and their marks.
#[repr(C, align(64))]
pub(in crate::pg) struct Pool {
    /// How many slots there are.
    slots: usize,
    /// The order in which records are handed over.
    pub(super) sequence: AtomicU64,
    /// The writer's process; 0 if there is none.
    pub(super) writer: AtomicI32,
    /// Its number among the processes that have a latch.
    pub(super) latch: AtomicI32,
    /// Whether it sleeps until somebody wakes it; if not, it looks at the slots soon.
    pub(super) sleeps: AtomicBool,
    /// Since when it is there, or not there but about to start, in microseconds since 2000.
    pub(super) changed_at: AtomicI64,
    /// When a session has last asked for one.
    pub(super) asked_at: AtomicI64,
    /// How often it has failed since it has last written something.
    pub(super) failures: AtomicU32,
    /// Whether the server was in recovery when somebody last looked.
    recovery: AtomicBool,
    /// The process that waits for the standbys for all; 0 if there is none.
    pub(super) leader: AtomicI32,
    /// Up to where the standbys have the log.
    pub(super) replicated: AtomicU64,
    /// The server's own `synchronous_commit`.
    pub(super) level: AtomicI32,
    /// How many records found no slot.
    pub(super) dropped: AtomicU64,
    /// The number of the last row in the log; 0 if it is not known.
    pub(super) number: AtomicI64,
    /// The OIDs of that log, and of its database.
    pub(super) log: AtomicU32,
    pub(super) database: AtomicU32,
    /// What the settings that a reload can change were when a writer last looked.
    pub(super) settings: Seen,
}

/// A place for one record.
#[repr(C, align(64))]
pub(in crate::pg) struct Slot {
    pub(super) state: State,
    /// The number of the session's process, which waits.
    pub(super) process: AtomicI32,
    /// Whether the record is in the server log.
    pub(super) logged: AtomicBool,
    /// When it was handed over, among all.
    pub(super) sequence: AtomicU64,
    /// The transaction that writes it, once that is about to commit; 0 before.
    pub(super) transaction: AtomicU32,
    /// Where its commit ends in the WAL.
    pub(super) lsn: AtomicU64,
    record: UnsafeCell<MaybeUninit<Record>>,
}

// SAFETY: the record is written by the one process that has claimed the slot, before it
// publishes it, and only read by others afterwards, until the slot is empty again.
unsafe impl Sync for Slot {}

/// Where this process finds the pool.
pub(in crate::pg) static POOL: Attached<Pool> = Attached::none();

/// How many slots a server has.
fn slots() -> usize {
    // SAFETY: this is a plain variable, which the postmaster has set before it asks.
    let processes = unsafe { sys::MaxBackends };
    number_of_slots(usize::try_from(processes).unwrap_or(0))
}

/// How many bytes the pool has.
pub(in crate::pg) fn size() -> usize {
    size_of::<Pool>() + slots() * size_of::<Slot>() + slots() / 64 * size_of::<AtomicU64>()
}

impl Pool {
    /// Makes an empty pool in place. `recovery` says whether the server starts in recovery.
    ///
    /// # Safety
    /// There must be room for [`size`] bytes at `pool`, aligned to 64 of them, and nobody
    /// else may use it.
    pub(in crate::pg) unsafe fn initialize(pool: *mut Pool, recovery: bool) {
        let number = slots();
        // SAFETY: the caller promises that there is room for all of this.
        unsafe {
            pool.write(Pool {
                slots: number,
                sequence: AtomicU64::new(0),
                writer: AtomicI32::new(0),
                latch: AtomicI32::new(-1),
                sleeps: AtomicBool::new(false),
                // The postmaster starts one with the server if there is to be one.
                changed_at: AtomicI64::new(if is_on() { backend::now() } else { 0 }),
                asked_at: AtomicI64::new(0),
                failures: AtomicU32::new(0),
                recovery: AtomicBool::new(recovery),
                leader: AtomicI32::new(0),
                replicated: AtomicU64::new(0),
                level: AtomicI32::new(0),
                dropped: AtomicU64::new(0),
                number: AtomicI64::new(0),
                log: AtomicU32::new(0),
                database: AtomicU32::new(0),
                settings: Seen::default(),
            });
            let first = pool.add(1).cast::<Slot>();
            for index in 0..number {
                first.add(index).write(Slot {
                    state: State::default(),
                    process: AtomicI32::new(-1),
                    logged: AtomicBool::new(false),
                    sequence: AtomicU64::new(0),
                    transaction: AtomicU32::new(0),
                    lsn: AtomicU64::new(0),
                    record: UnsafeCell::new(MaybeUninit::uninit()),
                });
            }
            let words = first.add(number).cast::<AtomicU64>();
            for index in 0..number / 64 {
                words.add(index).write(AtomicU64::new(0));
            }
        }
    }

    pub(super) fn slots(&self) -> &[Slot] {
        // SAFETY: the slots lie behind the pool, as `initialize` has made them.
        unsafe { std::slice::from_raw_parts((&raw const *self).add(1).cast(), self.slots) }
    }

    pub(super) fn marks(&self) -> Marks<'_> {
        let end = self.slots().as_ptr_range().end;
        // SAFETY: the marks lie behind the slots, as `initialize` has made them.
        Marks(unsafe { std::slice::from_raw_parts(end.cast(), self.slots / 64) })
    }

    /// Puts a record into a free slot. `waits` says whether the session is going to wait for
    /// it, and `logged` whether it is in the server log. Returns the number of the slot, or
    /// `None` if all are taken.
    pub(super) fn put(&self, record: &Record, waits: bool, logged: bool) -> Option<usize> {
        let number = self.fill(self.candidates(), record, logged)?;
        self.slots()[number].state.publish(waits);
        self.marks().set(number);
        Some(number)
    }

    /// Puts a record into a free slot that no session needs for its logon and its end. Nobody
    /// waits for it, and it is in the server log. Returns false if all are taken.
    pub(super) fn put_spare(&self, record: &Record) -> bool {
        let number = self.fill(spare(self.slots), record, true);
        if let Some(number) = number {
            self.slots()[number].state.publish(false);
            self.marks().set(number);
        }
        number.is_some()
    }

    /// Keeps a record for the end of the server. Returns the number of the slot.
    pub(super) fn hold(&self, record: &Record) -> Option<usize> {
        let number = self.fill(self.candidates(), record, false)?;
        self.slots()[number].state.hold();
        Some(number)
    }

    fn candidates(&self) -> impl Iterator<Item = usize> {
        let process = usize::try_from(backend::process_number()).unwrap_or(0);
        candidates(process, self.slots)
    }

    fn fill(
        &self,
        mut candidates: impl Iterator<Item = usize>,
        record: &Record,
        logged: bool,
    ) -> Option<usize> {
        let process = backend::process_number();
        let slots = self.slots();
        let number = candidates.find(|&slot| slots[slot].state.claim())?;
        let slot = &slots[number];
        slot.process.store(process, Relaxed);
        slot.logged.store(logged, Relaxed);
        slot.sequence
            .store(self.sequence.fetch_add(1, Relaxed), Relaxed);
        // SAFETY: this process has claimed the slot, and so is the only one that uses it.
        unsafe { (*slot.record.get()).write(*record) };
        Some(number)
    }

    /// Whether it makes sense to wait for the writer.
    pub(super) fn is_responsive(&self) -> bool {
        let failures = self.failures.load(Relaxed);
        if self.writer.load(Relaxed) != 0 {
            return failures == 0;
        }
        let absent = backend::now() - self.changed_at.load(Relaxed);
        failures == 0 && (0..START).contains(&absent)
    }

    /// Notes that the server is not in recovery. If it was, the postmaster starts the writer now.
    pub(super) fn note_promotion(&self) {
        if self.recovery.load(Relaxed) && self.recovery.swap(false, SeqCst) {
            self.changed_at.store(backend::now(), SeqCst);
        }
    }

    /// Lets another process wait for the standbys, and wakes those who wait for one that does.
    pub(super) fn stop_leading(&self) {
        let me = backend::process();
        if self.leader.compare_exchange(me, 0, SeqCst, SeqCst).is_ok() {
            for slot in self.slots() {
                if slot.state.answer() == Answer::Written {
                    backend::wake_process(slot.process.load(Relaxed));
                }
            }
        }
    }

    /// Wakes the writer, if it is there and does not look at the slots anyway.
    pub(super) fn wake_writer(&self, now: bool) {
        let latch = self.latch.load(SeqCst);
        if latch >= 0 && (now || self.sleeps.load(SeqCst)) {
            backend::wake_process(latch);
        }
    }
}

impl Slot {
    /// The record.
    ///
    /// # Safety
    /// The slot must have been published, and this process must have it: as the session that
    /// waits, or as the writer that has taken it.
    pub(super) unsafe fn record(&self) -> &Record {
        // SAFETY: the caller promises that the record has been written, and nobody writes it
        // as long as the slot is not empty.
        unsafe { (*self.record.get()).assume_init_ref() }
    }
}
