//! The time limit of a firing (rule F10), or of the wait for its record (rule A6), and what
//! ignores cancels meanwhile (rule F9). How that is done is in `shim/server/timeout.c`.

use crate::pg::server::error::{PgError, PgResult};
use crate::pg::server::sys;
use std::ffi::CStr;

/// Ignores cancel requests until the session's next command (rule F9), and sets the
/// statement timestamp to the current time.
pub(in crate::pg) fn ignore_cancels() {
    // SAFETY: the function sets a signal handler and variables, and cannot raise.
    unsafe { sys::sesstrig_ignore_cancels() }
}

/// Starts the timeout of a firing: `ms` milliseconds, or no timeout if that is 0
/// (rule F10). An error that the timeout causes gets `message`.
pub(in crate::pg) fn start(ms: i32, message: &'static CStr) -> PgResult<()> {
    // SAFETY: the string lives as long as the process, as the call requires.
    unsafe { PgError::check(sys::sesstrig_try_start_timeout(ms, message.as_ptr())) }
}

/// Ends the timeout of a firing, as the rollback of its transaction also does.
pub(in crate::pg) fn end() {
    // SAFETY: the function disables a timeout, and cannot raise.
    unsafe { sys::sesstrig_end_timeout() }
}

/// Whether the timeout has been reached since it was started.
pub(in crate::pg) fn is_reached() -> bool {
    // SAFETY: the function only reads a variable, and cannot raise.
    unsafe { sys::sesstrig_timeout_is_reached() }
}

/// If the timeout caused `error`, gives it the timeout's SQLSTATE and message, and returns
/// true.
pub(in crate::pg) fn explain(error: &mut PgError) -> bool {
    // SAFETY: `error` has not been freed, and the reference is exclusive.
    unsafe { sys::sesstrig_explain_timeout(error.as_ptr()) }
}
