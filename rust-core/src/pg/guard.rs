//! Calls into the server that may raise an error, as safe functions that return it.
//! The guards themselves are C, in `shim/guard.c`; no decision is made here.
//!
//! After any error, [`abort_transaction`] must be called before anything else that
//! accesses the database.

use super::audit::Record;
use super::backend;
use super::delegation::Judge;
use super::error::{PgError, PgResult};
use super::keeper::Parameters;
use super::launcher::Task;
use super::sys::{self, CommandTag, SesstrigAuditRow, SesstrigTriggerRow};
use crate::domain::session::audit::End;
use crate::domain::session::delegation::Standing;
use crate::domain::session::event::{Event, Occasion};
use crate::domain::session::trigger::{
    Definition, Enabled, FunctionId, RoleId, Trigger, TriggerId, TriggerSet,
};
use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr;

/// Makes an error of the core's own, with SQLSTATE XX000.
pub(super) fn make_error(message: &CStr, detail: &CStr, context: &CStr) -> PgError {
    // SAFETY: the strings outlive the call, and the call copies them.
    let made = unsafe {
        PgError::check(sys::sesstrig_try_make_error(
            message.as_ptr(),
            detail.as_ptr(),
            context.as_ptr(),
        ))
    };
    made.expect_err("the guard raises an error and returns it")
}

/// Reports an error to the server log and, unless it is hidden from the client, to
/// the client.
pub(super) fn report_error(error: &PgError) -> PgResult<()> {
    // SAFETY: `error` has not been freed, and the call copies it.
    unsafe { PgError::check(sys::sesstrig_try_report_error(error.as_ptr())) }
}

/// Sends the client a WARNING with SQLSTATE 01000, which is not logged.
pub(super) fn warn_client(message: &CStr) -> PgResult<()> {
    // SAFETY: the string outlives the call.
    unsafe { PgError::check(sys::sesstrig_try_warn_client(message.as_ptr())) }
}

/// Shows what the session does in the process title.
pub(super) fn set_title(title: &CStr) -> PgResult<()> {
    // SAFETY: the string outlives the call, and the call copies it.
    unsafe { PgError::check(sys::sesstrig_try_set_title(title.as_ptr())) }
}

/// Starts the transaction of a firing (rule F1).
pub(super) fn start_transaction() -> PgResult<()> {
    // SAFETY: the call takes no arguments, and returns errors instead of raising them.
    unsafe { PgError::check(sys::sesstrig_try_start_transaction()) }
}

/// Overrides the settings that any user may set, up to the end of the transaction
/// (rule F7).
pub(super) fn override_settings() -> PgResult<()> {
    // SAFETY: the call takes no arguments, and returns errors instead of raising them.
    unsafe { PgError::check(sys::sesstrig_try_override_settings()) }
}

/// Ignores cancel requests until the session's next command (rule F9), and sets the
/// statement timestamp to the current time.
pub(super) fn ignore_cancels() {
    // SAFETY: the function sets a signal handler and variables, and cannot raise.
    unsafe { sys::sesstrig_ignore_cancels() }
}

/// Releases the locks that the session holds outside of transactions (rule G1).
pub(super) fn release_locks() -> PgResult<()> {
    // SAFETY: the call takes no arguments, and returns errors instead of raising them.
    unsafe { PgError::check(sys::sesstrig_try_release_locks()) }
}

/// Starts the timeout of a firing: `ms` milliseconds, or no timeout if that is 0
/// (rule F10). An error that the timeout causes gets `message`.
pub(super) fn start_timeout(ms: i32, message: &'static CStr) -> PgResult<()> {
    // SAFETY: the string lives as long as the process, as the call requires.
    unsafe { PgError::check(sys::sesstrig_try_start_timeout(ms, message.as_ptr())) }
}

/// Ends the timeout of a firing, as [`abort_transaction`] also does.
pub(super) fn end_timeout() {
    // SAFETY: the function disables a timeout, and cannot raise.
    unsafe { sys::sesstrig_end_timeout() }
}

