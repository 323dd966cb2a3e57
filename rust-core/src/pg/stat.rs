//! Statistics of triggers and sessions (rules T1 and T2): counters in shared memory, in
//! which a firing counts without waiting for a lock. Who gets a slot for its counters is
//! decided in [`crate::domain::stat`].
//!
//! A trigger's counters are found by its OID and its database's. Whoever counts registers
//! as a user of the slot, and then looks whether it is still the trigger's. Whoever gives
//! the slot to another trigger, or changes the name in it, holds the lock, takes the key
//! away, and then waits until the slot has no user. So nothing is counted for a trigger
//! that it does not belong to. No process ends while it is a user or holds the lock, unless
//! it crashes, and then the memory is made anew.

use super::server::attached::Attached;
use super::server::backend;
use super::server::lock::{Lock, TRIES};
use super::server::settings::Int;
use super::server::sys;
use crate::domain::session::event::Event;
use crate::domain::session::name::{NAME_WORDS, name_words};
use crate::domain::session::triggers::{Trigger, TriggerId, TriggerSet};
use crate::domain::stat::{Failure, Key, Use, choose, encode_sqlstate};
use std::cell::Cell;
use std::ptr;
use std::rc::Rc;
use std::sync::atomic::{
    AtomicI32, AtomicI64, AtomicPtr, AtomicU64,
    Ordering::{Acquire, Relaxed, Release, SeqCst},
};

/// The counters of so many triggers are kept in twelve megabytes.
const MAX_STAT_MAX: i32 = 65_536;

/// How many triggers are counted.
pub(super) static STAT_MAX: Int = Int {
    name: c"session_triggers.stat_max",
    description: c"Sets the maximum number of triggers whose firings are counted; 0 counts none.",
    variable: AtomicI32::new(256),
    range: 0..=MAX_STAT_MAX,
    context: sys::PGC_POSTMASTER,
    flags: 0,
};

/// `session_triggers.stat_max`
pub(super) fn stat_max() -> usize {
    usize::try_from(STAT_MAX.get()).unwrap_or(0)
}

/// How a process learns which triggers its database has, as far as it knows.
pub(in crate::pg) type Known = fn() -> Rc<TriggerSet>;

/// How often a process looks for a slot that others may take from its trigger meanwhile.
const ATTEMPTS: u32 = 5;

/// What is counted for the whole server (rule T1).
#[derive(Clone, Copy)]
pub(crate) enum Tally {
    /// Sessions that were let in.
    LetIn,
    /// Of these, sessions whose logon triggers had failed.
    Warned,
    /// Sessions that did not begin because their logon triggers failed.
    Rejected,
    /// Sessions whose logoff triggers failed.
    FailedLogoffs,
    /// Sessions that ended without their logoff triggers.
    MissedLogoffs,
    /// Triggers whose counters gave way to those of another trigger.
    GaveWay,
    /// Runs of triggers that could not be counted.
    Uncounted,
}

/// How many of these there are.
const TALLIES: usize = 7;

/// The counters for the whole server, and what is needed to find those of triggers.
pub(in crate::pg) struct Stats {
    /// Who holds it may change which trigger a slot belongs to.
    lock: Lock,
    /// How many slots there are.
    slots: usize,
    tallies: [AtomicU64; TALLIES],
    reset_at: AtomicI64,
}

/// The slot for the counters of a trigger. The first members are those that a firing
/// changes, in as few cache lines as possible. Times are in nanoseconds.
#[repr(C, align(64))]
#[derive(Default)]
pub(in crate::pg) struct Slot {
    /// The [`Key`] of the trigger, or 0.
    key: AtomicU64,
    /// How many processes count here at the moment.
    users: AtomicU64,
    fired: AtomicU64,
    failed: AtomicU64,
    timed_out: AtomicU64,
    total: AtomicU64,
    min: AtomicU64,
    max: AtomicU64,
    // These are written and read by who holds the lock; but see `has_name()`.
    last_failure_at: AtomicI64,
    last_failure: AtomicI32,
    event: AtomicI32,
    name: [AtomicU64; NAME_WORDS],
}

