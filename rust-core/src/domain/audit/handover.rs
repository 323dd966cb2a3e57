//! How a session hands a record to the writer of the session audit (rules A3, A4 and A6): the
//! states of a slot, and which slots the writer has to look at. Where the slots are, and what
//! is in them, is in `pg/audit/pool.rs`.
//!
//! A slot belongs to one process at a time, which its state names: to the session that fills
//! it, then to the writer, and, if the session waits for the record, to the session again.
//! Each change of the state is one atomic operation, so that a session may stop waiting at
//! any moment: whoever comes second frees the slot.

use std::ops::Range;
use std::sync::atomic::{
    AtomicU8, AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed, SeqCst},
};

/// Nobody uses the slot.
const EMPTY: u8 = 0;
/// A session writes its record into it.
const FILLING: u8 = 1;
/// The record is there, and the session waits until it is written.
const READY: u8 = 2;
/// The same, but nobody waits for it.
const READY_ALONE: u8 = 3;
/// The writer writes it, and the session waits.
const TAKEN: u8 = 4;
/// The same, but nobody waits for it.
const TAKEN_ALONE: u8 = 5;
/// It is written, and the session has not seen that yet.
const WRITTEN: u8 = 6;
/// It could not be written, and the session has not seen that yet.
const FAILED: u8 = 7;
/// It cannot be written, whatever happens, and the session has not seen that yet.
const REFUSED: u8 = 8;
/// A replication connection is open, and has said what is to be written if the server is shut
/// down before it ends.
const HELD: u8 = 9;

/// The state of a slot.
#[derive(Debug, Default)]
pub struct State(AtomicU8);

/// What a session that waits finds out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing yet.
    None,
    /// The record is written. The slot is the session's.
    Written,
    /// The writer failed. The record is to be written later, or withdrawn.
    Failed,
    /// The log does not take this record. The slot is the session's.
    Refused,
}

/// Who goes on with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The session that waits for it, which is to be woken.
    Session,
    /// The writer, since nobody waits.
    Writer,
}

impl State {
    /// Changes the state as `next` says, or returns false if that has no answer for it.
    fn change(&self, next: impl Fn(u8) -> Option<u8>) -> Option<u8> {
        self.0.fetch_update(AcqRel, Acquire, next).ok()
    }

    /// Changes the state from `before` to `after`. Returns false if it is another one.
    fn step(&self, before: u8, after: u8) -> bool {
        self.0
            .compare_exchange(before, after, AcqRel, Acquire)
            .is_ok()
    }

    /// Takes an empty slot, to fill it. Returns false if it is not empty.
    pub fn claim(&self) -> bool {
        self.0.load(Relaxed) == EMPTY && self.step(EMPTY, FILLING)
    }

    /// Hands over the record that has been filled in. `waits` says whether the session is
    /// going to wait for it.
    pub fn publish(&self, waits: bool) {
        self.step(FILLING, if waits { READY } else { READY_ALONE });
    }

    /// Keeps the record that has been filled in until the session ends, or the server.
    pub fn hold(&self) {
        self.step(FILLING, HELD);
    }

    /// Forgets what was kept, at the end of the session. Returns false if the writer has it,
    /// which then tells of that end.
    pub fn release(&self) -> bool {
        self.step(HELD, EMPTY)
    }

    /// Takes what a session keeps, to write it at the end of the server. Returns false if there
    /// is nothing.
    pub fn take_held(&self) -> bool {
        self.step(HELD, TAKEN_ALONE)
    }

    /// Whether a record is to be written.
    pub fn is_pending(&self) -> bool {
        matches!(
            self.0.load(Acquire),
            READY | READY_ALONE | TAKEN | TAKEN_ALONE
        )
    }

    /// What has become of the record that the session waits for.
    pub fn answer(&self) -> Answer {
        match self.0.load(Acquire) {
            WRITTEN => Answer::Written,
            FAILED => Answer::Failed,
            REFUSED => Answer::Refused,
            _ => Answer::None,
        }
    }

