//! The server's errors as Rust values. Nothing here raises or catches an error: C
//! does both, in `shim/server/raise.c` and `shim/server/guard.c`.

use crate::pg::server::sys::{self, ErrorData};
use std::collections::TryReserveError;
use std::ffi::CStr;
use std::ptr::NonNull;

/// An error that a guard has caught. It owns the guard's copy of the `ErrorData`,
/// which was allocated by the server and is freed by the server.
pub(crate) struct PgError {
    data: NonNull<ErrorData>,
}

/// The result of a guarded call.
pub(crate) type PgResult<T> = Result<T, PgError>;

/// Calls a guard that answers by writing to where it is told. Returns its answer.
///
/// # Errors
/// Returns the guard's error.
///
/// # Safety
/// `guard` must call a guard, which may write to the place that it is given and must return
/// what [`PgError::check`] takes.
pub(in crate::pg) unsafe fn ask<T: Default>(
    guard: impl FnOnce(&mut T) -> *mut ErrorData,
) -> PgResult<T> {
    let mut answer = T::default();
    // SAFETY: the caller promises that this pointer comes from a guard.
    unsafe { PgError::check(guard(&mut answer))? };
    Ok(answer)
}

impl PgError {
    /// Turns the pointer that a guard returned into a result.
    ///
    /// # Errors
    /// Returns the guard's error if `data` is not null.
    ///
    /// # Safety
    /// `data` must be null or come from a guard, and must not be freed elsewhere.
    pub(in crate::pg) unsafe fn check(data: *mut ErrorData) -> PgResult<()> {
        match NonNull::new(data) {
            None => Ok(()),
            Some(data) => Err(PgError { data }),
        }
    }

    /// Keeps the error from being sent to the client when it is reported.
    pub(in crate::pg) fn hide_from_client(&mut self) {
        // SAFETY: whoever called `check` promised a valid `ErrorData` that is only ours.
        unsafe { self.data.as_mut() }.output_to_client = false;
    }

    /// The SQLSTATE, as the server encodes it.
    pub(in crate::pg) fn sqlstate(&self) -> i32 {
        // SAFETY: whoever called `check` promised a valid `ErrorData`.
        unsafe { self.data.as_ref() }.sqlerrcode
    }

    /// The primary message, in the database's encoding.
    pub(in crate::pg) fn message(&self) -> &CStr {
        // SAFETY: whoever called `check` promised a valid `ErrorData`, whose message is
        // null or a terminated string that lives as long.
        unsafe {
            let message = self.data.as_ref().message;
            if message.is_null() {
                c"missing error text"
            } else {
                CStr::from_ptr(message)
            }
        }
    }

    /// The error, for a call that does not free it.
    pub(in crate::pg) fn as_ptr(&self) -> *mut ErrorData {
        self.data.as_ptr()
    }

    /// Hands the error over to C, which must free it.
    pub(crate) fn into_raw(self) -> *mut ErrorData {
        std::mem::ManuallyDrop::new(self).data.as_ptr()
    }
}

/// Rust's memory is used up. What a user can make large is allocated so that this can be
/// told, since otherwise the process would be aborted.
impl From<TryReserveError> for PgError {
    fn from(_: TryReserveError) -> PgError {
        // SAFETY: the function returns a constant, which is never null, and which
        // `sesstrig_error_free` leaves alone.
        let data = unsafe { NonNull::new_unchecked(sys::sesstrig_out_of_memory()) };
        PgError { data }
    }
}

impl Drop for PgError {
    fn drop(&mut self) {
        // SAFETY: a guard made this error, and `into_raw` has not handed it over.
        unsafe { sys::sesstrig_error_free(self.data.as_ptr()) }
    }
}
