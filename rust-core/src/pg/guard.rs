//! Calls into the server that may raise an error, as functions that return it.
//!
//! After an error, [`abort_transaction`] must follow before anything else that
//! touches the database.

use super::error::{PgError, PgResult};
use super::sys::{self, CommandTag, NameData, SesstrigTriggerRow};
use crate::domain::session::event::Event;
use crate::domain::session::trigger::{Enabled, FunctionId, Trigger};
use std::ffi::{CStr, CString, c_char};
use std::ptr;

/// Makes an error of our own, of SQLSTATE XX000.
pub(super) fn make_error(message: &CStr, detail: &CStr, context: &CStr) -> PgError {
    // SAFETY: the strings outlive the call, which copies them.
    let made = unsafe {
        PgError::check(sys::sesstrig_try_make_error(
            message.as_ptr(),
            detail.as_ptr(),
            context.as_ptr(),
        ))
    };
    made.expect_err("the guard raises an error and returns it")
}

/// Reports an error to the server log and, unless hidden from it, the client.
pub(super) fn report_error(error: &PgError) -> PgResult<()> {
    // SAFETY: the error is live, and the call copies it.
    unsafe { PgError::check(sys::sesstrig_try_report_error(error.as_ptr())) }
}

/// Sends the client a WARNING of SQLSTATE 01000.
pub(super) fn warn_client(message: &CStr) -> PgResult<()> {
    // SAFETY: the string outlives the call.
    unsafe { PgError::check(sys::sesstrig_try_warn_client(message.as_ptr())) }
}

/// Shows the session as active with this query, and `ps` with this activity.
pub(super) fn report_activity(activity: &CStr, ps_display: &CStr) -> PgResult<()> {
    // SAFETY: the strings outlive the call, which copies them.
    unsafe {
        PgError::check(sys::sesstrig_try_report_activity(
            activity.as_ptr(),
            ps_display.as_ptr(),
        ))
    }
}

/// Starts the transaction of a firing (rule F1).
pub(super) fn start_transaction() -> PgResult<()> {
    // SAFETY: no arguments; an error is returned, not raised.
    unsafe { PgError::check(sys::sesstrig_try_start_transaction()) }
}

/// Gives settings that any user may set the values that triggers run with, up
/// to the end of the transaction (rule F7).
pub(super) fn override_settings() -> PgResult<()> {
    // SAFETY: no arguments; an error is returned, not raised.
    unsafe { PgError::check(sys::sesstrig_try_override_settings()) }
}

/// Makes cancel requests do nothing, up to the session's next command (rule
/// F9), and notes that a statement starts now.
pub(super) fn ignore_cancels() {
    // SAFETY: it sets a signal handler and variables, and cannot raise.
    unsafe { sys::sesstrig_ignore_cancels() }
}

/// Releases the locks that the session holds outside of transactions (rule
/// G1).
pub(super) fn release_locks() -> PgResult<()> {
    // SAFETY: no arguments; an error is returned, not raised.
    unsafe { PgError::check(sys::sesstrig_try_release_locks()) }
}

/// Starts the time limit of a firing, in milliseconds; 0 is none (rule F10).
/// `message` is what its error says.
pub(super) fn start_timeout(ms: i32, message: &'static CStr) -> PgResult<()> {
    // SAFETY: the string lives as long as the process.
    unsafe { PgError::check(sys::sesstrig_try_start_timeout(ms, message.as_ptr())) }
}

/// Ends the time limit. [`abort_transaction`] does, too.
pub(super) fn end_timeout() {
    // SAFETY: it disables a timeout, and cannot raise.
    unsafe { sys::sesstrig_end_timeout() }
}

/// Gives an error that the time limit caused the message of that limit.
pub(super) fn explain_timeout(error: &mut PgError) {
    // SAFETY: the error is live and only ours.
    unsafe { sys::sesstrig_explain_timeout(error.as_ptr()) }
}

/// Commits. Errors of deferred work get `context`.
pub(super) fn commit_transaction(context: &CStr) -> PgResult<()> {
    // SAFETY: the string outlives the call.
    unsafe { PgError::check(sys::sesstrig_try_commit_transaction(context.as_ptr())) }
}

/// Rolls back whatever is open and makes the session idle.
pub(super) fn abort_transaction() -> PgResult<()> {
    // SAFETY: no arguments; an error is returned, not raised.
    unsafe { PgError::check(sys::sesstrig_try_abort_transaction()) }
}

/// Takes in what other sessions changed in the catalogs.
pub(super) fn accept_invalidations() -> PgResult<()> {
    // SAFETY: no arguments; an error is returned, not raised.
    unsafe { PgError::check(sys::sesstrig_try_accept_invalidations()) }
}

/// Asks for [`super::triggers::invalidate`] to be called on changes; once.
pub(super) fn watch_triggers() -> PgResult<()> {
    // SAFETY: no arguments; an error is returned, not raised.
    unsafe { PgError::check(sys::sesstrig_try_watch_triggers()) }
}

/// Whether the role that logged on is a superuser.
pub(super) fn superuser() -> PgResult<bool> {
    let mut superuser = false;
    // SAFETY: the call writes a bool that is ours.
    unsafe { PgError::check(sys::sesstrig_try_superuser(&mut superuser))? };
    Ok(superuser)
}

/// Reads the session triggers, in a transaction; `None` if the catalog is
/// locked and `may_wait` is false.
pub(super) fn read_triggers(may_wait: bool) -> PgResult<Option<Vec<Trigger>>> {
    let mut rows: *mut SesstrigTriggerRow = ptr::null_mut();
    let mut nrows = 0;
    let mut complete = false;
    // SAFETY: the call writes variables that are ours.
    unsafe {
        PgError::check(sys::sesstrig_try_read_triggers(
            may_wait,
            &mut rows,
            &mut nrows,
            &mut complete,
        ))?;
    }
    if !complete {
        return Ok(None);
    }
    let rows = match usize::try_from(nrows) {
        // SAFETY: `rows` has `nrows` rows that live as long as the transaction.
        Ok(count) if count > 0 => unsafe { std::slice::from_raw_parts(rows, count) },
        _ => &[],
    };
    Ok(Some(rows.iter().filter_map(decode_row).collect()))
}

/// `None` for other events, and for states that no major has.
fn decode_row(row: &SesstrigTriggerRow) -> Option<Trigger> {
    Some(Trigger {
        event: Event::from_name(&name(&row.event))?,
        name: name(&row.name),
        function: FunctionId(row.function),
        enabled: Enabled::from_catalog(row.enabled as u8)?,
    })
}

fn name(name: &NameData) -> CString {
    let bytes = name.data.iter().map(|&c: &c_char| c as u8);
    CString::new(bytes.take_while(|&b| b != 0).collect::<Vec<u8>>()).unwrap_or_default()
}

/// Runs one trigger; its errors get `context`.
pub(super) fn run_trigger(trigger: &Trigger, context: &CStr) -> PgResult<()> {
    let tag: CommandTag = match trigger.event {
        Event::Logon => sys::CMDTAG_LOGON,
        Event::Logoff => sys::CMDTAG_LOGOFF,
    };
    // SAFETY: the strings outlive the call.
    unsafe {
        PgError::check(sys::sesstrig_try_run_trigger(
            trigger.function.0,
            trigger.event.name().as_ptr(),
            tag,
            context.as_ptr(),
        ))
    }
}