    /// Stops waiting. Returns what was found out up to then; the slot is empty if that is
    /// [`Answer::Written`] or [`Answer::Refused`], and otherwise the writer's.
    pub fn leave(&self) -> Answer {
        let before = self.change(|state| match state {
            READY | FAILED => Some(READY_ALONE),
            TAKEN => Some(TAKEN_ALONE),
            WRITTEN | REFUSED => Some(EMPTY),
            _ => None,
        });
        match before {
            Some(WRITTEN) => Answer::Written,
            Some(FAILED) => Answer::Failed,
            Some(REFUSED) => Answer::Refused,
            _ => Answer::None,
        }
    }

    /// Takes the record back, so that it is not written. Returns false if the writer has it,
    /// or has written it; the session still waits then.
    pub fn withdraw(&self) -> bool {
        self.step(READY, EMPTY) || self.step(FAILED, EMPTY)
    }

    /// Takes a record, to write it. Returns false if there is none.
    pub fn take(&self) -> bool {
        self.change(|state| match state {
            READY => Some(TAKEN),
            READY_ALONE => Some(TAKEN_ALONE),
            _ => None,
        })
        .is_some()
    }

    /// Gives back what a writer had taken that is gone, as if nobody had taken it. Returns
    /// false if nobody had.
    pub fn put_back(&self) -> bool {
        self.change(|state| match state {
            TAKEN => Some(READY),
            TAKEN_ALONE => Some(READY_ALONE),
            _ => None,
        })
        .is_some()
    }

    /// Whether a writer has taken the record.
    pub fn is_taken(&self) -> bool {
        matches!(self.0.load(Acquire), TAKEN | TAKEN_ALONE)
    }

    /// The record that was taken is written. If nobody waits, the slot is empty.
    pub fn written(&self) -> Next {
        self.finish(WRITTEN, EMPTY)
    }

    /// The record that was taken could not be written. If nobody waits, it can be taken again.
    pub fn failed(&self) -> Next {
        self.finish(FAILED, READY_ALONE)
    }

    /// The record that was taken is one that the log does not take. If nobody waits, the slot
    /// is empty.
    pub fn refused(&self) -> Next {
        self.finish(REFUSED, EMPTY)
    }

    /// Tells the session that its record, which has not been taken, is not written in time,
    /// if one waits. Returns whether one does.
    pub fn give_up(&self) -> bool {
        self.step(READY, FAILED)
    }

    fn finish(&self, waiting: u8, alone: u8) -> Next {
        match self.change(|state| match state {
            TAKEN => Some(waiting),
            TAKEN_ALONE => Some(alone),
            _ => None,
        }) {
            Some(TAKEN) => Next::Session,
            _ => Next::Writer,
        }
    }
}

/// How many slots there are, if the server can have so many processes with a client: a session
/// can leave its end before its logon is written, and whoever comes next has the same place
/// among the processes.
pub fn number_of_slots(processes: usize) -> usize {
    (2 * processes + SPARE).next_multiple_of(u64::BITS as usize)
}

/// How many slots are more than the processes need for themselves.
const SPARE: usize = 64;

/// The slots that records may have which are no session's logon or end, of which a session can
/// leave any number.
pub fn spare(slots: usize) -> Range<usize> {
    slots - SPARE..slots
}

/// In which order a process tries the slots: its own two, then all others.
pub fn candidates(process: usize, slots: usize) -> impl Iterator<Item = usize> {
    let first = 2 * process;
    (0..slots).map(move |next| (first + next) % slots)
}

/// A bit for each slot that the writer has to look at. It may be set for one that has nothing
/// for it, but a slot with a record for the writer always has it. Whoever sets one, and then
/// finds the writer awake, is seen by a writer that then looks: the order of all is the same.
#[derive(Debug)]
pub struct Marks<'a>(pub &'a [AtomicU64]);

