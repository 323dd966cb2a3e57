//! The keeper of the session audit (rule A7): a background worker that makes and drops
//! partitions of the log, and finds sessions that were lost. When a pass is due is decided in
//! [`crate::domain::audit::keeper`]; what there is to do is in the functions of the extension.
//!
//! It is not the writer, so that no logon waits for what it does, and it ends when it has
//! finished. What it finds it hands over to the writer.

use super::pool::{POOL, Pool};
use super::settings::{DATABASE, KEEP, LOG_TO_SERVER};
use super::worker::{self, Parameters, Value, Worker};
use crate::domain::audit::context;
use crate::domain::audit::keeper::LastPass;
use crate::domain::audit::record::{End, Kind, Record, parse_session_id};
use crate::domain::audit::text::Text;
use crate::pg::server::attached::Attached;
use crate::pg::server::error::{PgError, PgResult};
use crate::pg::server::{backend, guard};
use std::ffi::CStr;
use std::str::FromStr;
use std::sync::atomic::{
    AtomicBool, AtomicI32, AtomicI64, AtomicU32,
    Ordering::{Acquire, Relaxed, SeqCst},
};

/// For how long the keeper waits for the writer, in milliseconds, and how often it looks.
const PATIENCE: i32 = 60_000;
const NAP: i32 = 20;

/// How often the server log is told that no worker is free, in microseconds.
const COMPLAINT: i64 = 60 * 1_000_000;

