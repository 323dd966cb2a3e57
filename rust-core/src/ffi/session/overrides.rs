//! Lets `shim/session/overrides.c` ask which settings are overridden while triggers run (rule
//! F7). The answers come from `domain`.

use crate::domain::session::overrides::{self, LANGUAGE_OVERRIDES, Override};
use crate::ffi::server::boundary::answer;
use std::ffi::{CStr, c_char, c_int};
use std::ptr;

/// Which value a setting has during a firing.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SesstrigOverrideKind {
    /// The value that it has in the session.
    Keep,
    /// PostgreSQL's built-in default.
    Default,
    /// The value in `text`.
    Value,
    /// The server's time zone.
    LogTimezone,
}

/// The value of a setting during a firing.
#[repr(C)]
pub struct SesstrigOverride {
    /// Which value it is.
    pub kind: SesstrigOverrideKind,
    /// A value, a constant that is never freed; null for other kinds.
    pub text: *const c_char,
    /// Whether the server may refuse to set the value; then the session's value stays.
    pub may_be_refused: bool,
}

/// Which value the setting `name` has during a firing; `current` is its value in the
/// session. Asked only about settings that any user may set.
///
/// # Safety
/// `name` must point to a terminated string, and `current` too, unless it is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_override_find(
    name: *const c_char,
    current: *const c_char,
) -> SesstrigOverride {
    // Even after a panic, triggers must not run with a value that a user has set.
    let fallback = SesstrigOverride {
        kind: SesstrigOverrideKind::Default,
        text: ptr::null(),
        may_be_refused: false,
    };
    answer(fallback, || {
        // SAFETY: the caller promises terminated strings, and null only for `current`.
        let (name, current) = unsafe {
            (
                CStr::from_ptr(name),
                (!current.is_null()).then(|| CStr::from_ptr(current)),
            )
        };
        let (kind, text) = match overrides::find(name, current) {
            Override::Keep => (SesstrigOverrideKind::Keep, ptr::null()),
            Override::Default => (SesstrigOverrideKind::Default, ptr::null()),
            Override::Value(value) => (SesstrigOverrideKind::Value, value.as_ptr()),
            Override::LogTimezone => (SesstrigOverrideKind::LogTimezone, ptr::null()),
        };
        SesstrigOverride {
            kind,
            text,
            may_be_refused: overrides::may_be_refused(name),
        }
    })
}

/// The name and value, both constants, of the setting of a procedural language that
/// has this index among those that are overridden; false if there is none.
///
/// # Safety
/// `name` and `value` must point to writable pointers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_override_language(
    index: c_int,
    name: *mut *const c_char,
    value: *mut *const c_char,
) -> bool {
    answer(false, || {
        let Some(entry) = usize::try_from(index)
            .ok()
            .and_then(|index| LANGUAGE_OVERRIDES.get(index))
        else {
            return false;
        };
        // SAFETY: the caller promises that `name` and `value` are writable.
        unsafe {
            name.write(entry.0.as_ptr());
            value.write(entry.1.as_ptr());
        }
        true
    })
}
