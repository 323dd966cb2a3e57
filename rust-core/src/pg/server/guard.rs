//! Calls into the server that may raise an error, as safe functions that return it.
//! The guards themselves are C, in `shim/server/guard.c`; no decision is made here.
//!
//! After any error, [`abort_transaction`] must be called before anything else that
//! accesses the database.

use super::error::{PgError, PgResult, ask};
use super::sys;
use std::ffi::CStr;

/// Makes an error of the core's own, with SQLSTATE XX000.
pub(in crate::pg) fn make_error(message: &CStr, detail: &CStr, context: &CStr) -> PgError {
    // SAFETY: the strings outlive the call, and the call copies them.
    let made = unsafe {
        PgError::check(sys::sesstrig_try_make_error(
            message.as_ptr(),
            detail.as_ptr(),
            context.as_ptr(),
        ))
    };
    made.expect_err("the guard raises an error and returns it")
}

/// Reports an error to the server log and, unless it is hidden from the client, to
/// the client.
pub(in crate::pg) fn report_error(error: &PgError) -> PgResult<()> {
    // SAFETY: `error` has not been freed, and the call copies it.
    unsafe { PgError::check(sys::sesstrig_try_report_error(error.as_ptr())) }
}

/// Sends the client a WARNING with SQLSTATE 01000, which is not logged.
pub(in crate::pg) fn warn_client(message: &CStr) -> PgResult<()> {
    // SAFETY: the string outlives the call.
    unsafe { PgError::check(sys::sesstrig_try_warn_client(message.as_ptr())) }
}

/// Shows what the session does in the process title.
pub(in crate::pg) fn set_title(title: &CStr) -> PgResult<()> {
    // SAFETY: the string outlives the call, and the call copies it.
    unsafe { PgError::check(sys::sesstrig_try_set_title(title.as_ptr())) }
}

/// Starts the transaction of a firing (rule F1).
pub(in crate::pg) fn start_transaction() -> PgResult<()> {
    // SAFETY: the call takes no arguments, and returns errors instead of raising them.
    unsafe { PgError::check(sys::sesstrig_try_start_transaction()) }
}

/// Overrides the settings that any user may set, up to the end of the transaction
/// (rule F7).
pub(in crate::pg) fn override_settings() -> PgResult<()> {
    // SAFETY: the call takes no arguments, and returns errors instead of raising them.
    unsafe { PgError::check(sys::sesstrig_try_override_settings()) }
}

/// Releases the locks that the session holds outside of transactions (rule G1).
pub(in crate::pg) fn release_locks() -> PgResult<()> {
    // SAFETY: the call takes no arguments, and returns errors instead of raising them.
    unsafe { PgError::check(sys::sesstrig_try_release_locks()) }
}

/// Commits the transaction. Errors of deferred work get `context`.
pub(in crate::pg) fn commit_transaction(context: &CStr) -> PgResult<()> {
    // SAFETY: the string outlives the call.
    unsafe { PgError::check(sys::sesstrig_try_commit_transaction(context.as_ptr())) }
}

/// Rolls back whatever is open, and brings the session back to idle.
pub(in crate::pg) fn abort_transaction() -> PgResult<()> {
    // SAFETY: the call takes no arguments, and returns errors instead of raising them.
    unsafe { PgError::check(sys::sesstrig_try_abort_transaction()) }
}

/// Processes the invalidation messages of other sessions' catalog changes.
pub(in crate::pg) fn accept_invalidations() -> PgResult<()> {
    // SAFETY: the call takes no arguments, and returns errors instead of raising them.
    unsafe { PgError::check(sys::sesstrig_try_accept_invalidations()) }
}

/// Whether the role that logged on is a superuser.
pub(in crate::pg) fn superuser() -> PgResult<bool> {
    // SAFETY: this calls a guard.
    unsafe { ask(|answer| sys::sesstrig_try_superuser(answer)) }
}
