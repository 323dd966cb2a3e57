//! What weakens the session audit, and is done again and again (rule A11): what a session tells,
//! what it only counts, and how often it may tell something. Who finds out what is done, and
//! where it is told, is in `pg/audit/changes.rs`.
//!
//! Of what is the same, the first one is told at once, and how many have followed within a minute
//! is told later. What is different is told each time, so that nobody can hide one thing behind
//! others, but ever more slowly.
//!
//! Times are in microseconds since 2000, where nothing else is said.

use super::record::Record;
use std::ffi::CStr;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How many settings a reload can change.
pub const SETTINGS: usize = 10;

/// For how long what is the same is counted.
const WINDOW: i64 = 60 * 1_000_000;

/// How many different changes are remembered, to be compared with what follows.
const REMEMBERED: usize = 16;

/// How many changes a session may tell without a wait, and how long it takes until it may tell
/// one more, in nanoseconds.
const BURST: u64 = 16;
const STEP: u64 = 100_000_000;

/// A hash of the value of each of these settings, as the writers of a server have last seen it; 0
/// if none has.
#[derive(Debug, Default)]
pub struct Seen([AtomicU64; SETTINGS]);

impl Seen {
    /// Notes what a setting is now. Returns whether it was something else before.
    pub fn note(&self, setting: usize, value: &CStr) -> bool {
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        let hash = hasher.finish().max(1);
        ![0, hash].contains(&self.0[setting].swap(hash, Relaxed))
    }
}

/// What a session has told.
#[derive(Default)]
pub struct Told {
    /// In the order in which it was told.
    changes: Vec<Change>,
    /// When all may be told that was, in nanoseconds.
    paced: u64,
}

struct Change {
    first: Record,
    last_at: i64,
    /// How many have followed the first one.
    count: u32,
}

impl Change {
    /// What is to be told of those that have followed.
    fn rest(&self) -> Option<Record> {
        (self.count > 0).then_some(Record {
            at: self.last_at,
            count: self.count,
            ..self.first
        })
    }
}

impl Told {
    /// Counts the change, and returns true, if one that is the same was told within the last
    /// minute. What [`Told::due`] returns must have been told before.
    pub fn count(&mut self, record: &Record) -> bool {
        let same = self.changes.iter_mut().find(|change| {
            change.first.context == record.context && change.first.logon_at == record.logon_at
        });
        if let Some(change) = same {
            change.count = change.count.saturating_add(1);
            change.last_at = record.at;
            return true;
        }
        false
    }

    /// Forgets what was told more than a minute ago, up to what is to be told again, because it
    /// was counted meanwhile, and returns that.
    pub fn due(&mut self, now: i64) -> Option<Record> {
        self.take(|change| !(0..WINDOW).contains(&(now - change.first.at)))
    }

    /// Does the same with what was told at any time.
    pub fn rest(&mut self) -> Option<Record> {
        self.take(|_| true)
    }

    /// Remembers what was told. If there is no room, forgets what was told first, and returns
    /// what is to be told of that.
    pub fn remember(&mut self, record: &Record) -> Option<Record> {
        let oldest = (self.changes.len() == REMEMBERED).then(|| self.changes.remove(0));
        // Without memory, what follows is told.
        if self.changes.try_reserve_exact(1).is_ok() {
            self.changes.push(Change {
                first: *record,
                last_at: record.at,
                count: 0,
            });
        }
        oldest.and_then(|change| change.rest())
    }

    /// How long a session has to wait that has one more to tell, in nanoseconds, like `now`. If
    /// that is 0, it tells it now.
    pub fn pace(&mut self, now: u64) -> u64 {
        let next = self.paced.max(now.saturating_sub(BURST * STEP)) + STEP;
        if next <= now {
            self.paced = next;
        }
        next.saturating_sub(now)
    }

