//! What the background workers of the session audit, the writer and the keeper, need of the
//! server: how they are started and connected, their statements, and how they wait. What they
//! do is in `writer.rs` and `keeper.rs`.

use crate::domain::audit::record::Record;
use crate::pg::server::error::{PgError, PgResult, ask};
use crate::pg::server::{backend, sys};
use std::ffi::{CStr, CString, c_char};
use std::ptr;

/// Which worker it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Worker {
    /// The one that writes.
    Writer,
    /// The one that keeps house.
    Keeper,
}

/// Has a worker started. Returns false if none was free.
pub(super) fn start(worker: Worker) -> PgResult<bool> {
    // SAFETY: this calls a guard.
    unsafe { ask(|started| sys::sesstrig_try_start_worker(worker == Worker::Keeper, started)) }
}

/// Connects this worker to a database. If that is not possible, the process ends.
pub(super) fn connect(database: &CStr) -> PgResult<()> {
    // SAFETY: the string outlives the call.
    unsafe { PgError::check(sys::sesstrig_try_connect_worker(database.as_ptr())) }
}

/// Runs a utility statement in the transaction that is open.
pub(super) fn execute(statement: &CStr) -> PgResult<()> {
    // SAFETY: the string outlives the call.
    unsafe { PgError::check(sys::sesstrig_try_execute(statement.as_ptr())) }
}

/// The parameters of the keeper's queries.
pub(super) struct Parameters<'a> {
    /// `$1`, `timestamptz`
    pub(super) now: i64,
    /// `$2`, `timestamptz`: no session that logged on before this runs any more.
    pub(super) started_at: i64,
    /// `$3`, `int`: for how many days rows are kept; 0 for ever.
    pub(super) keep: i32,
    /// `$4`, `text`
    pub(super) text: Option<&'a CStr>,
}

/// A value that a query returns.
pub(super) type Value = Option<CString>;

/// Runs a query in the transaction that is open. Returns its rows.
pub(super) fn query(statement: &CStr, parameters: &Parameters) -> PgResult<Vec<Vec<Value>>> {
    let mut rows = sys::SesstrigRows {
        rows: 0,
        columns: 0,
        values: ptr::null_mut(),
    };
    // SAFETY: the strings outlive the call, which writes to a local variable.
    unsafe {
        PgError::check(sys::sesstrig_try_query(
            statement.as_ptr(),
            parameters.now,
            parameters.started_at,
            parameters.keep,
            parameters.text.map_or(ptr::null(), CStr::as_ptr),
            &mut rows,
        ))?;
    }
    let size = |number: i32| usize::try_from(number).unwrap_or(0);
    let (columns, number) = (size(rows.columns), size(rows.rows));
    if columns == 0 || number == 0 {
        return Ok(Vec::new());
    }
    // SAFETY: the call has set `values` to an array of so many pointers, which are null or
    // point to terminated strings, and live as long as the transaction.
    let values = unsafe { std::slice::from_raw_parts(rows.values, columns * number) };
    // SAFETY: as above.
    let text = |value: *mut c_char| unsafe { CStr::from_ptr(value) }.to_owned();
    Ok(values
        .chunks(columns)
        .map(|row| {
            row.iter()
                .map(|&value| (!value.is_null()).then(|| text(value)))
                .collect()
        })
        .collect())
}

/// Commits, without waiting for a standby. Returns where that ends in the WAL.
pub(super) fn commit() -> PgResult<u64> {
    // SAFETY: this calls a guard.
    unsafe { ask(|lsn| sys::sesstrig_try_commit_records(lsn)) }
}

/// Waits so many milliseconds, or until somebody wakes this process. Returns whether somebody
/// did, or the configuration file was read.
pub(super) fn wait(ms: i32) -> PgResult<bool> {
    // SAFETY: this calls a guard.
    unsafe { ask(|woken| sys::sesstrig_try_await_latch(ms, woken)) }
}

/// Writes a record to the server log.
///
/// # Errors
/// Returns the server's error if that is not possible, or there is no memory for it.
pub(super) fn log(record: &Record) -> PgResult<()> {
    log_line(&record.line(backend::format_time)?)
}

/// Writes a line that is like a record to the server log.
///
/// # Errors
/// Returns the server's error if that is not possible.
pub(super) fn log_line(line: &CStr) -> PgResult<()> {
    // SAFETY: the string outlives the call.
    unsafe { PgError::check(sys::sesstrig_try_audit_log(line.as_ptr())) }
}
