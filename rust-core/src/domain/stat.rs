//! What is counted of each trigger, and whose counters give way when there is no room
//! left (rules T1 and T2). Where the counters are kept is not decided here.

use crate::domain::session::triggers::TriggerId;

/// A trigger of any database, as one number that is not 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(u64);

impl Key {
    /// The trigger with that OID, in the database with that OID.
    pub fn new(database: u32, trigger: TriggerId) -> Key {
        Key(u64::from(database) << 32 | u64::from(trigger.0))
    }

    /// The key with that number; `None` if it is 0.
    pub fn from_number(number: u64) -> Option<Key> {
        (number != 0).then_some(Key(number))
    }

    /// The number.
    pub fn number(self) -> u64 {
        self.0
    }

    /// The database's OID.
    pub fn database(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// The trigger's OID.
    pub fn trigger(self) -> TriggerId {
        TriggerId(self.0 as u32)
    }

    /// In which of so many slots, fewer than 2^32, the search for the trigger begins.
    /// OIDs are handed out one after the other, so their differences are spread.
    pub fn first_slot(self, slots: usize) -> usize {
        let spread = self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        ((spread * slots as u64) >> 32) as usize
    }
}

/// How a slot for a trigger's counters is used: the lower, the sooner another trigger
/// gets it (rule T2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Use {
    /// By no trigger.
    Free,
    /// By a trigger that has been dropped.
    Dropped,
    /// By a trigger that has fired so many times.
    Fired(u64),
}

/// Which of the slots a trigger gets that has none, and how it was used: the first of
/// those that will do as well. `None` if there is no slot at all.
pub fn choose(slots: impl Iterator<Item = Use>) -> Option<(usize, Use)> {
    slots.enumerate().min_by_key(|&(_, used)| used)
}

/// How a run of a trigger has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The error's SQLSTATE, as the server encodes it.
    pub sqlstate: i32,
    /// Whether the time limit of rule F10 was the reason.
    pub timed_out: bool,
}

/// Encodes the five characters of a SQLSTATE, as `MAKE_SQLSTATE()` does.
pub fn encode_sqlstate(text: &[u8]) -> i32 {
    text.iter().rev().fold(0, |code, &letter| {
        code << 6 | (i32::from(letter) - i32::from(b'0')) & 0x3f
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Rule T2: free slots first, then those of dropped triggers, then the least used.
    #[test]
    fn the_least_used_gives_way() {
        use Use::{Dropped, Fired, Free};
        let table: [(&[Use], _); 6] = [
            (&[], None),
            (&[Fired(2), Free, Dropped], Some((1, Free))),
            (&[Fired(0), Dropped, Fired(1)], Some((1, Dropped))),
            (&[Fired(7), Fired(3), Fired(4)], Some((1, Fired(3)))),
            (&[Fired(7), Fired(3), Fired(3)], Some((1, Fired(3)))),
            (&[Free, Free], Some((0, Free))),
        ];
        for (slots, expected) in table {
            assert_eq!(choose(slots.iter().copied()), expected, "{slots:?}");
        }
    }

    #[test]
    fn sqlstates_are_encoded_as_by_the_server() {
        // ERRCODE_QUERY_CANCELED and ERRCODE_RAISE_EXCEPTION
        assert_eq!(encode_sqlstate(b"57014"), 67_371_461);
        assert_eq!(encode_sqlstate(b"P0001"), 16_777_248);
    }

    /// The slots of triggers that are created together are not the same.
    #[test]
    fn first_slots_are_spread() {
        let slots = 256;
        let mut taken: Vec<usize> = (0..slots as u32)
            .map(|oid| Key::new(5, TriggerId(16_384 + oid)).first_slot(slots))
            .collect();
        taken.sort_unstable();
        taken.dedup();
        assert!(taken.len() > slots / 2, "{}", taken.len());
    }

    proptest! {
        #[test]
        fn keys_keep_both_oids(database: u32, trigger: u32, slots in 1..70_000usize) {
            let key = Key::new(database, TriggerId(trigger));
            prop_assert_eq!(key.database(), database);
            prop_assert_eq!(key.trigger(), TriggerId(trigger));
            prop_assert!(key.first_slot(slots) < slots);
            prop_assert_eq!(
                Key::from_number(key.number()),
                (database != 0 || trigger != 0).then_some(key)
            );
        }
    }
}
