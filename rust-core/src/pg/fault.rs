//! Faults on request, for the tests of rules F12 and F13. The feature `faults`
//! builds this for the test suites' server; no other server contains it.

use super::error::PgResult;
use super::{settings, sys};
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};

const NONE: i32 = 0;
const PANIC: i32 = 1;
const PANIC_IN_ANSWER: i32 = 2;

static FAULT: AtomicI32 = AtomicI32::new(NONE);

/// Defines the setting `session_triggers.fault`.
pub(super) fn define() -> PgResult<()> {
    settings::define_enum(
        c"session_triggers.fault",
        c"Makes the session trigger core fail.",
        &FAULT,
        &[
            (c"none", NONE),
            (c"panic", PANIC),
            (c"panic_in_answer", PANIC_IN_ANSWER),
        ],
        sys::PGC_SUSET,
    )
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
