//! The keeper of the session audit (rule A6): a background worker that makes and drops
//! partitions of the log, and finds sessions that were lost. When a pass is due is decided
//! in [`crate::domain::audit::keeper`]; what a database needs is done by the functions of
//! the extension.
//!
//! A pass consists of a launcher, which is connected to no database, and one keeper
//! after the other, each in a database of its own. All of them end when they have
//! finished, since a connection would be in the way of DROP DATABASE.

use super::settings::KEEP;
use super::worker::{self, Task, connect_worker, query_oid};
use crate::domain::audit::keeper::LastPass;
use crate::pg::server::attached::Attached;
use crate::pg::server::error::{PgError, PgResult};
use crate::pg::server::{backend, guard, sys};
use std::ffi::CStr;
use std::ptr;
use std::sync::atomic::{
    AtomicBool, AtomicI64, AtomicU32,
    Ordering::{Relaxed, SeqCst},
};

/// What all processes know of the passes.
pub(in crate::pg) struct Passes {
    /// No session that logged on before this runs any more: when the server was started,
    /// or, on a standby, when it was found to be promoted.
    started_at: AtomicI64,
    /// Whether the server was in recovery when somebody last looked.
    recovery: AtomicBool,
    /// Whether sessions may have been lost that no pass has looked for.
    search: AtomicBool,
    /// Whether a pass has been asked for and has not begun.
    wanted: AtomicBool,
    /// When a pass was last asked for; 0 if there was none.
    last: AtomicI64,
    /// How many passes have failed since the last one that did not.
    failures: AtomicU32,
    /// Whether something failed in the present pass.
    failed: AtomicBool,
}

/// Where this process finds that.
pub(in crate::pg) static PASSES: Attached<Passes> = Attached::none();

/// How the server ended before it was started.
#[derive(Clone, Copy)]
pub(crate) struct Start {
    /// Whether it was shut down in order, so that each session had time for its logoff.
    pub(crate) clean: bool,
    /// Whether it starts in recovery, as a standby does.
    pub(crate) recovery: bool,
}

/// The context of errors at the end of a transaction.
const CONTEXT: &CStr = c"keeper of the session audit";

impl Passes {
    /// No pass since the server was started.
    pub(in crate::pg) fn new(start: Start) -> Passes {
        Passes {
            started_at: AtomicI64::new(backend::now()),
            recovery: AtomicBool::new(start.recovery),
            search: AtomicBool::new(!start.clean),
            wanted: AtomicBool::new(false),
            last: AtomicI64::new(0),
            failures: AtomicU32::new(0),
            failed: AtomicBool::new(false),
        }
    }
}

/// Whether a pass has been asked for and has not begun.
pub(super) fn is_wanted() -> bool {
    PASSES
        .get()
        .is_some_and(|passes| passes.wanted.load(SeqCst))
}

/// Whether a pass has been asked for, which the caller then makes.
pub(super) fn take_wanted() -> bool {
    PASSES
        .get()
        .is_some_and(|passes| passes.wanted.swap(false, SeqCst))
}

/// Starts a pass if sessions were lost before the server was started. Each session calls
/// this when it starts, in a transaction.
///
/// # Errors
/// Returns the server's error if the request for a worker is not valid.
pub(in crate::pg) fn look_after_start() -> PgResult<()> {
    let Some(passes) = PASSES.get() else {
        return Ok(());
    };
    if passes.recovery.load(Relaxed)
        && !backend::in_recovery()
        && passes.recovery.swap(false, SeqCst)
    {
        // Promoted: the sessions of the old primary have ended.
        passes.started_at.store(backend::now(), SeqCst);
        passes.search.store(true, SeqCst);
    }
    if passes.search.load(Relaxed) && !passes.recovery.load(Relaxed) {
        start_pass(passes, false)?;
    }
    Ok(())
}

/// Starts a pass if one is due. The logon that has been recorded calls this, in its
/// transaction; `month_missing` says whether there is no
/// partition for its row, or is `None` on a standby, where there is nothing to keep.
///
/// # Errors
/// Returns the server's error if the request for a worker is not valid.
pub(in crate::pg) fn look_after_logon(month_missing: Option<bool>) -> PgResult<()> {
    match (PASSES.get(), month_missing) {
        (Some(passes), Some(month_missing)) => start_pass(passes, month_missing),
        _ => Ok(()),
    }
}

fn start_pass(passes: &Passes, month_missing: bool) -> PgResult<()> {
    if !is_wanted() {
        let now = backend::now();
        let last = passes.last.load(SeqCst);
        let last_pass = LastPass {
            asked_at: (last != 0).then_some(last),
            failures: passes.failures.load(SeqCst),
        };
        // Only one of the sessions that find it due asks for it.
        if !last_pass.is_due(now, month_missing)
            || passes
                .last
                .compare_exchange(last, now, SeqCst, SeqCst)
                .is_err()
        {
            return Ok(());
        }
        passes.wanted.store(true, SeqCst);
    }
    if !worker::request_launcher()? {
        passes.wanted.store(false, SeqCst);
        passes.failures.fetch_add(1, SeqCst);
    }
    Ok(())
}

/// Makes a pass: the launcher's part.
///
/// # Errors
/// Returns the server's error if the launcher cannot go on.
pub(super) fn pass() -> PgResult<()> {
    let Some(passes) = PASSES.get() else {
        return Ok(());
    };
    passes.failed.store(false, SeqCst);
    // What is lost from now on needs another pass.
    let search = passes.search.swap(false, SeqCst);
    let done = keep_all(passes);
    if done.is_err() || passes.failed.load(SeqCst) {
        passes.failures.fetch_add(1, SeqCst);
        if search {
            passes.search.store(true, SeqCst);
        }
    } else {
        passes.failures.store(0, SeqCst);
    }
    done
}

