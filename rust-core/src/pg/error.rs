//! The server's errors as values.

use super::sys::{self, ErrorData};
use std::ptr::NonNull;

/// An error that a guard caught: a copy of elog's `ErrorData`, owned here.
pub(crate) struct PgError {
    data: NonNull<ErrorData>,
}

/// What a guarded call returns.
pub(crate) type PgResult<T> = Result<T, PgError>;

impl PgError {
    /// Turns what a guard returned into a result.
    ///
    /// # Safety
    /// `data` is null or what a guard returned, and nobody else frees it.
    pub(super) unsafe fn check(data: *mut ErrorData) -> PgResult<()> {
        match NonNull::new(data) {
            None => Ok(()),
            Some(data) => Err(PgError { data }),
        }
    }

    /// Keeps the error from being sent to the client when it is reported.
    pub(super) fn hide_from_client(&mut self) {
        // SAFETY: `check`'s contract makes this an `ErrorData` that only we hold.
        unsafe { self.data.as_mut() }.output_to_client = false;
    }

    pub(super) fn as_ptr(&self) -> *mut ErrorData {
        self.data.as_ptr()
    }

    /// Hands the error to C, which frees it.
    pub(crate) fn into_raw(self) -> *mut ErrorData {
        std::mem::ManuallyDrop::new(self).data.as_ptr()
    }
}

impl Drop for PgError {
    fn drop(&mut self) {
        // SAFETY: a guard returned it, and `into_raw` does not get here.
        unsafe { sys::sesstrig_error_free(self.data.as_ptr()) }
    }
}