/// If the timeout caused `error`, gives it the timeout's SQLSTATE and message, and returns
/// true.
pub(super) fn explain_timeout(error: &mut PgError) -> bool {
    // SAFETY: `error` has not been freed, and the reference is exclusive.
    unsafe { sys::sesstrig_explain_timeout(error.as_ptr()) }
}

/// Commits the transaction. Errors of deferred work get `context`.
pub(super) fn commit_transaction(context: &CStr) -> PgResult<()> {
    // SAFETY: the string outlives the call.
    unsafe { PgError::check(sys::sesstrig_try_commit_transaction(context.as_ptr())) }
}

/// Rolls back whatever is open, and brings the session back to idle.
pub(super) fn abort_transaction() -> PgResult<()> {
    // SAFETY: the call takes no arguments, and returns errors instead of raising them.
    unsafe { PgError::check(sys::sesstrig_try_abort_transaction()) }
}

/// Processes the invalidation messages of other sessions' catalog changes.
pub(super) fn accept_invalidations() -> PgResult<()> {
    // SAFETY: the call takes no arguments, and returns errors instead of raising them.
    unsafe { PgError::check(sys::sesstrig_try_accept_invalidations()) }
}

/// Has [`super::triggers::invalidate`] called whenever pg_event_trigger changes. The
/// server has room for few such callbacks, so call this only once per process.
pub(super) fn watch_triggers() -> PgResult<()> {
    // SAFETY: the call takes no arguments, and returns errors instead of raising them.
    unsafe { PgError::check(sys::sesstrig_try_watch_triggers()) }
}

/// Whether the role that logged on is a superuser.
pub(super) fn superuser() -> PgResult<bool> {
    let mut superuser = false;
    // SAFETY: the call writes to a local variable.
    unsafe { PgError::check(sys::sesstrig_try_superuser(&mut superuser))? };
    Ok(superuser)
}

/// Reads the triggers on session events. A transaction must be open. The result is
/// `None` if `may_wait` is false and the catalog could not be locked at once.
pub(super) fn read_triggers(may_wait: bool) -> PgResult<Option<TriggerSet>> {
    let events = Event::ALL.map(|event| event.name().as_ptr());
    let mut rows: *mut SesstrigTriggerRow = ptr::null_mut();
    let mut nrows = 0;
    let mut complete = false;
    // SAFETY: `events` has that many terminated strings, and the call writes to local
    // variables.
    unsafe {
        PgError::check(sys::sesstrig_try_read_triggers(
            may_wait,
            events.as_ptr(),
            events.len() as c_int,
            &mut rows,
            &mut nrows,
            &mut complete,
        ))?;
    }
    if !complete {
        return Ok(None);
    }
    let rows = match usize::try_from(nrows) {
        // SAFETY: the call has set `rows` to an array of `nrows` elements, which lives
        // as long as the transaction.
        Ok(count) if count > 0 => unsafe { std::slice::from_raw_parts(rows, count) },
        _ => &[],
    };
    // Triggers mostly share a function, and an owner.
    let mut last = None;
    let judge = Judge::default();
    let mut set = TriggerSet::try_with_capacity(rows.len())?;
    for row in rows {
        let (owner, function) = (RoleId(row.owner), FunctionId(row.function));
        let (audit, standing) = match last {
            Some((known, audit, standing)) if known == (owner, function) => (audit, standing),
            // Its function is compiled, so a superuser has made it.
            _ if is_audit_function(function)? => (true, Standing::Superuser),
            _ => (false, judge.standing(owner, function)?),
        };
        last = Some(((owner, function), audit, standing));
        if let Some(definition) = decode_row(row, audit, standing) {
            // SAFETY: the server terminates the names in its catalogs.
            let name = unsafe { CStr::from_ptr(row.name.data.as_ptr()) };
            let owner = match standing {
                Standing::Delegated => Some(role_name(owner)?),
                Standing::Superuser | Standing::Barred(_) => None,
            };
            set.add(name, owner.as_deref(), definition)?;
            match standing {
                Standing::Barred(obstacle) if log::log_enabled!(log::Level::Debug) => log::debug!(
                    "event trigger \"{}\" does not fire. {}",
                    name.to_string_lossy(),
                    obstacle.detail().to_string_lossy()
                ),
                _ => {}
            }
        }
    }
    set.sort();
    Ok(Some(set))
}

