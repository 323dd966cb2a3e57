//! The settings of the session audit (section S).

use crate::pg::server::settings::{Bool, Define, Int, Text};
use crate::pg::server::sys;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr};

/// All of them.
pub(in crate::pg) static ALL: &[&dyn Define] = &[&LOG_TO_SERVER, &KEEP, &REFUSED_DATABASE];

/// A thousand years.
const MAX_KEEP: i32 = 365_000;

/// Whether a primary writes the lines of a standby, too.
pub(super) static LOG_TO_SERVER: Bool = Bool {
    name: c"session_audit.log_to_server",
    description: c"Writes each record of the session audit to the server log, too.",
    variable: AtomicBool::new(false),
    context: sys::PGC_SUSET,
};

/// For how many days rows are kept; 0 means for ever.
pub(super) static KEEP: Int = Int {
    name: c"session_audit.keep",
    description: c"Sets for how many days the session audit keeps its rows; 0 is for ever.",
    variable: AtomicI32::new(0),
    range: 0..=MAX_KEEP,
    context: sys::PGC_SIGHUP,
    flags: 0,
};

/// Where refused logons go that have no database with a log.
pub(super) static REFUSED_DATABASE: Text = Text {
    name: c"session_audit.refused_database",
    description:
        c"Sets the database whose session audit records refused logons to databases without one.",
    variable: AtomicPtr::new(ptr::null_mut()),
    context: sys::PGC_SIGHUP,
    assign_hook: None,
};
