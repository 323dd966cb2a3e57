//! The background workers of the session audit: how they are asked for and started, and what
//! they need of the server. What each of them does is in `launcher.rs`, `keeper.rs` and
//! `refusals.rs`.

use crate::pg::server::attached::Attached;
use crate::pg::server::error::{PgError, PgResult, ask};
use crate::pg::server::sys;
use crate::pg::server::{backend, guard};
use std::ffi::{CStr, CString};
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicI64, Ordering::SeqCst};

/// How long nobody asks for a launcher again, in microseconds, if there should be one, since
/// it may need a while to start; and how long nobody says again that no worker is free.
const PATIENCE: i64 = 60 * 1_000_000;

/// What all processes know of the launcher.
#[derive(Default)]
pub(in crate::pg) struct Launcher {
    /// Its process; 0 if there is none.
    pub(super) process: AtomicI32,
    /// When one was last asked for; 0 if that one has ended, or could not be started.
    pub(super) asked_at: AtomicI64,
    /// When the server log was last told that none could be started.
    complained_at: AtomicI64,
}

/// Where this process finds that.
pub(in crate::pg) static LAUNCHER: Attached<Launcher> = Attached::none();

/// Whether there is a launcher.
pub(super) fn is_running() -> bool {
    LAUNCHER
        .get()
        .is_some_and(|launcher| backend::is_running(launcher.process.load(SeqCst)))
}

/// Sees to it that there is a launcher. Returns false, and says so in the server log, if
/// none could be started.
///
/// # Errors
/// Returns the server's error if the request for a worker is not valid.
pub(super) fn request_launcher() -> PgResult<bool> {
    let Some(launcher) = LAUNCHER.get() else {
        return Ok(true);
    };
    if is_running() {
        return Ok(true);
    }
    let now = backend::now();
    let asked_at = launcher.asked_at.load(SeqCst);
    // Of those who find this out at the same time, one asks.
    if (asked_at != 0 && (0..PATIENCE).contains(&(now - asked_at)))
        || launcher
            .asked_at
            .compare_exchange(asked_at, now, SeqCst, SeqCst)
            .is_err()
    {
        return Ok(true);
    }
    let started = start_worker(Task::Launch, false)?;
    if !started {
        launcher.asked_at.store(0, SeqCst);
        let complained_at = launcher.complained_at.load(SeqCst);
        if !(0..PATIENCE).contains(&(now - complained_at)) {
            launcher.complained_at.store(now, SeqCst);
            log::warn!(
                "could not start the session audit's launcher: no background worker is free"
            );
        }
    }
    Ok(started)
}

/// What a worker is started for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// To start others.
    Launch,
    /// The keeper's work in this database.
    Keep(u32),
    /// To write what waits for this database.
    Write(u32),
}

/// Starts a worker and returns when it has ended. Returns false if none was free.
pub(super) fn start(task: Task) -> PgResult<bool> {
    let started = start_worker(task, true)?;
    if !started {
        log::warn!("could not start a worker of the session audit: none is free");
    }
    Ok(started)
}

/// The databases that allow connections, read in a transaction whose errors have this
/// context.
///
/// # Errors
/// Returns the server's error if the catalog cannot be read.
pub(super) fn list_databases(context: &CStr) -> PgResult<Vec<Database>> {
    guard::start_transaction()?;
    let databases = read_databases()?;
    guard::commit_transaction(context)?;
    Ok(databases)
}

/// Starts a worker of the session audit. If `wait`, returns when the worker has ended.
/// Returns whether one was free.
fn start_worker(task: Task, wait: bool) -> PgResult<bool> {
    let (database, refusals) = match task {
        Task::Launch => (sys::INVALID_OID, false),
        Task::Keep(database) => (database, false),
        Task::Write(database) => (database, true),
    };
    // SAFETY: this calls a guard.
    unsafe { ask(|answer| sys::sesstrig_try_start_worker(database, refusals, wait, answer)) }
}

/// Connects a worker to a database, or only to the catalogs that all databases share.
/// If that is not possible, the process ends.
pub(super) fn connect_worker(database: Option<u32>) -> PgResult<()> {
    // SAFETY: the call takes a number.
    unsafe {
        PgError::check(sys::sesstrig_try_connect_worker(
            database.unwrap_or(sys::INVALID_OID),
        ))
    }
}

/// Has the launcher sleep for so many milliseconds, or up to a request to end, and read
/// the configuration file if it has changed. Returns whether it has been asked to end.
pub(super) fn sleep(ms: i32) -> PgResult<bool> {
    // SAFETY: the call takes a number.
    unsafe { PgError::check(sys::sesstrig_try_sleep(ms))? };
    Ok(backend::stop_requested())
}

/// A database that allows connections.
pub(super) struct Database {
    pub(in crate::pg) oid: u32,
    pub(in crate::pg) name: CString,
}

/// The same, in the transaction that is open.
fn read_databases() -> PgResult<Vec<Database>> {
    let mut databases = ptr::null_mut();
    let mut count = 0;
    // SAFETY: the call writes to local variables.
    unsafe {
        PgError::check(sys::sesstrig_try_list_databases(&mut databases, &mut count))?;
    }
    let rows = match usize::try_from(count) {
        // SAFETY: the call has set `databases` to an array of `count` elements, which
        // lives as long as the transaction.
        Ok(count) if count > 0 => unsafe { std::slice::from_raw_parts(databases, count) },
        _ => &[],
    };
    Ok(rows
        .iter()
        .map(|row| Database {
            oid: row.oid,
            // SAFETY: the server terminates the names in its catalogs.
            name: unsafe { CStr::from_ptr(row.name.data.as_ptr()) }.to_owned(),
        })
        .collect())
}

/// The OID that a query finds, if it finds one. A transaction must be open.
pub(super) fn query_oid(query: &CStr) -> PgResult<Option<u32>> {
    // SAFETY: this calls a guard, and the string outlives the call.
    let oid = unsafe { ask(|answer| sys::sesstrig_try_query_oid(query.as_ptr(), answer))? };
    Ok((oid != sys::INVALID_OID).then_some(oid))
}