fn keep_all(passes: &Passes) -> PgResult<()> {
    for database in worker::list_databases(CONTEXT)? {
        if backend::stop_requested() || !worker::start(Task::Keep(database.oid))? {
            passes.failed.store(true, SeqCst);
        }
    }
    Ok(())
}

/// Makes a pass: the keeper's part, in its database.
///
/// # Errors
/// Returns the server's error if the keeper cannot go on.
pub(super) fn keep(database: u32) -> PgResult<()> {
    let Some(passes) = PASSES.get() else {
        return Ok(());
    };
    // Unless all goes well, this pass has failed.
    let failed = passes.failed.swap(true, SeqCst);
    connect_worker(Some(database))?;
    guard::start_transaction()?;
    guard::override_settings()?;
    let owner = query_oid(FIND_OWNER)?;
    guard::commit_transaction(CONTEXT)?;
    let well = match owner {
        Some(owner) => keep_database(passes, owner)?,
        None => true,
    };
    passes.failed.store(failed || !well, SeqCst);
    Ok(())
}

/// The owner of the log, if the extension has all functions of the keeper, which version
/// 1.0 lacks, and they and the log belong to superusers. Schemas and functions of others can
/// have these names, too, and must not be run by a superuser.
const FIND_OWNER: &CStr = c"\
    SELECT c.relowner \
    FROM pg_extension e \
    JOIN pg_namespace n ON n.oid = e.extnamespace \
    JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = 'log' \
    JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e' \
        AND d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid \
    JOIN pg_authid o ON o.oid = c.relowner AND o.rolsuper \
    WHERE e.extname = 'session_audit' AND n.nspname = 'session_audit' AND 6 = ( \
        SELECT count(*) \
        FROM pg_proc p \
        JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e' \
            AND d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid \
        JOIN pg_authid o ON o.oid = p.proowner AND o.rolsuper \
        WHERE p.pronamespace = n.oid AND p.proname IN ( \
            'add_month', 'make_months', 'drop_months', 'delete_rows', 'find_lost', 'note_pass'))";

// What a database needs; the parameters are those of `Parameters`.
const MAKE_MONTHS: &CStr = c"SELECT session_audit.make_months($1)";
const FIND_LOST: &CStr = c"SELECT session_audit.find_lost($1, $2)";
const DROP_MONTHS: &CStr = c"SELECT session_audit.drop_months($1, $3)";
const DELETE_ROWS: &CStr = c"SELECT session_audit.delete_rows($1, $3)";
const NOTE: &CStr = c"SELECT session_audit.note_pass($1, $4)";

/// The parameters of the keeper's statements, and who runs them.
pub(in crate::pg) struct Parameters<'a> {
    /// The role as which they run.
    pub(in crate::pg) owner: u32,
    /// `$1`, `timestamptz`
    pub(in crate::pg) now: i64,
    /// `$2`, `timestamptz`: no session that logged on before this runs any more.
    pub(in crate::pg) started_at: i64,
    /// `$3`, `int`: for how many days rows are kept; 0 for ever.
    pub(in crate::pg) keep: i32,
    /// `$4`, `text`: the message of the error that the pass has failed with.
    pub(in crate::pg) failure: Option<&'a CStr>,
}

/// Whether all went well. What fails is reported, and does not keep the rest from being
/// done, but for what depends on it.
fn keep_database(passes: &Passes, owner: u32) -> PgResult<bool> {
    let mut parameters = Parameters {
        owner,
        now: backend::now(),
        started_at: passes.started_at.load(SeqCst),
        keep: KEEP.get(),
        failure: None,
    };
    let mut failure = try_execute(MAKE_MONTHS, &parameters)?;
    match try_execute(FIND_LOST, &parameters)? {
        // A session whose end is deleted before it was seen would be taken for a lost one.
        Some(error) => failure = Some(error),
        None => {
            failure = try_execute(DROP_MONTHS, &parameters)?.or(failure);
            // Others can wait for the locks of all that came before.
            backend::lower_priority();
            failure = try_execute(DELETE_ROWS, &parameters)?.or(failure);
        }
    }
    parameters.failure = failure.as_ref().map(PgError::message);
    execute(NOTE, &parameters)?;
    Ok(failure.is_none())
}

/// Runs a statement as [`execute`] does. Returns the error that it failed with, if it did,
/// which has been reported then.
fn try_execute(statement: &CStr, parameters: &Parameters) -> PgResult<Option<PgError>> {
    let Err(error) = execute(statement, parameters) else {
        return Ok(None);
    };
    let _ = guard::report_error(&error);
    guard::abort_transaction()?;
    Ok(Some(error))
}

/// Runs a statement in a transaction of its own, with the server's settings: those that
/// the owner of the database has chosen must not reach it (rule F7).
fn execute(statement: &CStr, parameters: &Parameters) -> PgResult<()> {
    guard::start_transaction()?;
    guard::override_settings()?;
    run_as_owner(statement, parameters)?;
    guard::commit_transaction(CONTEXT)
}

/// Runs a statement as the parameters' owner. A transaction must be open.
fn run_as_owner(statement: &CStr, parameters: &Parameters) -> PgResult<()> {
    // SAFETY: the strings outlive the call, and `$4` may be null.
    unsafe {
        PgError::check(sys::sesstrig_try_execute(
            statement.as_ptr(),
            parameters.owner,
            parameters.now,
            parameters.started_at,
            parameters.keep,
            parameters.failure.map_or(ptr::null(), CStr::as_ptr),
        ))
    }
}