/// `None` if the trigger's state is unknown.
fn decode_row(row: &SesstrigTriggerRow, audit: bool, standing: Standing) -> Option<Definition> {
    Some(Definition {
        id: TriggerId(row.oid),
        event: *Event::ALL.get(usize::try_from(row.event).ok()?)?,
        function: FunctionId(row.function),
        enabled: Enabled::from_catalog(row.enabled as u8)?,
        audit,
        standing,
    })
}

/// Whether a role is a superuser. A transaction must be open.
pub(super) fn role_is_superuser(role: RoleId) -> PgResult<bool> {
    let mut answer = false;
    // SAFETY: the call writes to a local variable.
    unsafe { PgError::check(sys::sesstrig_try_role_is_superuser(role.0, &mut answer))? };
    Ok(answer)
}

/// Whether a role is a member of the one that `session_triggers.creator_role` names. A
/// transaction must be open.
pub(super) fn role_is_creator(role: RoleId) -> PgResult<bool> {
    let mut answer = false;
    // SAFETY: the call writes to a local variable.
    unsafe { PgError::check(sys::sesstrig_try_role_is_creator(role.0, &mut answer))? };
    Ok(answer)
}

/// Whether a role could become the one that has logged on, by SET ROLE. A transaction must
/// be open.
pub(super) fn role_can_become_login(role: RoleId) -> PgResult<bool> {
    let mut answer = false;
    // SAFETY: the call writes to a local variable.
    unsafe {
        PgError::check(sys::sesstrig_try_role_can_become_login(role.0, &mut answer))?;
    }
    Ok(answer)
}

/// Whether a role is the owner of a function, which may not exist. A transaction must be
/// open.
pub(super) fn role_owns_function(role: RoleId, function: FunctionId) -> PgResult<bool> {
    let mut answer = false;
    // SAFETY: the call writes to a local variable.
    unsafe {
        PgError::check(sys::sesstrig_try_role_owns_function(
            role.0,
            function.0,
            &mut answer,
        ))?;
    }
    Ok(answer)
}

/// The name of a role. A transaction must be open.
fn role_name(role: RoleId) -> PgResult<CString> {
    let mut name = sys::NameData { data: [0; 64] };
    // SAFETY: the call writes a terminated string to a local variable.
    unsafe {
        PgError::check(sys::sesstrig_try_role_name(role.0, &mut name))?;
        Ok(CStr::from_ptr(name.data.as_ptr()).to_owned())
    }
}

/// Has [`super::triggers::invalidate`] called whenever roles or owners change. The server
/// has room for few such callbacks, so call this only once per process.
pub(super) fn watch_roles() -> PgResult<()> {
    // SAFETY: the call takes no arguments, and returns errors instead of raising them.
    unsafe { PgError::check(sys::sesstrig_try_watch_roles()) }
}

/// Whether a function is that of the session audit. A transaction must be open.
fn is_audit_function(function: FunctionId) -> PgResult<bool> {
    let mut audit = false;
    // SAFETY: the call writes to a local variable.
    unsafe {
        PgError::check(sys::sesstrig_try_audit_is_function(function.0, &mut audit))?;
    }
    Ok(audit)
}

