//! Which triggers databases have on the two events, as their sessions have found out. A new
//! session of such a database then need not read them, nor look for any where there is none.
//!
//! What is known of a database holds until the next change of triggers, in any database.
//! Changes are counted: whoever reads the triggers takes the number of changes first, and then
//! a snapshot, and notes with the result what that number was. A change is visible to snapshots
//! before it is counted, so what was read without it is out of date as soon as it is counted.
//! And it is counted before other sessions are told of it, so a session that was told of
//! nothing and goes by what was known then will still be told.

use crate::domain::delegation::Standing;
use crate::domain::session::event::Event;
use crate::domain::session::name::{NAME_WORDS, name_words};
use crate::domain::session::triggers::{Definition, Enabled, FunctionId, TriggerId, TriggerSet};
use std::collections::TryReserveError;
use std::ffi::CStr;
use std::sync::atomic::{
    AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release, SeqCst},
    fence,
};

/// How many databases can be known. With more of them some are read more often.
const PLACES: usize = 64;

/// How many triggers of a database can be known. Where there are more, each session reads them.
const TRIGGERS: usize = 16;

/// A trigger: its OID and that of its function, its event and in which sessions it is enabled,
/// and its name.
type Words<T> = [T; 2 + NAME_WORDS];

/// How many changes there have been. It begins anew after 2^32 of them, which is no harm unless
/// a database has no new session for exactly as long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changes(u32);

/// What is known, shared by all processes.
#[derive(Debug)]
pub struct Known {
    changes: AtomicU32,
    places: [Place; PLACES],
}

/// What is known of one database. Whoever reads it does not wait for who writes it, but finds
/// out afterwards that it has been written meanwhile.
#[derive(Debug, Default)]
struct Place {
    /// Odd while a process writes, and never again what it was before.
    version: AtomicU32,
    /// The database, and the number of changes when it was found to have these triggers; or 0.
    database: AtomicU64,
    count: AtomicU32,
    triggers: [Words<AtomicU64>; TRIGGERS],
}

impl Default for Known {
    fn default() -> Known {
        Known {
            changes: AtomicU32::new(0),
            places: std::array::from_fn(|_| Place::default()),
        }
    }
}

impl Known {
    /// Counts a change, which must be visible to snapshots already.
    pub fn count_change(&self) {
        self.changes.fetch_add(1, SeqCst);
    }

    /// The number of changes up to now.
    pub fn changes(&self) -> Changes {
        Changes(self.changes.load(SeqCst))
    }

    /// Notes that a database, which has an OID that is not 0, has these triggers and no others,
    /// for whichever session. The number of changes was taken before the snapshot with which
    /// they were read. If there are too many, or if another process notes something at the same
    /// place, this does nothing.
    pub fn note(&self, database: u32, changes: Changes, triggers: &TriggerSet) {
        if triggers.len() <= TRIGGERS {
            self.place(database)
                .write(Known::entry(database, changes), triggers);
        }
    }

    /// The triggers of a database, if they are known.
    ///
    /// # Errors
    /// Returns an error if there is no memory for them.
    pub fn triggers(&self, database: u32) -> Result<Option<TriggerSet>, TryReserveError> {
        self.place(database)
            .read(Known::entry(database, self.changes()))
    }

    fn place(&self, database: u32) -> &Place {
        &self.places[database as usize % PLACES]
    }

    fn entry(database: u32, changes: Changes) -> u64 {
        u64::from(database) << 32 | u64::from(changes.0)
    }
}

impl Place {
    /// The triggers, if they are of that database and that number of changes.
    fn read(&self, database: u64) -> Result<Option<TriggerSet>, TryReserveError> {
        let version = self.version.load(Acquire);
        if version % 2 == 1 || self.database.load(Relaxed) != database {
            return Ok(None);
        }
        let count = self.count.load(Relaxed) as usize;
        let mut set = TriggerSet::try_with_capacity(count)?;
        // They were written in the order in which they fire.
        for shared in self.triggers.iter().take(count) {
            decode(shared.each_ref().map(|word| word.load(Relaxed)), &mut set)?;
        }
        // Whoever has read a word that was written later sees that version, too.
        fence(Acquire);
        Ok((self.version.load(Relaxed) == version).then_some(set))
    }

    fn write(&self, database: u64, triggers: &TriggerSet) {
        let version = self.version.load(Relaxed);
        if version % 2 == 1
            || self
                .version
                .compare_exchange(version, version.wrapping_add(1), Acquire, Relaxed)
                .is_err()
        {
            return;
        }
        // No word is written before that version is there.
        fence(Release);
        self.database.store(database, Relaxed);
        self.count.store(triggers.len() as u32, Relaxed);
        for (shared, trigger) in self.triggers.iter().zip(triggers.iter()) {
            let Definition {
                id,
                event,
                function,
                enabled,
                standing: _,
            } = trigger.definition;
            let ids = u64::from(id.0) << 32 | u64::from(function.0);
            let words = [ids, (event as u64) << 8 | enabled as u64];
            let words = words.into_iter().chain(name_words(trigger.name()));
            for (shared, word) in shared.iter().zip(words) {
                shared.store(word, Relaxed);
            }
        }
        self.version.store(version.wrapping_add(2), Release);
    }
}

