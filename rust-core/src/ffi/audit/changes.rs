//! The exports through which `shim/audit/changes.c` tells what weakens the audit (rule A11).

use crate::ffi::server::boundary::{answer, boundary};
use crate::pg::ErrorData;
use crate::pg::audit::changes::{self, Change};
use crate::pg::audit::settings;
use std::ffi::{CStr, c_char};
use std::ptr;

/// What somebody does. Null pointers are what there is nothing to say of.
#[repr(C)]
pub struct SesstrigChange {
    /// The command tag.
    change: *const c_char,
    /// What it is done to, or where a setting is to apply.
    object: *const c_char,
    /// The setting.
    setting: *const c_char,
    /// The rights that are granted or revoked, and whose they are.
    privileges: *const c_char,
    grantees: *const c_char,
    /// What it was.
    old: *const c_char,
    /// What it is to be.
    value: *const c_char,
}

/// The string.
///
/// # Safety
/// `string` must be null or point to a terminated string that is valid as long as the result is
/// used.
unsafe fn optional<'a>(string: *const c_char) -> Option<&'a CStr> {
    // SAFETY: the caller promises that the string is terminated.
    (!string.is_null()).then(|| unsafe { CStr::from_ptr(string) })
}

/// Records what weakens the audit. Returns an error that must be raised.
///
/// # Safety
/// `change` must point to a struct whose pointers are null or point to terminated strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_audit_change(change: *const SesstrigChange) -> *mut ErrorData {
    // SAFETY: the caller promises that the struct and the strings are valid, which are only used
    // during this call.
    let change = unsafe {
        let change = &*change;
        Change {
            change: optional(change.change).unwrap_or_default(),
            object: optional(change.object),
            setting: optional(change.setting),
            privileges: optional(change.privileges),
            grantees: optional(change.grantees),
            old: optional(change.old),
            value: optional(change.value),
        }
    };
    boundary(|| changes::note(&change))
}

/// Records that a session sets one of the settings that matter, or that its client has done so
/// when it connected, which is recorded with its logon. Returns an error that must be raised.
///
/// # Safety
/// The pointers must point to terminated strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_audit_set(
    setting: *const c_char,
    old: *const c_char,
    value: *const c_char,
    by_client: bool,
) -> *mut ErrorData {
    // SAFETY: the caller promises that the strings are valid, which are copied.
    let (setting, old, value) = unsafe {
        (
            CStr::from_ptr(setting),
            CStr::from_ptr(old),
            CStr::from_ptr(value),
        )
    };
    boundary(|| changes::note_set(setting, old, value, by_client))
}

/// Whether a change of the setting with this name weakens the audit, or can.
///
/// # Safety
/// `name` must point to a terminated string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_audit_is_watched(name: *const c_char) -> bool {
    // SAFETY: the caller promises that the string is terminated.
    let name = unsafe { CStr::from_ptr(name) };
    answer(true, || changes::is_watched(name))
}

/// The database whose log has the records of all sessions, until the setting changes; null if
/// there is no audit.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_audit_database() -> *const c_char {
    answer(ptr::null(), settings::database)
}