impl Marks<'_> {
    /// Has the writer look at the slot.
    pub fn set(&self, slot: usize) {
        self.0[slot / 64].fetch_or(1 << (slot % 64), SeqCst);
    }

    /// Whether the writer has to look at a slot.
    pub fn any(&self) -> bool {
        self.0.iter().any(|word| word.load(SeqCst) != 0)
    }

    /// Removes the marks, and calls `visit` with the number of each slot that had one.
    pub fn drain(&self, mut visit: impl FnMut(usize)) {
        for (number, word) in self.0.iter().enumerate() {
            // Most have none, and to look costs less than to take.
            if word.load(Relaxed) == 0 {
                continue;
            }
            let mut bits = word.swap(0, AcqRel);
            while bits != 0 {
                visit(number * 64 + bits.trailing_zeros() as usize);
                bits &= bits - 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All that can be done to a slot, and what comes of it: the state after it, or `None` if
    /// it must leave the state alone.
    #[test]
    fn transitions_of_a_slot() {
        type Step = (&'static str, fn(&State), &'static [(u8, u8)]);
        let steps: &[Step] = &[
            ("claim", |s| _ = s.claim(), &[(EMPTY, FILLING)]),
            ("publish", |s| s.publish(true), &[(FILLING, READY)]),
            (
                "publish alone",
                |s| s.publish(false),
                &[(FILLING, READY_ALONE)],
            ),
            (
                "leave",
                |s| _ = s.leave(),
                &[
                    (READY, READY_ALONE),
                    (TAKEN, TAKEN_ALONE),
                    (WRITTEN, EMPTY),
                    (FAILED, READY_ALONE),
                    (REFUSED, EMPTY),
                ],
            ),
            (
                "withdraw",
                |s| _ = s.withdraw(),
                &[(READY, EMPTY), (FAILED, EMPTY)],
            ),
            (
                "take",
                |s| _ = s.take(),
                &[(READY, TAKEN), (READY_ALONE, TAKEN_ALONE)],
            ),
            (
                "put back",
                |s| _ = s.put_back(),
                &[(TAKEN, READY), (TAKEN_ALONE, READY_ALONE)],
            ),
            (
                "written",
                |s| _ = s.written(),
                &[(TAKEN, WRITTEN), (TAKEN_ALONE, EMPTY)],
            ),
            (
                "failed",
                |s| _ = s.failed(),
                &[(TAKEN, FAILED), (TAKEN_ALONE, READY_ALONE)],
            ),
            (
                "refused",
                |s| _ = s.refused(),
                &[(TAKEN, REFUSED), (TAKEN_ALONE, EMPTY)],
            ),
            ("give up", |s| _ = s.give_up(), &[(READY, FAILED)]),
            ("hold", State::hold, &[(FILLING, HELD)]),
            ("release", |s| _ = s.release(), &[(HELD, EMPTY)]),
            ("take held", |s| _ = s.take_held(), &[(HELD, TAKEN_ALONE)]),
        ];
        for (name, step, changes) in steps {
            for before in EMPTY..=HELD {
                let state = State(AtomicU8::new(before));
                step(&state);
                let expected = changes
                    .iter()
                    .find(|change| change.0 == before)
                    .map_or(before, |change| change.1);
                assert_eq!(state.0.load(Relaxed), expected, "{name} in state {before}");
            }
        }
    }

    /// Rule A6: whoever comes second frees the slot, in either order, and the record is
    /// written once.
    #[test]
    fn a_slot_is_freed_by_the_second() {
        for leave_first in [true, false] {
            let state = State::default();
            assert!(state.claim());
            assert!(!state.claim());
            state.publish(true);
            assert!(state.take());
            assert!(!state.take());
            if leave_first {
                assert_eq!(state.leave(), Answer::None);
                assert_eq!(state.written(), Next::Writer);
            } else {
                assert_eq!(state.written(), Next::Session);
                assert_eq!(state.answer(), Answer::Written);
                assert_eq!(state.leave(), Answer::Written);
            }
            assert!(state.claim(), "the slot is empty again");
        }
    }

    /// Rule A6: what was withdrawn is not written, and what was taken is not withdrawn.
    #[test]
    fn a_record_is_withdrawn_or_taken() {
        let state = State::default();
        state.claim();
        state.publish(true);
        assert!(state.withdraw());
        assert!(!state.take());
        state.claim();
        state.publish(true);
        state.take();
        assert!(!state.withdraw());
        assert_eq!(state.failed(), Next::Session);
        assert!(state.withdraw());
    }

    #[test]
    fn marks_are_taken_once() {
        let words = [const { AtomicU64::new(0) }; 2];
        let marks = Marks(&words);
        assert!(!marks.any());
        for slot in [0, 63, 64, 127, 63] {
            marks.set(slot);
        }
        assert!(marks.any());
        let mut seen = Vec::new();
        marks.drain(|slot| seen.push(slot));
        assert_eq!(seen, [0, 63, 64, 127]);
        assert!(!marks.any());
    }

    #[test]
    fn each_process_begins_with_slots_of_its_own() {
        let slots = number_of_slots(100);
        assert_eq!(slots, 320);
        let order: Vec<usize> = candidates(99, slots).collect();
        assert_eq!(&order[..2], [198, 199]);
        assert!(spare(slots).start >= 200 && spare(slots).end == slots);
        assert_eq!(order.len(), slots);
        let first: Vec<_> = candidates(200, slots).take(1).collect();
        assert_eq!(first, [80], "more processes than expected share slots");
    }

    /// Sessions that come, wait, leave or withdraw at any moment, and a writer that succeeds
    /// or fails: each record is written exactly once, unless it was withdrawn or refused.
    #[test]
    fn many_sessions_and_a_writer() {
        use std::sync::atomic::{AtomicBool, AtomicU32};
        const SLOTS: usize = 64;
        const SESSIONS: usize = 8;
        const RECORDS: usize = 4000;
        let states: Vec<State> = (0..SLOTS).map(|_| State::default()).collect();
        let contents: Vec<AtomicU64> = (0..SLOTS).map(|_| AtomicU64::new(0)).collect();
        let words = [const { AtomicU64::new(0) }];
        let written: Vec<AtomicU32> = (0..SESSIONS * RECORDS).map(|_| AtomicU32::new(0)).collect();
        let withdrawn: Vec<AtomicU32> =
            (0..SESSIONS * RECORDS).map(|_| AtomicU32::new(0)).collect();
        let done = AtomicBool::new(false);
        let marks = Marks(&words);
        std::thread::scope(|scope| {
            let sessions: Vec<_> = (0..SESSIONS)
                .map(|session| {
                    let (states, contents, marks) = (&states, &contents, &marks);
                    let withdrawn = &withdrawn;
                    scope.spawn(move || {
                        for record in 0..RECORDS {
                            let number = session * RECORDS + record;
                            let slot = loop {
                                match candidates(session, SLOTS).find(|&slot| states[slot].claim())
                                {
                                    Some(slot) => break slot,
                                    None => std::thread::yield_now(),
                                }
                            };
                            contents[slot].store(number as u64, Relaxed);
                            let kind = number % 4;
                            states[slot].publish(kind != 0);
                            marks.set(slot);
                            match kind {
                                0 => {}
                                1 => {
                                    if states[slot].withdraw() {
                                        withdrawn[number].store(1, Relaxed);
                                    } else {
                                        _ = states[slot].leave();
                                        marks.set(slot);
                                    }
                                }
                                _ => {
                                    let mut patience = if kind == 2 { 50 } else { u32::MAX };
                                    while states[slot].answer() == Answer::None && patience > 0 {
                                        patience -= 1;
                                        std::thread::yield_now();
                                    }
                                    if states[slot].leave() == Answer::Failed {
                                        marks.set(slot);
                                    }
                                }
                            }
                        }
                    })
                })
                .collect();
            scope.spawn(|| {
                let mut round = 0_u32;
                loop {
                    let last = done.load(Acquire);
                    let mut taken = Vec::new();
                    marks.drain(|slot| {
                        if states[slot].take() {
                            taken.push(slot);
                        }
                    });
                    round += 1;
                    let fails = round % 7 == 0 && !last;
                    for slot in taken {
                        if fails {
                            if states[slot].failed() == Next::Writer {
                                marks.set(slot);
                            }
                        } else {
                            written[contents[slot].load(Relaxed) as usize].fetch_add(1, Relaxed);
                            states[slot].written();
                        }
                    }
                    if last && !marks.any() {
                        break;
                    }
                    std::thread::yield_now();
                }
            });
            for session in sessions {
                session.join().unwrap();
            }
            done.store(true, Relaxed);
        });
        for (number, count) in written.iter().enumerate() {
            let expected = 1 - withdrawn[number].load(Relaxed);
            assert_eq!(count.load(Relaxed), expected, "record {number}");
        }
        assert!(states.iter().all(State::claim), "all slots are empty");
    }
}
