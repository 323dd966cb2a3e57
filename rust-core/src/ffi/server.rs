//! What the server calls: its settings, events, sessions and variables.

use super::boundary::{SesstrigStatus, answer, boundary};
use crate::domain::context::{Type, Variable};
use crate::domain::event::Event;
use crate::domain::pin::{LANGUAGE_PINS, Pin, may_be_refused, pin};
use crate::pg::context::{Value, value};
use crate::pg::{self, ErrorData, session, triggers};
use std::ffi::{CStr, c_char, c_int};
use std::ptr;

/// What a value is.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SesstrigValueKind {
    /// SQL's NULL
    Null,
    /// `text`
    Text,
    /// `int`
    Integer,
}

/// A context variable's value.
#[repr(C)]
pub struct SesstrigValue {
    /// Which of the members counts.
    pub kind: SesstrigValueKind,
    /// Text in the server's encoding, not terminated; never freed.
    pub text: *const c_char,
    /// Its length in bytes.
    pub length: usize,
    /// A number.
    pub integer: i32,
}

/// The number of context variables.
pub const SESSTRIG_CONTEXT_VARIABLES: c_int = 4;
const _: () = assert!(SESSTRIG_CONTEXT_VARIABLES as usize == Variable::ALL.len());

/// Defines the settings and prepares the core; once per process tree.
///
/// # Safety
/// `error` points to a variable that may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_core_start(error: *mut *mut ErrorData) -> SesstrigStatus {
    // SAFETY: the caller's promise.
    unsafe { boundary(error, pg::start) }
}

/// Whether there is a session event of that name.
///
/// # Safety
/// `name` points to a terminated string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_event_find(name: *const c_char) -> bool {
    // SAFETY: the caller's promise.
    answer(false, || {
        Event::from_name(unsafe { CStr::from_ptr(name) }).is_some()
    })
}

/// Forgets the triggers: pg_event_trigger has changed. It sets a flag, and
/// cannot panic.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_triggers_invalidate() {
    triggers::invalidate();
}

/// Starts a session; in a transaction.
///
/// # Safety
/// `error` points to a variable that may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_session_open(error: *mut *mut ErrorData) -> SesstrigStatus {
    // SAFETY: the caller's promise.
    unsafe { boundary(error, session::open) }
}

/// Fires logon. An error must end the session.
///
/// # Safety
/// `error` points to a variable that may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_logon_fire(error: *mut *mut ErrorData) -> SesstrigStatus {
    // SAFETY: the caller's promise.
    unsafe { boundary(error, session::logon) }
}

/// Fires logoff.
///
/// # Safety
/// `error` points to a variable that may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_logoff_fire(error: *mut *mut ErrorData) -> SesstrigStatus {
    // SAFETY: the caller's promise.
    unsafe { boundary(error, session::logoff) }
}

/// Whether the end of the process is to fire logoff.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_exit_fires() -> bool {
    answer(false, session::fires_at_exit)
}

/// What becomes of a setting during a firing.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SesstrigPinKind {
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
pub struct SesstrigPin {
    /// Which.
    pub kind: SesstrigPinKind,
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
pub unsafe extern "C" fn sesstrig_pin_find(
    name: *const c_char,
    current: *const c_char,
) -> SesstrigPin {
    // Whatever a user set must not get through for a panic's sake.
    let fallback = SesstrigPin {
        kind: SesstrigPinKind::Default,
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
        let (kind, text) = match pin(name, current) {
            Pin::Keep => (SesstrigPinKind::Keep, ptr::null()),
            Pin::Default => (SesstrigPinKind::Default, ptr::null()),
            Pin::Value(value) => (SesstrigPinKind::Value, value.as_ptr()),
            Pin::SameAs(name) => (SesstrigPinKind::SameAs, name.as_ptr()),
        };
        SesstrigPin {
            kind,
            text,
            may_be_refused: may_be_refused(name),
        }
    })
}

/// The procedural languages' settings that are pinned, one by one; false if
/// there is none of that index.
///
/// # Safety
/// `name` and `value` may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_pin_language(
    index: c_int,
    name: *mut *const c_char,
    value: *mut *const c_char,
) -> bool {
    answer(false, || {
        let Some(entry) = usize::try_from(index)
            .ok()
            .and_then(|index| LANGUAGE_PINS.get(index))
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

fn variable(index: c_int) -> Option<Variable> {
    Variable::ALL.get(usize::try_from(index).ok()?).copied()
}

/// A context variable's name; null if there is none of that index.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_variable_name(index: c_int) -> *const c_char {
    answer(ptr::null(), || {
        variable(index).map_or(ptr::null(), |variable| variable.name().as_ptr())
    })
}

/// A context variable's type; the null kind if there is none of that index.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_variable_kind(index: c_int) -> SesstrigValueKind {
    answer(SesstrigValueKind::Null, || {
        match variable(index).map(Variable::sql_type) {
            Some(Type::Text) => SesstrigValueKind::Text,
            Some(Type::Integer) => SesstrigValueKind::Integer,
            None => SesstrigValueKind::Null,
        }
    })
}

/// Reads a context variable; null for a name that is none.
///
/// # Safety
/// `name` points to a terminated string; the others may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_variable_read(
    name: *const c_char,
    out: *mut SesstrigValue,
    error: *mut *mut ErrorData,
) -> SesstrigStatus {
    let read = || {
        // SAFETY: the caller's promise.
        let name = unsafe { CStr::from_ptr(name) };
        let mut found = SesstrigValue {
            kind: SesstrigValueKind::Null,
            text: ptr::null(),
            length: 0,
            integer: 0,
        };
        match Variable::from_name(name).map(value) {
            Some(Value::Text(text)) => {
                found.kind = SesstrigValueKind::Text;
                found.text = text.as_ptr().cast();
                found.length = text.len();
            }
            Some(Value::Integer(integer)) => {
                found.kind = SesstrigValueKind::Integer;
                found.integer = integer;
            }
            Some(Value::Null) | None => {}
        }
        // SAFETY: the caller's promise.
        unsafe { out.write(found) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { boundary(error, read) }
}

/// Panics inside the boundary, for the test suites' trigger functions.
///
/// # Safety
/// `error` points to a variable that may be written.
#[cfg(feature = "faults")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_fault_raise(error: *mut *mut ErrorData) -> SesstrigStatus {
    // SAFETY: the caller's promise.
    unsafe { boundary(error, || panic!("fault requested by a trigger")) }
}
