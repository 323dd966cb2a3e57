//! When the keeper of the session audit runs (rule A7). What it does is in SQL, in
//! `extensions/session_audit`, and `pg/audit/keeper.rs` has it started.
//!
//! Times are in microseconds since 2000.

const MINUTE: i64 = 60 * 1_000_000;
const HOUR: i64 = 60 * MINUTE;

/// How long a pass is not repeated for a logon that finds no partition for its month:
/// the pass may have been unable to make it.
const MISSING_MONTH: i64 = 10 * MINUTE;

/// The last pass since the server was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastPass {
    /// When it was asked for; `None` if there was none.
    pub asked_at: Option<i64>,
    /// How many passes have failed since the last one that did not.
    pub failures: u32,
    /// Whether there has been something for another one since.
    pub is_wanted: bool,
}

impl LastPass {
    /// Whether a pass is to be started at a logon. `month_missing` says that there is no
    /// partition for the row of that logon.
    ///
    /// A pass that is wanted is started at once. One that has failed is repeated after a
    /// minute, then after two, four, and so on up to an hour, even if it is wanted.
    pub fn is_due(self, now: i64, month_missing: bool) -> bool {
        let Some(last) = self.asked_at else {
            return true;
        };
        let wait = match self.failures {
            0 if self.is_wanted => 0,
            0 if month_missing => MISSING_MONTH,
            0 => HOUR,
            failures => (MINUTE << (failures - 1).min(6)).min(HOUR),
        };
        // If the clock was set back, the last pass was in the future.
        now < last || now - last >= wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule A7: hourly, soon if a month is missing, at once if it is wanted, and if passes fail,
    /// never in a tight loop.
    #[test]
    fn passes_are_due() {
        let start = 24_000 * HOUR;
        let never = LastPass {
            asked_at: None,
            failures: 0,
            is_wanted: false,
        };
        assert!(never.is_due(start, false));
        let table = [
            (0, false, HOUR),
            (0, true, 10 * MINUTE),
            (1, false, MINUTE),
            (1, true, MINUTE),
            (2, false, 2 * MINUTE),
            (6, false, 32 * MINUTE),
            (7, false, HOUR),
            (8, false, HOUR),
            (u32::MAX, true, HOUR),
        ];
        for (failures, month_missing, wait) in table {
            let passes = LastPass {
                asked_at: Some(start),
                failures,
                is_wanted: false,
            };
            assert!(!passes.is_due(start, month_missing), "{passes:?}");
            assert!(
                !passes.is_due(start + wait - 1, month_missing),
                "{passes:?}"
            );
            assert!(passes.is_due(start + wait, month_missing), "{passes:?}");
            assert!(passes.is_due(start - 1, month_missing), "{passes:?}");
            let wanted = LastPass {
                is_wanted: true,
                ..passes
            };
            assert_eq!(
                wanted.is_due(start, month_missing),
                failures == 0,
                "{wanted:?}"
            );
            assert!(wanted.is_due(start + wait, month_missing), "{wanted:?}");
        }
    }
}