/// What all processes know of the passes.
pub(in crate::pg) struct Passes {
    /// No session that logged on before this runs any more: when the server was started,
    /// or, on a standby, when it was found to be promoted.
    started_at: AtomicI64,
    /// Whether the server was in recovery when somebody last looked.
    recovery: AtomicBool,
    /// Whether sessions may have been lost that no pass has looked for.
    search: AtomicBool,
    /// When a pass was last asked for; 0 if there was none.
    last: AtomicI64,
    /// Whether one is wanted, for what has happened since.
    wanted: AtomicBool,
    /// When the server log was last told that no worker was free for one.
    complained_at: AtomicI64,
    /// How many passes have failed since the last one that did not.
    failures: AtomicU32,
    /// The keeper's process; 0 if there is none.
    process: AtomicI32,
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

impl Passes {
    /// No pass since the server was started.
    pub(in crate::pg) fn new(start: Start) -> Passes {
        Passes {
            started_at: AtomicI64::new(backend::now()),
            recovery: AtomicBool::new(start.recovery),
            search: AtomicBool::new(!start.clean),
            last: AtomicI64::new(0),
            wanted: AtomicBool::new(false),
            complained_at: AtomicI64::new(0),
            failures: AtomicU32::new(0),
            process: AtomicI32::new(0),
        }
    }
}

/// How many passes have failed since the last one that did not.
pub(super) fn failures() -> u32 {
    PASSES.get().map_or(0, |passes| {
        // One that runs counts as failed until it has not.
        let runs = backend::is_running(passes.process.load(Relaxed));
        passes
            .failures
            .load(Relaxed)
            .saturating_sub(u32::from(runs))
    })
}

/// Has a pass made soon, for what has just been committed in this database, if that is the one
/// with the log.
pub(crate) fn want() {
    let (Some(passes), Some(pool)) = (PASSES.get(), POOL.get()) else {
        return;
    };
    if pool.database.load(SeqCst) == backend::database() {
        passes.wanted.store(true, SeqCst);
        pool.wake_writer(true);
    }
}

/// Starts a pass if one is due. The writer calls this; `month_missing` says that there is no
/// partition for the month of a row that it has written.
///
/// # Errors
/// Returns the server's error if the request for a worker is not valid.
pub(super) fn look(month_missing: bool) -> PgResult<()> {
    let Some(passes) = PASSES.get() else {
        return Ok(());
    };
    if passes.recovery.swap(false, SeqCst) {
        // Promoted: the sessions of the old primary have ended.
        passes.started_at.store(backend::now(), SeqCst);
        passes.search.store(true, SeqCst);
    }
    let now = backend::now();
    let last = passes.last.load(Relaxed);
    let last_pass = LastPass {
        asked_at: (last != 0).then_some(last),
        failures: passes.failures.load(Relaxed),
        is_wanted: passes.wanted.load(SeqCst),
    };
    if !last_pass.is_due(now, month_missing) {
        return Ok(());
    }
    // What is wanted from now on, this pass may not see.
    let wanted = passes.wanted.swap(false, SeqCst);
    let started = worker::start(Worker::Keeper);
    if !matches!(started, Ok(true)) && wanted {
        passes.wanted.store(true, SeqCst);
    }
    if started? {
        passes.last.store(now, Relaxed);
    } else if !(0..COMPLAINT).contains(&(now - passes.complained_at.load(Relaxed))) {
        // Somebody has taken them all, for how long nobody knows.
        passes.complained_at.store(now, Relaxed);
        log::warn!("could not start the session audit's keeper: no background worker is free");
    }
    Ok(())
}

/// The context of errors at the end of a transaction.
const CONTEXT: &CStr = c"keeper of the session audit";

/// What belongs to others than superusers, or could run what others have made, in the functions
/// below; NULL if nothing does. A table that was given away and taken back has what its owner
/// has added meanwhile, which can call functions in more ways than could be followed. So nothing
/// that could is accepted but what the server comes with.
const CHECK: &CStr = c"\
    WITH n AS (SELECT n.oid, n.nspowner FROM pg_extension e \
            JOIN pg_namespace n ON n.oid = e.extnamespace AND n.nspname = 'session_audit' \
            WHERE e.extname = 'session_audit'), \
        relations AS (SELECT c.oid, c.relowner, c.relkind FROM n JOIN pg_class c ON c.relnamespace = n.oid \
            AND c.relkind IN ('r', 'p', 'S', 'v') \
            UNION SELECT c.oid, c.relowner, c.relkind FROM n \
            JOIN pg_class l ON l.relnamespace = n.oid AND l.relname = 'log' \
            JOIN pg_inherits i ON i.inhparent = l.oid JOIN pg_class c ON c.oid = i.inhrelid), \
        tables AS (SELECT oid FROM relations WHERE relkind IN ('r', 'p')), \
        owned AS (SELECT 'pg_namespace'::regclass AS class, oid, nspowner AS owner FROM n \
            UNION ALL SELECT 'pg_class'::regclass, oid, relowner FROM relations \
            UNION ALL SELECT 'pg_proc'::regclass, p.oid, p.proowner FROM n \
            JOIN pg_proc p ON p.pronamespace = n.oid), \
        added AS (SELECT 'pg_trigger'::regclass AS class, t.oid FROM tables JOIN pg_trigger t \
            ON t.tgrelid = tables.oid AND NOT t.tgisinternal \
            UNION ALL SELECT 'pg_constraint'::regclass, c.oid FROM tables JOIN pg_constraint c \
            ON c.conrelid = tables.oid AND c.contype IN ('c', 't', 'x') \
            UNION ALL SELECT 'pg_attrdef'::regclass, d.oid FROM tables JOIN pg_attrdef d ON d.adrelid = tables.oid \
            UNION ALL SELECT 'pg_policy'::regclass, p.oid FROM tables JOIN pg_policy p ON p.polrelid = tables.oid \
            UNION ALL SELECT 'pg_rewrite'::regclass, r.oid FROM tables JOIN pg_rewrite r ON r.ev_class = tables.oid \
            UNION ALL SELECT 'pg_class'::regclass, tables.oid FROM tables JOIN pg_attribute a \
            ON a.attrelid = tables.oid AND a.attnum > 0 AND a.atttypid >= 16384 \
            UNION ALL SELECT 'pg_class'::regclass, i.indexrelid FROM tables JOIN pg_index i ON i.indrelid = tables.oid \
            JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid \
            AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_opclass'::regclass, \
                'pg_type'::regclass, 'pg_collation'::regclass) AND d.refobjid >= 16384) \
    SELECT coalesce((SELECT 'extension session_audit is missing' WHERE NOT EXISTS (SELECT FROM n)), \
        (SELECT pg_describe_object(class, o.oid, 0) || ' belongs to ' || a.rolname \
            FROM owned o JOIN pg_authid a ON a.oid = o.owner AND NOT a.rolsuper ORDER BY 1 LIMIT 1), \
        (SELECT pg_describe_object(class, oid, 0) || ' does not belong to the extension' \
            FROM added ORDER BY 1 LIMIT 1))";

/// Makes the partitions of this month and the next one.
pub(super) const MAKE_MONTHS: &CStr = c"SELECT session_audit.make_months($1)";
const RUNNING: &CStr = c"SELECT session_audit.running()";
const FIND_LOST: &CStr = c"\
    SELECT at_us, session_id, login_user, login_user_id, database, database_id, kind, auth_method, \
        system_identity, client_addr, client_port, proxy_addr, application_name, encryption, instance_num, \
        logon_at_us, ended_by \
    FROM session_audit.find_lost($1, $2, $4)";
const DROP_MONTHS: &CStr = c"SELECT session_audit.drop_months($1, $3)";
const NEW_REMOVALS: &CStr = c"\
    SELECT system_identifier, removed_from, first_number, last_number, digest \
    FROM session_audit.new_removals()";
const NOTE: &CStr = c"SELECT session_audit.note_pass($1, $4)";

/// Makes a pass: what the keeper does.
///
/// # Errors
/// Returns the server's error if it cannot go on.
pub(crate) fn run() -> PgResult<()> {
    let (Some(passes), Some(pool), Some(database)) = (PASSES.get(), POOL.get(), DATABASE.get())
    else {
        return Ok(());
    };
    // One after the other: this one was asked for what the one before may not have seen.
    let mut other = passes.process.load(SeqCst);
    for _ in 0..PATIENCE / NAP {
        if !backend::is_running(other) {
            break;
        }
        worker::wait(NAP)?;
        other = passes.process.load(SeqCst);
    }
    if passes
        .process
        .compare_exchange(other, backend::process(), SeqCst, SeqCst)
        .is_err()
    {
        return Ok(());
    }
    // Unless all goes well, this pass has failed.
    let failures = passes.failures.fetch_add(1, SeqCst);
    // What is lost from now on needs another pass.
    let search = passes.search.swap(false, SeqCst);
    let done = pass(passes, pool, &database);
    passes.process.store(0, SeqCst);
    match done {
        Ok(true) => passes.failures.store(0, SeqCst),
        Ok(false) | Err(_) if search => passes.search.store(true, SeqCst),
        Ok(false) | Err(_) => {}
    }
    if failures > 0 && passes.failures.load(SeqCst) == 0 {
        log::info!("keeper of the session audit works again");
    }
    done.map(|_| ())
}

/// Whether all went well. What fails is reported, and does not keep the rest from being done,
/// but for what depends on it.
fn pass(passes: &Passes, pool: &Pool, database: &CStr) -> PgResult<bool> {
    worker::connect(database)?;
    let mut parameters = Parameters {
        now: backend::now(),
        started_at: passes.started_at.load(SeqCst),
        keep: KEEP.get(),
        text: None,
    };
    if let Some(problem) = first(&run_query(CHECK, &parameters)?) {
        return Err(guard::make_error(
            c"objects of the session audit do not all belong to superusers",
            problem,
            CONTEXT,
        ));
    }
    let mut failure = attempt(|| run_query(MAKE_MONTHS, &parameters).map(drop))?;
    match attempt(|| find_lost(pool, &parameters))? {
        // A session whose end is dropped before it was seen would be taken for a lost one.
        Some(error) => failure = Some(error),
        None => {
            failure = attempt(|| run_query(DROP_MONTHS, &parameters).map(drop))?.or(failure);
            failure = attempt(|| report_removals(pool, &parameters))?.or(failure);
        }
    }
    parameters.text = failure.as_ref().map(PgError::message);
    run_query(NOTE, &parameters)?;
    Ok(failure.is_none())
}

/// Finds lost sessions, and has them written. A session that is not among those that run now
/// has handed over its end, and when that is written, whoever has none in the log is lost.
fn find_lost(pool: &Pool, parameters: &Parameters) -> PgResult<()> {
    let running = run_query(RUNNING, parameters)?;
    wait_for_writer(pool)?;
    let parameters = Parameters {
        text: first(&running),
        ..*parameters
    };
    for row in run_query(FIND_LOST, &parameters)? {
        if let Some(record) = lost(&row) {
            hand_over(pool, &record)?;
        }
    }
    wait_for_writer(pool)
}

/// Has a record written for what was removed from the log, so that this is seen whatever is said
/// of it elsewhere (rule A10).
fn report_removals(pool: &Pool, parameters: &Parameters) -> PgResult<()> {
    for row in run_query(NEW_REMOVALS, parameters)? {
        const NAMES: [&[u8]; 5] = [
            b"system_identifier",
            b"removed_from",
            b"first_number",
            b"last_number",
            b"digest",
        ];
        let mut members: Vec<(&[u8], &[u8])> = vec![(b"change", b"rows removed")];
        for (name, value) in NAMES.into_iter().zip(&row) {
            members.push((name, value.as_deref().map_or(b"", CStr::to_bytes)));
        }
        let record = Record {
            context: context::object(&members),
            ..Record::new(Kind::Changed, parameters.now)
        };
        hand_over(pool, &record)?;
    }
    Ok(())
}

/// Hands a record over to the writer.
fn hand_over(pool: &Pool, record: &Record) -> PgResult<()> {
    if LOG_TO_SERVER.get() {
        worker::log(record)?;
    }
    // There is always room soon, as the writer works.
    while pool.put(record, false, LOG_TO_SERVER.get()).is_none() {
        wait_for_writer(pool)?;
    }
    pool.wake_writer(false);
    Ok(())
}

/// Waits until all is written that has been handed over up to now.
fn wait_for_writer(pool: &Pool) -> PgResult<()> {
    let end = pool.sequence.load(SeqCst);
    for _ in 0..PATIENCE / NAP {
        let waits = pool
            .slots()
            .iter()
            .any(|slot| slot.state.is_pending() && slot.sequence.load(Acquire) < end);
        if !waits {
            return Ok(());
        }
        pool.wake_writer(true);
        worker::wait(NAP).map(drop)?;
    }
    Err(guard::make_error(
        c"writer of the session audit does not write",
        c"Lost sessions cannot be told from those whose end is not written yet.",
        CONTEXT,
    ))
}

/// The record of a lost session, from a row of the query above.
fn lost(row: &[Value]) -> Option<Record> {
    fn text<const N: usize>(value: &Value) -> Text<N> {
        Text::new(value.as_deref().map_or(b"", CStr::to_bytes))
    }
    fn parse<T: FromStr>(value: &Value) -> Option<T> {
        value.as_ref()?.to_str().ok()?.parse().ok()
    }
    let [
        at,
        session_id,
        login_user,
        login_user_id,
        database,
        database_id,
        kind,
        auth_method,
        system_identity,
        client_addr,
        client_port,
        proxy_addr,
        application_name,
        encryption,
        instance_num,
        logon_at,
        ended_by,
    ] = row
    else {
        return None;
    };
    Some(Record {
        kind: Kind::Lost,
        at: parse(at)?,
        process: parse_session_id(session_id.as_ref()?.to_bytes()),
        replication: kind.as_deref() == Some(c"replication"),
        login_user: text(login_user),
        login_user_id: parse(login_user_id).unwrap_or(0),
        database: text(database),
        database_id: parse(database_id).unwrap_or(0),
        auth_method: text(auth_method),
        system_identity: text(system_identity),
        client_addr: parse(client_addr),
        client_port: parse(client_port),
        proxy_addr: parse(proxy_addr),
        application_name: text(application_name),
        encryption: text(encryption),
        instance_num: parse(instance_num).unwrap_or(1),
        logon_at: parse(logon_at),
        end: match ended_by.as_deref().map(CStr::to_bytes) {
            Some(b"crash") => Some(End::Crash),
            Some(b"reset") => Some(End::Reset),
            _ => None,
        },
        ..Record::new(Kind::Lost, 0)
    })
}

/// The first value of the first row.
fn first(rows: &[Vec<Value>]) -> Option<&CStr> {
    rows.first()?.first()?.as_deref()
}

/// Does something that may fail. Returns the error that it failed with, if it did, which has
/// been reported then.
fn attempt(work: impl FnOnce() -> PgResult<()>) -> PgResult<Option<PgError>> {
    let Err(error) = work() else {
        return Ok(None);
    };
    let _ = guard::report_error(&error);
    guard::abort_transaction()?;
    Ok(Some(error))
}

/// Runs a query in a transaction of its own, with the server's settings: those that the owner
/// of the database has chosen must not reach it.
fn run_query(statement: &CStr, parameters: &Parameters) -> PgResult<Vec<Vec<Value>>> {
    guard::start_transaction()?;
    guard::override_settings()?;
    let rows = worker::query(statement, parameters)?;
    // Without a standby that it should wait for, the keeper would wait with its locks.
    worker::commit()?;
    Ok(rows)
}