/// Where this process finds these.
pub(in crate::pg) static STATS: Attached<Stats> = Attached::none();

/// The slots, which are behind them.
static SLOTS: AtomicPtr<Slot> = AtomicPtr::new(ptr::null_mut());

thread_local! {
    /// The trigger that runs, and since when.
    static RUNNING: Cell<Option<(TriggerId, u64)>> = const { Cell::new(None) };
}

/// The counters of a trigger, as they were at one moment. Times are in nanoseconds.
pub(crate) struct Counters {
    pub(crate) key: Key,
    pub(crate) event: Event,
    /// The trigger's name when it last fired, padded with zeros.
    pub(crate) name: [u64; NAME_WORDS],
    pub(crate) fired: u64,
    pub(crate) failed: u64,
    pub(crate) timed_out: u64,
    pub(crate) total: u64,
    pub(crate) min: u64,
    pub(crate) max: u64,
    /// When it last failed, and the SQLSTATE, if it has.
    pub(crate) last_failure: Option<(i64, i32)>,
}

impl Slot {
    /// Adds a run to the counters, if they are those of the trigger.
    fn add(&self, key: Key, time: u64, failure: Option<Failure>) -> bool {
        self.users.fetch_add(1, SeqCst);
        let found = self.key.load(SeqCst) == key.number();
        if found {
            self.fired.fetch_add(1, Relaxed);
            self.total.fetch_add(time, Relaxed);
            if time < self.min.load(Relaxed) {
                self.min.fetch_min(time, Relaxed);
            }
            if time > self.max.load(Relaxed) {
                self.max.fetch_max(time, Relaxed);
            }
            if let Some(failure) = failure {
                self.failed.fetch_add(1, Relaxed);
                self.timed_out.fetch_add(failure.timed_out.into(), Relaxed);
            }
        }
        self.users.fetch_sub(1, Release);
        found
    }

    /// Whether this is the trigger's name here. Without the lock the answer can be wrong
    /// while another process changes the name, which is no harm: then the key is missing.
    fn has_name(&self, name: &[u8]) -> bool {
        let mut known = self.name.iter();
        name_words(name).all(|word| {
            known
                .next()
                .is_some_and(|known| known.load(Relaxed) == word)
        })
    }

    /// Takes the slot from its trigger, so that its other members can be changed. The
    /// lock must be held. Returns false if a process does not cease to use it.
    fn vacate(&self) -> bool {
        let key = self.key.swap(0, SeqCst);
        for _ in 0..TRIES {
            if self.users.load(SeqCst) == 0 {
                return true;
            }
            std::thread::yield_now();
        }
        self.key.store(key, SeqCst);
        false
    }

    /// Gives a slot that has been vacated to a trigger, with counters that say nothing.
    fn occupy(&self, key: Key, trigger: Trigger) {
        for counter in [
            &self.fired,
            &self.failed,
            &self.timed_out,
            &self.total,
            &self.max,
        ] {
            counter.store(0, Relaxed);
        }
        self.min.store(u64::MAX, Relaxed);
        self.last_failure_at.store(0, Relaxed);
        self.last_failure.store(0, Relaxed);
        self.event.store(trigger.definition.event as i32, Relaxed);
        self.rename(key, trigger);
    }

    /// The same, but it keeps the counters, which are the trigger's.
    fn rename(&self, key: Key, trigger: Trigger) {
        let padding = std::iter::repeat(0);
        for (word, value) in self
            .name
            .iter()
            .zip(name_words(trigger.name()).chain(padding))
        {
            word.store(value, Relaxed);
        }
        self.key.store(key.number(), SeqCst);
    }

