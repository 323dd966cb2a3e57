//! Faults on request, for the tests of rules F12 and F13. The feature `faults`
//! builds this for the test suites' server; no other server contains it.

use super::error::PgResult;
use super::{settings, sys};
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};

const NONE: i32 = 0;
const PANIC: i32 = 1;
const PANIC_IN_ANSWER: i32 = 2;
const NO_MEMORY: i32 = 3;

static FAULT: AtomicI32 = AtomicI32::new(NONE);

/// By how many days the clock is ahead, for the core.
static FAULT_DAYS: AtomicI32 = AtomicI32::new(0);

/// Defines the settings `session_triggers.fault` and `session_triggers.fault_days`.
pub(super) fn define() -> PgResult<()> {
    settings::define_int(
        c"session_triggers.fault_days",
        c"Sets the clock of the session trigger core ahead.",
        &FAULT_DAYS,
        -10_000..=10_000,
        sys::PGC_SIGHUP,
        0,
    )?;
    settings::define_enum(
        c"session_triggers.fault",
        c"Makes the session trigger core fail.",
        &FAULT,
        &[
            (c"none", NONE),
            (c"panic", PANIC),
            (c"panic_in_answer", PANIC_IN_ANSWER),
            (c"no_memory", NO_MEMORY),
        ],
        sys::PGC_SUSET,
    )
}

/// By how many microseconds the clock is ahead.
pub(super) fn clock_offset() -> i64 {
    i64::from(FAULT_DAYS.load(Relaxed)) * 24 * 3600 * 1_000_000
}

/// Whether the C library is to have no memory for Rust.
pub(super) fn no_memory() -> bool {
    FAULT.load(Relaxed) == NO_MEMORY
}

/// Panics if the setting asks for it. A firing calls this before each trigger.
pub(super) fn before_trigger() {
    if FAULT.load(Relaxed) == PANIC {
        panic!("fault requested by session_triggers.fault");
    }
}

/// Panics if the setting asks for it. Exports that cannot report a failure call this.
pub(crate) fn before_answer() {
    if FAULT.load(Relaxed) == PANIC_IN_ANSWER {
        panic!("fault requested by session_triggers.fault");
    }
}