/// Adds a trigger to the set. What has been read in part before it was written, and in part
/// after that, may be no trigger.
fn decode([ids, how, name @ ..]: Words<u64>, set: &mut TriggerSet) -> Result<(), TryReserveError> {
    let mut bytes = [0; 8 * NAME_WORDS];
    for (bytes, word) in bytes.chunks_exact_mut(8).zip(name) {
        bytes.copy_from_slice(&word.to_ne_bytes());
    }
    match (
        CStr::from_bytes_until_nul(&bytes),
        Event::ALL.get((how >> 8) as usize),
        Enabled::from_catalog(how as u8),
    ) {
        (Ok(name), Some(&event), Some(enabled)) => set.add(
            name,
            None,
            Definition {
                id: TriggerId((ids >> 32) as u32),
                event,
                function: FunctionId(ids as u32),
                enabled,
                standing: Standing::Superuser,
            },
        ),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::ffi::CString;

    /// A set with triggers of these names, the first of which has that OID.
    fn set<S: AsRef<str>>(names: &[S], first: u32) -> TriggerSet {
        let mut set = TriggerSet::default();
        for (n, name) in (first..).zip(names) {
            let definition = Definition {
                id: TriggerId(n),
                event: Event::ALL[n as usize % 2],
                function: FunctionId(u32::MAX - n),
                enabled: [
                    Enabled::Origin,
                    Enabled::Replica,
                    Enabled::Always,
                    Enabled::Never,
                ][n as usize % 4],
                standing: Standing::Superuser,
            };
            let name = CString::new(name.as_ref()).unwrap();
            set.add(&name, None, definition).unwrap();
        }
        set.sort();
        set
    }

    fn empty() -> TriggerSet {
        TriggerSet::default()
    }

    /// The set that is known of a database, as text.
    fn known(known: &Known, database: u32) -> Option<String> {
        known.triggers(database).unwrap().map(|set| text(&set))
    }

    fn text(set: &TriggerSet) -> String {
        format!("{:?}", set.iter().collect::<Vec<_>>())
    }

    #[test]
    fn nothing_is_known_at_first() {
        let all = Known::default();
        for database in [1, 5, 64, u32::MAX] {
            assert_eq!(known(&all, database), None, "{database}");
        }
    }

    #[test]
    fn what_is_noted_is_known_until_the_next_change() {
        let all = Known::default();
        for set in [empty(), set(&["b", "a"], 7), empty()] {
            all.note(5, all.changes(), &set);
            assert_eq!(known(&all, 5), Some(text(&set)));
            assert_eq!(known(&all, 6), None);
            all.count_change();
            assert_eq!(known(&all, 5), None);
        }
    }

    /// Rule E9: whoever looked before a change may have missed it.
    #[test]
    fn what_was_found_before_a_change_is_not_known() {
        let all = Known::default();
        let before = all.changes();
        all.count_change();
        all.note(5, before, &set(&["a"], 7));
        assert_eq!(known(&all, 5), None);
    }

    #[test]
    fn databases_that_share_a_place_are_told_apart() {
        let all = Known::default();
        let (one, other) = (5, 5 + PLACES as u32);
        all.note(one, all.changes(), &set(&["a"], 7));
        assert_eq!(known(&all, other), None);
        all.note(other, all.changes(), &empty());
        assert_eq!(known(&all, other), Some(text(&empty())));
        assert_eq!(known(&all, one), None);
    }

    #[test]
    fn more_triggers_than_there_is_room_for_are_not_known() {
        let all = Known::default();
        let names: Vec<_> = (0..=TRIGGERS).map(|n| format!("t{n:02}")).collect();
        all.note(5, all.changes(), &set(&names, 7));
        assert_eq!(known(&all, 5), None);
        let most = set(&names[1..], 7);
        all.note(5, all.changes(), &most);
        assert_eq!(known(&all, 5), Some(text(&most)));
    }

    #[test]
    fn what_is_being_written_is_neither_read_nor_written() {
        let all = Known::default();
        all.note(5, all.changes(), &empty());
        all.place(5).version.fetch_add(1, Relaxed);
        assert_eq!(known(&all, 5), None);
        all.note(5, all.changes(), &set(&["a"], 7));
        all.place(5).version.fetch_add(1, Relaxed);
        assert_eq!(known(&all, 5), Some(text(&empty())));
    }

    /// Each reader gets one of the sets that were written, and never a part of two.
    #[test]
    fn readers_never_see_a_mixture() {
        let all = Known::default();
        let sets = [
            set(&["one", "another one with a longer name", "three"], 100),
            set(&["two"], 2000),
            set(&["x", "y"], 30),
        ];
        let texts = sets.each_ref().map(text);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for set in sets.iter().cycle().take(30_000) {
                        all.note(5, all.changes(), set);
                    }
                });
            }
            scope.spawn(|| {
                for _ in 0..30_000 {
                    if let Some(seen) = known(&all, 5) {
                        assert!(texts.contains(&seen), "{seen}");
                    }
                }
            });
        });
        assert!(known(&all, 5).is_some());
    }

    proptest! {
        #[test]
        fn triggers_come_back_as_they_were(
            names in prop::collection::btree_set("[^\0]{1,15}", 0..=TRIGGERS),
            first in 1..u32::MAX / 2,
        ) {
            let all = Known::default();
            let set = set(&names.into_iter().collect::<Vec<_>>(), first);
            all.note(5, all.changes(), &set);
            prop_assert_eq!(known(&all, 5), Some(text(&set)));
        }
    }
}
