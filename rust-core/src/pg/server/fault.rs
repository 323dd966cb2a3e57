//! Faults on request, for the tests of rules F12 and F13. The feature `faults`
//! builds this for the test suites' server; no other server contains it.

use super::settings::{Bool, Define, Enum, Int};
use super::sys;
use std::sync::atomic::{AtomicBool, AtomicI32};

const NONE: i32 = 0;
const PANIC: i32 = 1;
const PANIC_IN_ANSWER: i32 = 2;
const NO_MEMORY: i32 = 3;

static FAULT: Enum = Enum {
    name: c"session_triggers.fault",
    description: c"Makes the session trigger core fail.",
    variable: AtomicI32::new(NONE),
    values: &[
        (c"none", NONE),
        (c"panic", PANIC),
        (c"panic_in_answer", PANIC_IN_ANSWER),
        (c"no_memory", NO_MEMORY),
    ],
    context: sys::PGC_SUSET,
};

/// By how many days the clock is ahead, for the core.
static FAULT_DAYS: Int = Int {
    name: c"session_triggers.fault_days",
    description: c"Sets the clock of the session trigger core ahead.",
    variable: AtomicI32::new(0),
    range: -10_000..=10_000,
    context: sys::PGC_SIGHUP,
    flags: 0,
};

/// Whether the session is one of the tests' own, which are to leave no trace. The prefix is not
/// reserved, so that servers without faults take the name for a placeholder.
static FAULT_UNSEEN: Bool = Bool {
    name: c"session_faults.unseen",
    description: c"Keeps what the session changes out of the session audit.",
    variable: AtomicBool::new(false),
    context: sys::PGC_SUSET,
};

/// All of them.
pub(in crate::pg) static ALL: &[&dyn Define] = &[&FAULT, &FAULT_DAYS, &FAULT_UNSEEN];

/// Whether what the session changes is not recorded.
pub(in crate::pg) fn is_unseen() -> bool {
    FAULT_UNSEEN.get()
}

/// By how many microseconds the clock is ahead.
pub(in crate::pg) fn clock_offset() -> i64 {
    i64::from(FAULT_DAYS.get()) * 24 * 3600 * 1_000_000
}

/// Whether the C library is to have no memory for Rust.
pub(in crate::pg) fn no_memory() -> bool {
    FAULT.get() == NO_MEMORY
}

/// Panics if the setting asks for it. A firing calls this before each trigger.
pub(in crate::pg) fn before_trigger() {
    if FAULT.get() == PANIC {
        panic!("fault requested by session_triggers.fault");
    }
}

/// Panics if the setting asks for it. Exports that cannot report a failure call this.
pub(crate) fn before_answer() {
    if FAULT.get() == PANIC_IN_ANSWER {
        panic!("fault requested by session_triggers.fault");
    }
}
