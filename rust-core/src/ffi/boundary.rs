//! The one boundary between C and Rust: nothing unwinds out of an export.

use crate::pg::ErrorData;
use crate::pg::error::PgResult;
use crate::pg::panic;

/// Whether a call failed.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SesstrigStatus {
    /// It did what it should.
    Ok,
    /// The out-parameter has the error.
    Error,
}

/// Runs `f`, and turns its error or panic into a status (rule F13).
///
/// # Safety
/// `error` may be written.
pub(super) unsafe fn boundary(
    error: *mut *mut ErrorData,
    f: impl FnOnce() -> PgResult<()>,
) -> SesstrigStatus {
    let failure = match panic::catch(f) {
        Ok(Ok(())) => return SesstrigStatus::Ok,
        Ok(Err(failure)) => failure,
        Err(panic) => panic.into_error(c"session trigger core"),
    };
    // SAFETY: the caller's promise.
    unsafe { error.write(failure.into_raw()) };
    SesstrigStatus::Error
}

/// Runs `f` for an export that has no way to fail. A panic goes to the server
/// log, and the answer is `fallback`: each export's is what its caller takes
/// for "no such thing" (rule F13).
pub(super) fn answer<T>(fallback: T, f: impl FnOnce() -> T) -> T {
    match panic::catch(f) {
        Ok(answer) => answer,
        Err(panic) => {
            log::error!("{panic}");
            fallback
        }
    }
}
