//! The exports through which `shim/audit/record.c` has an event recorded, and knows what is like a
//! record (section A).

use crate::domain::audit::record::is_like_record;
use crate::domain::session::event::Event;
use crate::ffi::server::boundary::boundary;
use crate::pg::ErrorData;
use crate::pg::session::firing::record_event;
use std::ffi::{CStr, c_char};

/// Records `event` of this session in the log that is in the schema of `function`. An
/// unknown event is not recorded.
///
/// # Safety
/// `event` must point to a terminated string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_audit_fire(
    event: *const c_char,
    function: u32,
) -> *mut ErrorData {
    let record = || {
        // SAFETY: the caller promises that `event` is terminated.
        match Event::from_name(unsafe { CStr::from_ptr(event) }) {
            Some(event) => record_event(event, function, c"session audit"),
            None => Ok(()),
        }
    };
    boundary(record)
}

/// Whether a message for the server log begins as a record of the session audit does. This
/// cannot panic: the report of a panic is a message, too.
///
/// # Safety
/// `message` must point to a terminated string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_audit_is_record(message: *const c_char) -> bool {
    // SAFETY: the caller promises that `message` is terminated.
    is_like_record(unsafe { CStr::from_ptr(message) }.to_bytes())
}
