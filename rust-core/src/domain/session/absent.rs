//! Which databases have no trigger on the two events, as their sessions have found out. A new
//! session of such a database then need not look for any.
//!
//! What is known of a database holds until the next change, of any database, that could add a
//! trigger somewhere. Changes are counted: whoever looks for triggers takes the number of
//! changes first, and then a snapshot, and notes with the result what that number was. A change
//! is visible to snapshots before it is counted, so what was found without it is out of date as
//! soon as it is counted. And it is counted before other sessions are told of it, so a session
//! that was told of nothing and goes by what was known then will still be told.

use std::sync::atomic::{
    AtomicU32, AtomicU64,
    Ordering::{Relaxed, SeqCst},
};

/// How many databases can be known. With more of them some are looked at more often.
const PLACES: usize = 64;

/// How many changes there have been. It begins anew after 2^32 of them, which is no harm unless
/// a database has no new session for exactly as long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changes(u32);

/// What is known, shared by all processes.
#[derive(Debug)]
pub struct Absent {
    changes: AtomicU32,
    /// A database, and the number of changes when it was found to have no trigger; or 0.
    databases: [AtomicU64; PLACES],
}

impl Default for Absent {
    fn default() -> Absent {
        Absent {
            changes: AtomicU32::new(0),
            databases: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }
}

impl Absent {
    /// Counts a change, which must be visible to snapshots already.
    pub fn count_change(&self) {
        self.changes.fetch_add(1, SeqCst);
    }

    /// The number of changes up to now.
    pub fn changes(&self) -> Changes {
        Changes(self.changes.load(SeqCst))
    }

    /// Notes that a database, which has an OID that is not 0, has no trigger. That number of
    /// changes was taken before the snapshot with which it was found out.
    pub fn note(&self, database: u32, changes: Changes) {
        self.place(database)
            .store(Absent::entry(database, changes), Relaxed);
    }

    /// Whether a database is known to have no trigger.
    pub fn includes(&self, database: u32) -> bool {
        self.place(database).load(Relaxed) == Absent::entry(database, self.changes())
    }

    fn place(&self, database: u32) -> &AtomicU64 {
        &self.databases[database as usize % PLACES]
    }

    fn entry(database: u32, changes: Changes) -> u64 {
        u64::from(database) << 32 | u64::from(changes.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_known_at_first() {
        let absent = Absent::default();
        for database in [1, 5, 64, u32::MAX] {
            assert!(!absent.includes(database), "{database}");
        }
    }

    #[test]
    fn what_is_noted_is_known_until_the_next_change() {
        let absent = Absent::default();
        absent.note(5, absent.changes());
        assert!(absent.includes(5));
        assert!(!absent.includes(6));
        absent.count_change();
        assert!(!absent.includes(5));
        absent.note(5, absent.changes());
        assert!(absent.includes(5));
    }

    /// Rule E9: whoever looked before a change may have missed it.
    #[test]
    fn what_was_found_before_a_change_is_not_known() {
        let absent = Absent::default();
        let before = absent.changes();
        absent.count_change();
        absent.note(5, before);
        assert!(!absent.includes(5));
    }

    #[test]
    fn databases_that_share_a_place_are_told_apart() {
        let absent = Absent::default();
        let (one, other) = (5, 5 + PLACES as u32);
        absent.note(one, absent.changes());
        assert!(!absent.includes(other));
        absent.note(other, absent.changes());
        assert!(absent.includes(other));
        assert!(!absent.includes(one));
    }
}