/// Writes a row to the log of the session audit that is in the schema of `function`.
/// The transaction of the firing must be open. Errors get `context`. Returns whether there
/// is no partition for the month of the row.
pub(super) fn audit_write(function: u32, record: &Record, context: &CStr) -> PgResult<bool> {
    fn pointer(text: Option<&CStr>) -> *const c_char {
        text.map_or(ptr::null(), CStr::as_ptr)
    }
    // SAFETY: the struct consists of numbers and pointers, for which zero is valid.
    let mut row: SesstrigAuditRow = unsafe { std::mem::zeroed() };
    row.at = record.at;
    row.event = record.event.as_ptr();
    row.session_id = pointer(record.session_id.as_deref());
    row.login_user = pointer(record.login_user.as_deref());
    row.database = pointer(record.database.as_deref());
    row.auth_method = pointer(record.auth_method.as_deref());
    row.system_identity = pointer(record.system_identity.as_deref());
    row.client_addr = pointer(record.client_addr.as_deref());
    row.client_port = record.client_port.unwrap_or(-1);
    row.application_name = pointer(record.application_name.as_deref());
    row.encryption = pointer(record.encryption.as_deref());
    row.instance_num = record.instance_num;
    row.has_logon = record.logon_at.is_some();
    row.logon_at = record.logon_at.unwrap_or(0);
    row.ended_by = pointer(record.end.map(End::name));
    row.sqlstate = pointer(record.sqlstate.as_deref());
    row.count = record.count;
    if let Some(usage) = &record.usage {
        row.has_usage = true;
        row.cpu = usage.cpu;
        row.blocks_hit = usage.blocks_hit;
        row.blocks_read = usage.blocks_read;
        row.blocks_written = usage.blocks_written;
        row.temp_blocks = usage.temp_blocks;
        row.wal_bytes = usage.wal_bytes;
    }
    let mut month_missing = false;
    // SAFETY: the strings outlive the call, which copies them and writes to a local
    // variable.
    unsafe {
        PgError::check(sys::sesstrig_try_audit_write(
            function,
            &row,
            context.as_ptr(),
            &mut month_missing,
        ))?;
    }
    Ok(month_missing)
}

/// Starts a worker of the session audit. If `wait`, returns when the worker has ended.
/// Returns whether one was free.
pub(super) fn start_worker(task: Task, wait: bool) -> PgResult<bool> {
    let (database, refusals) = match task {
        Task::Launch => (sys::INVALID_OID, false),
        Task::Keep(database) => (database, false),
        Task::Write(database) => (database, true),
    };
    let mut started = false;
    // SAFETY: the call writes to a local variable.
    unsafe {
        PgError::check(sys::sesstrig_try_start_worker(
            database,
            refusals,
            wait,
            &mut started,
        ))?;
    }
    Ok(started)
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
    pub(super) oid: u32,
    pub(super) name: CString,
}

/// The databases that allow connections. A transaction must be open.
pub(super) fn list_databases() -> PgResult<Vec<Database>> {
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
    let mut oid = sys::INVALID_OID;
    // SAFETY: the string outlives the call, which writes to a local variable.
    unsafe { PgError::check(sys::sesstrig_try_query_oid(query.as_ptr(), &mut oid))? };
    Ok((oid != sys::INVALID_OID).then_some(oid))
}

/// Runs a statement as the parameters' owner. A transaction must be open.
pub(super) fn execute(statement: &CStr, parameters: &Parameters) -> PgResult<()> {
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

/// Writes a line of the session audit to the server log.
pub(super) fn audit_log(line: &CStr) -> PgResult<()> {
    // SAFETY: the string outlives the call.
    unsafe { PgError::check(sys::sesstrig_try_audit_log(line.as_ptr())) }
}

/// The command tag of an event (rules E2 and R1).
pub(super) fn command_tag(event: Event, occasion: Occasion) -> CommandTag {
    match (occasion, event) {
        (Occasion::Connection, Event::Logon) => sys::CMDTAG_LOGON,
        (Occasion::Connection, Event::Logoff) => sys::CMDTAG_LOGOFF,
        (Occasion::Discard, _) => sys::CMDTAG_DISCARD_ALL,
    }
}

/// Runs one trigger. Meanwhile `pg_stat_activity` shows the session as active, with
/// the trigger's description as its query (rule F11). Its errors have the description
/// as context.
pub(super) fn run_trigger(trigger: Trigger, occasion: Occasion) -> PgResult<()> {
    let Trigger {
        definition,
        description,
        ..
    } = trigger;
    // SAFETY: the strings are terminated and outlive the call, and what must live longer
    // is copied.
    unsafe {
        PgError::check(sys::sesstrig_try_run_trigger(
            definition.function.0,
            definition.event.name().as_ptr(),
            command_tag(definition.event, occasion),
            description.as_ptr(),
        ))
    }
}
