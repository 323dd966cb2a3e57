//! The settings of the session audit (section S).

use crate::pg::server::settings::{Bool, Define, Int, Text};
use crate::pg::server::sys;
use std::ffi::c_char;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr};

/// All of them.
pub(in crate::pg) static ALL: &[&dyn Define] = &[
    &DATABASE,
    &ENABLED,
    &REQUIRED,
    &TIMEOUT,
    &LOG_TO_SERVER,
    &KEEP,
    &CONTEXT,
];

/// A thousand years.
const MAX_KEEP: i32 = 365_000;

/// The database whose log has the records of all sessions; empty if there is no audit.
pub(super) static DATABASE: Text = Text {
    name: c"session_audit.database",
    description: c"Sets the database where the session audit of the whole server is.",
    variable: AtomicPtr::new(ptr::null_mut()),
    context: sys::PGC_SIGHUP,
    check_hook: None,
    assign_hook: None,
};

/// The name of that database, until the setting changes; null if there is no audit.
pub(crate) fn database() -> *const c_char {
    DATABASE.as_ptr()
}

/// Whether there is an audit.
pub(crate) fn is_on() -> bool {
    !DATABASE.as_ptr().is_null()
}

/// Whether sessions of this role and database are recorded.
pub(super) static ENABLED: Bool = Bool {
    name: c"session_audit.enabled",
    description: c"Records sessions in the session audit.",
    variable: AtomicBool::new(true),
    context: sys::PGC_SUSET,
};

/// Whether a logon that cannot be recorded is refused.
pub(super) static REQUIRED: Bool = Bool {
    name: c"session_audit.required",
    description: c"Refuses logons that the session audit cannot record.",
    variable: AtomicBool::new(false),
    context: sys::PGC_SUSET,
};

/// How long a logon waits for its record.
pub(super) static TIMEOUT: Int = Int {
    name: c"session_audit.timeout",
    description: c"Sets how long a logon waits for its record in the session audit.",
    variable: AtomicI32::new(5000),
    range: 1..=i32::MAX,
    context: sys::PGC_SUSET,
    flags: sys::GUC_UNIT_MS as i32,
};

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

/// The settings whose values are in the records.
pub(super) static CONTEXT: Text = Text {
    name: c"session_audit.context",
    description: c"Lists the settings whose values the session audit records.",
    variable: AtomicPtr::new(ptr::null_mut()),
    context: sys::PGC_SUSET,
    check_hook: None,
    assign_hook: None,
};
