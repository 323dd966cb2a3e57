//! The exports through which `shim/audit/record.c` knows what is like a record, and what the
//! extension shows of the writer (section A).

use crate::domain::audit::record::is_like_record;
use crate::ffi::server::boundary::answer;
use crate::pg::audit::writer::{self, State};
use std::ffi::{CStr, c_char};

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

/// How the writer does.
#[repr(C)]
#[derive(Default)]
pub struct SesstrigAuditState {
    /// Its process; 0 if there is none.
    writer: i32,
    /// How often it has failed since it has last written something.
    failures: i32,
    /// How many records wait.
    pending: i32,
    /// How many records were written to the server log only, since there was no room for them.
    dropped: i64,
    /// How many different refused logons wait.
    refusals_waiting: i32,
    /// How many refused logons have not been recorded.
    refusals_dropped: i64,
    /// How often the keeper has failed since it last did not.
    keeper_failures: i32,
    /// The number of the last row in the log; 0 if it is not known.
    number: i64,
}

/// Tells how the writer does.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_writer_state() -> SesstrigAuditState {
    fn count(number: usize) -> i32 {
        i32::try_from(number).unwrap_or(i32::MAX)
    }
    answer(SesstrigAuditState::default(), || {
        let State {
            writer,
            failures,
            pending,
            dropped,
            refusals_waiting,
            refusals_dropped,
            keeper_failures,
            number,
        } = writer::state();
        SesstrigAuditState {
            writer,
            failures: i32::try_from(failures).unwrap_or(i32::MAX),
            pending: count(pending),
            dropped: i64::try_from(dropped).unwrap_or(i64::MAX),
            refusals_waiting: count(refusals_waiting),
            refusals_dropped: i64::try_from(refusals_dropped).unwrap_or(i64::MAX),
            keeper_failures: i32::try_from(keeper_failures).unwrap_or(i32::MAX),
            number,
        }
    })
}
