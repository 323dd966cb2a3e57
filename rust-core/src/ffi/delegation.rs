//! The functions that `shim/delegation.c` and `shim/trial.c` call for delegated triggers
//! (rules N2 and N3).

use super::boundary::{SesstrigStatus, boundary};
use crate::domain::session::trigger::{FunctionId, RoleId};
use crate::pg::{ErrorData, delegation, session};
use std::ffi::{CStr, c_char};
use std::ptr;

/// Fires the delegated logon triggers, after those of superusers and in a transaction of
/// their own. An error must end the session.
///
/// # Safety
/// `error` must point to a writable pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_delegation_fire(error: *mut *mut ErrorData) -> SesstrigStatus {
    // SAFETY: the caller promises that `error` is writable.
    unsafe { boundary(error, session::delegated_logon) }
}

/// Sets `detail` to a sentence that says why a trigger with this owner and function does not
/// fire in this session; to null if nothing keeps it from firing. A transaction must be open.
///
/// # Safety
/// `detail` and `error` must point to writable pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_delegation_obstacle(
    owner: u32,
    function: u32,
    detail: *mut *const c_char,
    error: *mut *mut ErrorData,
) -> SesstrigStatus {
    let ask = || {
        let obstacle = delegation::obstacle(RoleId(owner), FunctionId(function))?;
        let text = obstacle.map_or(ptr::null(), |obstacle| CStr::as_ptr(obstacle.detail()));
        // SAFETY: the caller promises that `detail` is writable.
        unsafe { detail.write(text) };
        Ok(())
    };
    // SAFETY: the caller promises that `error` is writable.
    unsafe { boundary(error, ask) }
}