    /// The counters, if there are any. The lock must be held.
    fn read(&self) -> Option<Counters> {
        let last_failure_at = self.last_failure_at.load(Relaxed);
        Some(Counters {
            key: Key::from_number(self.key.load(Relaxed))?,
            event: *Event::ALL
                .iter()
                .find(|&&event| event as i32 == self.event.load(Relaxed))?,
            name: std::array::from_fn(|word| self.name[word].load(Relaxed)),
            fired: self.fired.load(Relaxed),
            failed: self.failed.load(Relaxed),
            timed_out: self.timed_out.load(Relaxed),
            total: self.total.load(Relaxed),
            min: self.min.load(Relaxed),
            max: self.max.load(Relaxed),
            last_failure: (last_failure_at != 0)
                .then(|| (last_failure_at, self.last_failure.load(Relaxed))),
        })
    }

    /// How the slot is used, for a session that knows its own database's triggers, sorted.
    fn usage(&self, database: u32, triggers: &[TriggerId]) -> Use {
        match Key::from_number(self.key.load(Relaxed)) {
            None => Use::Free,
            Some(key)
                if key.database() == database
                    && triggers.binary_search(&key.trigger()).is_err() =>
            {
                Use::Dropped
            }
            Some(_) => Use::Fired(self.fired.load(Relaxed)),
        }
    }
}

impl Stats {
    /// No counts, and so many slots.
    pub(in crate::pg) fn new(slots: usize) -> Stats {
        Stats {
            lock: Lock::default(),
            slots,
            tallies: Default::default(),
            reset_at: AtomicI64::new(backend::now()),
        }
    }

    /// Uses the slots at `slots`, which are initialized if they are fresh.
    ///
    /// # Safety
    /// There must be room for `self.slots` of them, which are valid as long as the
    /// process, and, unless they are fresh, initialized. Fresh ones nobody else may use.
    pub(in crate::pg) unsafe fn attach(&self, slots: *mut Slot, fresh: bool) {
        if fresh {
            for number in 0..self.slots {
                // SAFETY: the caller promises that there is room.
                unsafe { slots.add(number).write(Slot::default()) };
            }
        }
        SLOTS.store(slots, Relaxed);
    }

    fn slots(&self) -> &'static [Slot] {
        let slots = SLOTS.load(Relaxed);
        if slots.is_null() {
            return &[];
        }
        // SAFETY: `attach` was given that many slots, which are initialized, and shared
        // by atomics only.
        unsafe { std::slice::from_raw_parts(slots, self.slots) }
    }

    /// The slots, in the order in which a trigger is looked for.
    fn slots_for(&self, key: Key) -> impl Iterator<Item = &'static Slot> + Clone {
        let slots = self.slots();
        let (before, after) = slots.split_at(key.first_slot(slots.len()));
        after.iter().chain(before)
    }

    fn find(&self, key: Key) -> Option<&'static Slot> {
        let is_there = |slot: &&Slot| slot.key.load(Acquire) == key.number();
        let slots = self.slots();
        // That it is there at once is by far the most frequent.
        slots
            .get(key.first_slot(slots.len()))
            .filter(is_there)
            .or_else(|| self.slots_for(key).find(is_there))
    }

    fn add(&self, tally: Tally) {
        self.tallies[tally as usize].fetch_add(1, Relaxed);
    }

    /// Counts a run of a trigger of this process's database.
    fn add_run(&self, trigger: Trigger, time: u64, failure: Option<Failure>, known: Known) {
        let key = Key::new(backend::database(), trigger.definition.id);
        let counted = (0..ATTEMPTS).any(|_| match self.find(key) {
            Some(slot) if slot.has_name(trigger.name()) => slot.add(key, time, failure),
            _ => {
                self.assign(key, trigger, known);
                false
            }
        });
        if !counted {
            self.add(Tally::Uncounted);
        }
        if let Some(failure) = failure {
            let Some(_held) = self.lock.take() else {
                return;
            };
            if let Some(slot) = self.find(key) {
                slot.last_failure_at.store(backend::now(), Relaxed);
                slot.last_failure.store(failure.sqlstate, Relaxed);
            }
        }
    }

    /// Sees to it that a trigger has a slot, with its name.
    fn assign(&self, key: Key, trigger: Trigger, known: Known) {
        // Each slot is looked up in it.
        let Ok(triggers) = known().ids() else {
            return;
        };
        let Some(_held) = self.lock.take() else {
            return;
        };
        if let Some(slot) = self.find(key) {
            if !slot.has_name(trigger.name()) && slot.vacate() {
                slot.rename(key, trigger);
            }
            return;
        }
        let slots = self.slots_for(key);
        let uses = slots
            .clone()
            .map(|slot| slot.usage(key.database(), &triggers));
        let chosen = choose(uses)
            .and_then(|(number, used)| Some((slots.clone().nth(number)?, used)))
            .filter(|(slot, _)| slot.vacate());
        if let Some((slot, used)) = chosen {
            slot.occupy(key, trigger);
            if let Use::Fired(_) = used {
                self.add(Tally::GaveWay);
            }
        }
    }

    /// Frees the slots of the triggers that `which` names.
    fn free(&self, which: impl Fn(Key) -> bool) {
        let Some(_held) = self.lock.take() else {
            return;
        };
        for slot in self.slots() {
            if Key::from_number(slot.key.load(Relaxed)).is_some_and(&which) {
                // A slot that is still used keeps its counters.
                let _ = slot.vacate();
            }
        }
    }
}

