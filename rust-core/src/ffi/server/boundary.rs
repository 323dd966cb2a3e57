//! The boundary through which every export for the server runs its body, so that no
//! panic unwinds into C. Errors of the server are not caught here, but in
//! `shim/server/guard.c`, before they reach Rust.

use crate::pg::ErrorData;
use crate::pg::server::error::PgResult;
#[cfg(feature = "faults")]
use crate::pg::server::fault;
use crate::pg::server::panic;
use std::mem::MaybeUninit;

/// Whether a call has succeeded.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SesstrigStatus {
    /// It has succeeded; the out-parameter for the error is not set.
    Ok,
    /// It has failed; the out-parameter has the error, which now belongs to the caller.
    Error,
}

/// Runs `f`, and turns its error or panic into a status (rule F13).
///
/// `error` is the place that C has for an error, as a reference, so that exports need not be
/// unsafe for its sake: C passes the address of a local variable.
pub(in crate::ffi) fn boundary(
    error: &mut MaybeUninit<*mut ErrorData>,
    f: impl FnOnce() -> PgResult<()>,
) -> SesstrigStatus {
    let failure = match panic::catch(f) {
        Ok(Ok(())) => return SesstrigStatus::Ok,
        Ok(Err(failure)) => failure,
        Err(panic) => panic.into_error(c"session trigger core"),
    };
    error.write(failure.into_raw());
    SesstrigStatus::Error
}

/// Runs `f` for an export that cannot report a failure. After a panic, which is
/// reported in the server log, the result is `fallback` (rule F13). Each export
/// chooses a fallback that is safe for its caller, mostly one that means "not found".
pub(in crate::ffi) fn answer<T>(fallback: T, f: impl FnOnce() -> T) -> T {
    let f = || {
        #[cfg(feature = "faults")]
        fault::before_answer();
        f()
    };
    match panic::catch(f) {
        Ok(answer) => answer,
        Err(panic) => {
            log::error!("{panic}");
            fallback
        }
    }
}