    fn take(&mut self, is_due: impl Fn(&Change) -> bool) -> Option<Record> {
        while let Some(number) = self.changes.iter().position(&is_due) {
            if let Some(rest) = self.changes.remove(number).rest() {
                return Some(rest);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::Kind;
    use super::super::text::Text;
    use super::*;
    use proptest::prelude::*;

    const SECOND: i64 = 1_000_000;

    fn change(name: u64, at: i64) -> Record {
        Record {
            context: Text::new(name.to_string().as_bytes()),
            logon_at: Some(0),
            ..Record::new(Kind::Changed, at)
        }
    }

    /// Does what a session does, and returns what it tells: which change, and how many.
    fn tell(told: &mut Told, record: &Record) -> Vec<(String, u32)> {
        let mut all = Vec::new();
        while let Some(rest) = told.due(record.at) {
            all.push(rest);
        }
        if !told.count(record) {
            all.push(*record);
            all.extend(told.remember(record));
        }
        all.iter().map(shown).collect()
    }

    fn shown(record: &Record) -> (String, u32) {
        let name = String::from_utf8_lossy(record.context.bytes());
        (name.into_owned(), record.count)
    }

    fn one(name: &str, count: u32) -> (String, u32) {
        (name.into(), count)
    }

    /// Rule A11.
    #[test]
    fn equal_changes_are_counted() {
        let mut told = Told::default();
        assert_eq!(tell(&mut told, &change(1, 0)), [one("1", 1)]);
        for at in 1..=30 {
            assert_eq!(tell(&mut told, &change(1, at * SECOND)), []);
        }
        // Others do not have them told.
        assert_eq!(tell(&mut told, &change(2, 31 * SECOND)), [one("2", 1)]);
        assert_eq!(tell(&mut told, &change(1, 59 * SECOND)), []);
        // A minute later both count as new, and what has not been repeated needs no word.
        assert_eq!(
            tell(&mut told, &change(2, 100 * SECOND)),
            [one("1", 31), one("2", 1)]
        );
        assert_eq!(tell(&mut told, &change(1, 100 * SECOND)), [one("1", 1)]);
        assert_eq!(told.rest(), None);
        // The next use of the session counts for itself, and a clock that is set back does not
        // make it silent.
        assert_eq!(tell(&mut told, &change(3, 100 * SECOND)), [one("3", 1)]);
        let next = Record {
            logon_at: Some(1),
            ..change(3, 100 * SECOND)
        };
        assert_eq!(tell(&mut told, &next), [one("3", 1)]);
        assert_eq!(tell(&mut told, &next), []);
        assert_eq!(
            tell(&mut told, &change(4, -SECOND)),
            [one("3", 1), one("4", 1)]
        );
    }

    /// Rule A11: the end of the session has the rest told, with the time of the last of them.
    #[test]
    fn the_rest_is_told() {
        let mut told = Told::default();
        tell(&mut told, &change(1, 0));
        tell(&mut told, &change(2, 0));
        tell(&mut told, &change(2, 5 * SECOND));
        let rest = told.rest().unwrap();
        assert_eq!((shown(&rest), rest.at), (one("2", 1), 5 * SECOND));
        assert_eq!(told.rest(), None);
    }

    /// Rule A11: a session that has more to tell than usual tells it slowly.
    #[test]
    fn many_changes_take_time() {
        let mut told = Told::default();
        let start = 3_600_000_000_000;
        for _ in 0..BURST {
            assert_eq!(told.pace(start), 0);
        }
        // Who does not wait has told nothing.
        for _ in 0..3 {
            assert_eq!(told.pace(start), STEP);
        }
        assert_eq!(told.pace(start + STEP), 0);
        assert_eq!(told.pace(start + STEP), STEP);
        for _ in 0..BURST {
            assert_eq!(told.pace(start + 100 * STEP), 0);
        }
        assert_eq!(told.pace(start + 100 * STEP), STEP);
    }

    proptest! {
        /// Rule A11: whatever is done in whichever order, all of it is told or counted.
        #[test]
        fn nothing_is_lost(changes in proptest::collection::vec((0u64..25, 0i64..20), 0..200)) {
            let mut told = Told::default();
            let (mut at, mut total) = (0, 0);
            for (name, seconds) in &changes {
                at += seconds * SECOND;
                total += tell(&mut told, &change(*name, at)).iter().map(|(_, count)| count).sum::<u32>();
            }
            while let Some(rest) = told.rest() {
                total += rest.count;
            }
            prop_assert_eq!(total as usize, changes.len());
        }
    }
}
