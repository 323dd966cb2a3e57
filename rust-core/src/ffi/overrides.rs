//! Which settings are overridden while triggers run (rule F7).

use super::boundary::answer;
use crate::domain::session::overrides::{self, LANGUAGE_OVERRIDES, Override};
use std::ffi::{CStr, c_char, c_int};
use std::ptr;

/// What becomes of a setting during a firing.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SesstrigOverrideKind {
    /// It stays what the client made it.
    Keep,
    /// PostgreSQL's default.
    Default,
    /// The text.
    Value,
    /// What the setting that the text names has.
    SameAs,
}

/// A setting's value during a firing.
#[repr(C)]
pub struct SesstrigOverride {
    /// Which.
    pub kind: SesstrigOverrideKind,
    /// A value or a name, never freed; or null.
    pub text: *const c_char,
    /// Whether the server may refuse to set it, so that it stays.
    pub may_be_refused: bool,
}

/// The value, during a firing, of a setting that any user may set.
///
/// # Safety
/// `name` and, unless null, `current` point to terminated strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_override_find(
    name: *const c_char,
    current: *const c_char,
) -> SesstrigOverride {
    // Whatever a user set must not get through for a panic's sake.
    let fallback = SesstrigOverride {
        kind: SesstrigOverrideKind::Default,
        text: ptr::null(),
        may_be_refused: false,
    };
    answer(fallback, || {
        // SAFETY: the caller's promise.
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
            Override::SameAs(name) => (SesstrigOverrideKind::SameAs, name.as_ptr()),
        };
        SesstrigOverride {
            kind,
            text,
            may_be_refused: overrides::may_be_refused(name),
        }
    })
}

/// The procedural languages' settings that are overridden, one by one; false if
/// there is none of that index.
///
/// # Safety
/// `name` and `value` may be written.
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
        // SAFETY: the caller's promise.
        unsafe {
            name.write(entry.0.as_ptr());
            value.write(entry.1.as_ptr());
        }
        true
    })
}
