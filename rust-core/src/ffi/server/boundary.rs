//! The boundary through which every export for the server runs its body, so that no
//! panic unwinds into C. Errors of the server are not caught here, but in
//! `shim/server/guard.c`, before they reach Rust.

use crate::pg::ErrorData;
use crate::pg::server::error::PgResult;
#[cfg(feature = "faults")]
use crate::pg::server::fault;
use crate::pg::server::panic;
use std::ptr;

/// Runs `f`. Returns null, or its error or panic (rule F13), which then belongs to the caller.
pub(in crate::ffi) fn boundary(f: impl FnOnce() -> PgResult<()>) -> *mut ErrorData {
    match panic::catch(f) {
        Ok(Ok(())) => ptr::null_mut(),
        Ok(Err(error)) => error.into_raw(),
        Err(panic) => panic.into_error(c"session trigger core").into_raw(),
    }
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
