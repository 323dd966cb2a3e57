//! Lets `shim/session/variables.c` ask for the variables that PL/pgSQL declares in event trigger
//! functions (section V). PL/pgSQL itself does the declaring, and refuses assignments.

use crate::domain::session::variables::{Type, Variable};
use crate::ffi::server::boundary::{answer, boundary};
use crate::pg::ErrorData;
use crate::pg::session::variables::{Value, value};
use std::ffi::{CStr, c_char, c_int};
use std::mem::MaybeUninit;
use std::ptr;

/// The kind of a value, or of a variable's type.
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
    /// Which of the other members is set.
    pub kind: SesstrigValueKind,
    /// A text in the database's encoding, which is not terminated and never freed.
    pub text: *const c_char,
    /// The length of the text in bytes.
    pub length: usize,
    /// An integer.
    pub integer: i32,
}

fn variable(index: c_int) -> Option<Variable> {
    Variable::ALL.get(usize::try_from(index).ok()?).copied()
}

/// Whether a function with this text could read a context variable.
///
/// # Safety
/// `source` must point to a terminated string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_variable_is_needed(source: *const c_char) -> bool {
    answer(true, || {
        // SAFETY: the caller promises a terminated string.
        Variable::may_be_read_by(unsafe { CStr::from_ptr(source) }.to_bytes())
    })
}

/// The name of the context variable with that index; null if there is none.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_variable_name(index: c_int) -> *const c_char {
    answer(ptr::null(), || {
        variable(index).map_or(ptr::null(), |variable| variable.name().as_ptr())
    })
}

/// The second name of the context variable with that index; null if there is none.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_variable_alias(index: c_int) -> *const c_char {
    answer(ptr::null(), || {
        variable(index)
            .and_then(Variable::alias)
            .map_or(ptr::null(), CStr::as_ptr)
    })
}

/// The type of the context variable with that index; `Null` if there is none.
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

/// Sets `out` to the value of the context variable `name`; `Null` if there is none.
/// `tag` is the command tag of the event. A text in `out` lives as long as the process
/// or, if it is the tag, as long as that.
///
/// # Safety
/// `name` and `tag` must point to terminated strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_variable_read(
    name: *const c_char,
    tag: *const c_char,
    out: &mut MaybeUninit<SesstrigValue>,
) -> *mut ErrorData {
    let read = || {
        // SAFETY: the caller promises that `name` and `tag` are terminated.
        let (name, tag) = unsafe { (CStr::from_ptr(name), CStr::from_ptr(tag)) };
        let mut found = SesstrigValue {
            kind: SesstrigValueKind::Null,
            text: ptr::null(),
            length: 0,
            integer: 0,
        };
        match Variable::from_name(name).map(|variable| value(variable, tag)) {
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
        out.write(found);
        Ok(())
    };
    boundary(read)
}