/// Notes that a trigger begins to run.
pub(in crate::pg) fn begin(trigger: Trigger) {
    if stat_max() > 0 {
        RUNNING.set(Some((trigger.definition.id, backend::clock())));
    }
}

/// Has the run of the trigger not count that began last.
pub(in crate::pg) fn forget_running() {
    RUNNING.set(None);
}

/// Counts the run of a trigger, which has ended; nothing if it has been counted.
pub(in crate::pg) fn end(trigger: Trigger, failure: Option<Failure>, known: Known) {
    if let (Some((_, since)), Some(stats)) = (RUNNING.take(), STATS.get()) {
        let time = backend::clock() - since;
        stats.add_run(trigger, time, failure, known);
    }
}

/// Counts the run of the trigger that this process, which is about to exit, has not
/// finished. `timed_out` says whether its time limit ends the process.
pub(in crate::pg) fn exit(timed_out: bool, known: Known) {
    let (Some((id, since)), Some(stats)) = (RUNNING.take(), STATS.get()) else {
        return;
    };
    let failure = Failure {
        sqlstate: backend::exit_sqlstate().map_or(0, |text| encode_sqlstate(text.to_bytes())),
        timed_out,
    };
    match known().find(id) {
        Some(trigger) => {
            stats.add_run(trigger, backend::clock() - since, Some(failure), known);
        }
        None => stats.add(Tally::Uncounted),
    }
}

/// Counts one for the whole server.
pub(in crate::pg) fn add(tally: Tally) {
    if let Some(stats) = STATS.get() {
        stats.add(tally);
    }
}

/// How many slots there are for the counters of triggers.
pub(crate) fn slots() -> usize {
    STATS.get().map_or(0, |stats| stats.slots().len())
}

/// The counters of the slot with that number, if a trigger has it.
pub(crate) fn read(number: usize) -> Option<Counters> {
    let stats = STATS.get()?;
    let slot = stats.slots().get(number)?;
    let _held = stats.lock.take()?;
    slot.read()
}

/// What has been counted for the whole server, by its number in the order of [`Tally`].
pub(crate) fn tally(number: usize) -> Option<u64> {
    let tally = STATS.get()?.tallies.get(number)?;
    Some(tally.load(Relaxed))
}

/// Since when that is counted, in microseconds since 2000.
pub(crate) fn since() -> Option<i64> {
    Some(STATS.get()?.reset_at.load(Relaxed))
}

/// Forgets the counters of the triggers that `which` names.
pub(crate) fn forget(which: impl Fn(Key) -> bool) {
    if let Some(stats) = STATS.get() {
        stats.free(which);
    }
}

/// Forgets everything, and counts anew.
pub(crate) fn reset() {
    forget(|_| true);
    if let Some(stats) = STATS.get() {
        for tally in &stats.tallies {
            tally.store(0, Relaxed);
        }
        stats.reset_at.store(backend::now(), Relaxed);
    }
}
