//! What the server calls at its start, and at the start and the end of a session.

use super::boundary::{SesstrigStatus, answer, boundary};
use crate::domain::session::event::Event;
use crate::pg::{self, ErrorData, session, triggers};
use std::ffi::{CStr, c_char};

/// Defines the settings and prepares the core; once per process tree.
///
/// # Safety
/// `error` points to a variable that may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_core_start(error: *mut *mut ErrorData) -> SesstrigStatus {
    // SAFETY: the caller's promise.
    unsafe { boundary(error, pg::start) }
}

/// Whether there is a session event of that name.
///
/// # Safety
/// `name` points to a terminated string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_event_find(name: *const c_char) -> bool {
    // SAFETY: the caller's promise.
    answer(false, || {
        Event::from_name(unsafe { CStr::from_ptr(name) }).is_some()
    })
}

/// Forgets the triggers: pg_event_trigger has changed. It sets a flag, and
/// cannot panic.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_triggers_invalidate() {
    triggers::invalidate();
}

/// Starts a session; in a transaction.
///
/// # Safety
/// `error` points to a variable that may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_session_open(error: *mut *mut ErrorData) -> SesstrigStatus {
    // SAFETY: the caller's promise.
    unsafe { boundary(error, session::open) }
}

/// Fires logon. An error must end the session.
///
/// # Safety
/// `error` points to a variable that may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_logon_fire(error: *mut *mut ErrorData) -> SesstrigStatus {
    // SAFETY: the caller's promise.
    unsafe { boundary(error, session::logon) }
}

/// Fires logoff.
///
/// # Safety
/// `error` points to a variable that may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_logoff_fire(error: *mut *mut ErrorData) -> SesstrigStatus {
    // SAFETY: the caller's promise.
    unsafe { boundary(error, session::logoff) }
}

/// Whether the end of the process is to fire logoff.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_exit_fires() -> bool {
    answer(false, session::fires_at_exit)
}

/// Panics inside the boundary, for the test suites' trigger functions.
///
/// # Safety
/// `error` points to a variable that may be written.
#[cfg(feature = "faults")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_fault_raise(error: *mut *mut ErrorData) -> SesstrigStatus {
    // SAFETY: the caller's promise.
    unsafe { boundary(error, || panic!("fault requested by a trigger")) }
}
