//! What the session audit records of this session (rules A2 and A4), read from the
//! server's state. What the columns are called, and what an end is called, is decided
//! in [`crate::domain::audit::record`].

use super::settings::LOG_TO_SERVER;
use super::usage::usage;
use crate::domain::audit::record::{self as audit, End, Usage, Value, event_name};
use crate::domain::audit::refusals::Counted;
use crate::domain::audit::text::Text;
use crate::domain::session::event::{Event, Occasion};
use crate::domain::session::triggers::FunctionId;
use crate::pg::server::backend;
use crate::pg::server::error::{PgError, PgResult, ask};
use crate::pg::server::settings::INSTANCE_NUM;
use crate::pg::server::sys::{self, SesstrigAuditRow};
use std::borrow::Cow;
use std::cell::Cell;
use std::collections::TryReserveError;
use std::ffi::{CStr, CString, c_char};
use std::ptr;

thread_local! {
    /// What the process had used when the present use of the session began.
    static USED_BEFORE: Cell<Usage> = const { Cell::new(Usage::NONE) };
}

/// Counts what the process uses from now on for the next use of the session (rule R3).
pub(in crate::pg) fn start_use() {
    USED_BEFORE.set(usage());
}

/// What a session tells the audit about itself, or about its present use.
#[derive(Clone, Copy)]
pub(in crate::pg) struct Use {
    /// When it began, in microseconds since 2000.
    pub(in crate::pg) logon_at: i64,
    /// How the client has authenticated.
    pub(in crate::pg) auth_method: Option<&'static CStr>,
    /// `session_triggers.instance_num` at logon.
    pub(in crate::pg) instance_num: i32,
    /// What makes the event occur that fires at present.
    pub(in crate::pg) occasion: Occasion,
}

/// A text of a record; `None` is NULL.
type Column = Option<Cow<'static, CStr>>;

/// The record of an event, ready to be written.
pub(in crate::pg) struct Record {
    /// When it happened, in microseconds since 2000.
    pub(in crate::pg) at: i64,
    pub(in crate::pg) event: &'static CStr,
    pub(in crate::pg) session_id: Option<CString>,
    pub(in crate::pg) login_user: Column,
    pub(in crate::pg) database: Column,
    pub(in crate::pg) auth_method: Column,
    pub(in crate::pg) system_identity: Column,
    pub(in crate::pg) client_addr: Option<CString>,
    pub(in crate::pg) client_port: Option<i32>,
    pub(in crate::pg) application_name: Column,
    pub(in crate::pg) encryption: Column,
    pub(in crate::pg) instance_num: i32,
    /// When the session, or its present use, began, in microseconds since 2000.
    pub(in crate::pg) logon_at: Option<i64>,
    /// How it ended.
    pub(in crate::pg) end: Option<End>,
    /// The error with which it ended or was refused.
    pub(in crate::pg) sqlstate: Column,
    /// What it has used, in the record of a logoff.
    pub(in crate::pg) usage: Option<Usage>,
    /// For how many events the record stands.
    pub(in crate::pg) count: i32,
}

/// Records an event of this session: as a row of the log that is in the schema of
/// `function`, as a line of the server log, or both. Returns what [`write`] does.
///
/// # Errors
/// Returns the server's error if the row cannot be written, with `context`.
pub(in crate::pg) fn record(
    event: Event,
    used: &Use,
    function: u32,
    context: &CStr,
) -> PgResult<Option<bool>> {
    write(function, &collect(event, used), context)
}

/// Writes a record. Returns whether there is no partition for its month, or `None` on a
/// standby, where only a line of the server log is written.
///
/// # Errors
/// Returns the server's error if the row cannot be written, with `context`.
pub(in crate::pg) fn write(
    function: u32,
    record: &Record,
    context: &CStr,
) -> PgResult<Option<bool>> {
    let month_missing = if backend::in_recovery() {
        None
    } else {
        Some(audit_write(function, record, context)?)
    };
    if month_missing.is_none() || LOG_TO_SERVER.get() {
        audit_log(&record.line()?)?;
    }
    Ok(month_missing)
}

fn collect(event: Event, session: &Use) -> Record {
    let at = match event {
        Event::Logon => session.logon_at,
        Event::Logoff => backend::now(),
    };
    let (end, sqlstate) = match event {
        Event::Logon => (None, None),
        Event::Logoff => {
            let (end, sqlstate) = end(session.occasion);
            (Some(end), sqlstate)
        }
    };
    Record {
        at,
        event: event_name(event),
        session_id: {
            let (start, number) = backend::start_and_number();
            CString::new(audit::session_id(start, number)).ok()
        },
        login_user: backend::login_user().map(Cow::Borrowed),
        database: backend::database_name().map(Cow::Borrowed),
        auth_method: session.auth_method.map(Cow::Borrowed),
        system_identity: backend::client_identity().map(Cow::Borrowed),
        client_addr: backend::client_address()
            .and_then(|address| CString::new(address.to_string()).ok()),
        client_port: backend::client_port(),
        application_name: backend::application_name().map(Cow::Owned),
        encryption: backend::client_encryption().map(Cow::Borrowed),
        instance_num: session.instance_num,
        logon_at: Some(session.logon_at),
        end,
        sqlstate: sqlstate.map(Cow::Borrowed),
        usage: end.map(|_| usage().since(USED_BEFORE.get())),
        count: 1,
    }
}

/// How the session, or its present use, ends, and the SQLSTATE of the error that ends it.
fn end(occasion: Occasion) -> (End, Option<&'static CStr>) {
    if occasion == Occasion::Discard {
        return (End::Reset, None);
    }
    match backend::exit_sqlstate() {
        Some(sqlstate) if backend::exit_is_interrupt() => (
            End::from_interrupt(sqlstate.to_bytes(), backend::is_shutdown()),
            Some(sqlstate),
        ),
        Some(sqlstate) => (End::Fatal, Some(sqlstate)),
        None if backend::client_is_lost() => (End::ClientLost, None),
        None => (End::Client, None),
    }
}

impl Record {
    /// The record of refused logons (rule A7).
    pub(in crate::pg) fn from_refusal(refused: &Counted) -> Record {
        fn column<const N: usize>(text: &Text<N>) -> Column {
            text.shown()
                .and_then(|shown| CString::new(shown).ok())
                .map(Cow::Owned)
        }
        let first = &refused.first;
        Record {
            at: first.at,
            event: audit::REFUSED,
            session_id: first
                .process
                .and_then(|(start, number)| CString::new(audit::session_id(start, number)).ok()),
            login_user: column(&first.login_user),
            database: column(&first.database),
            auth_method: column(&first.auth_method),
            system_identity: column(&first.system_identity),
            client_addr: first
                .client_addr
                .and_then(|address| CString::new(address.to_string()).ok()),
            client_port: first.client_port,
            application_name: column(&first.application_name),
            encryption: column(&first.encryption),
            instance_num: INSTANCE_NUM.get(),
            logon_at: None,
            end: None,
            sqlstate: column(&first.sqlstate),
            usage: None,
            count: i32::try_from(refused.count).unwrap_or(i32::MAX),
        }
    }

    /// The record as a line of the server log, which is a JSON object.
    ///
    /// # Errors
    /// Fails if there is no memory for it.
    pub(in crate::pg) fn line(&self) -> Result<CString, TryReserveError> {
        Ok(CString::new(self.json()?).unwrap_or_default())
    }

    fn json(&self) -> Result<String, TryReserveError> {
        fn text<T: AsRef<CStr>>(text: &Option<T>) -> Value<'_> {
            text.as_ref()
                .map_or(Value::Null, |text| Value::Text(text.as_ref().to_bytes()))
        }
        let at = Some(backend::format_time(self.at));
        let logon_at = self.logon_at.map(backend::format_time);
        let usage = self.usage.as_ref();
        let counter =
            |get: fn(&Usage) -> i64| usage.map_or(Value::Null, |usage| Value::Integer(get(usage)));
        audit::json(&[
            ("at", text(&at)),
            ("event", text(&Some(self.event))),
            ("session_id", text(&self.session_id)),
            ("login_user", text(&self.login_user)),
            ("database", text(&self.database)),
            ("auth_method", text(&self.auth_method)),
            ("system_identity", text(&self.system_identity)),
            ("client_addr", text(&self.client_addr)),
            (
                "client_port",
                self.client_port
                    .map_or(Value::Null, |port| Value::Integer(port.into())),
            ),
            ("application_name", text(&self.application_name)),
            ("encryption", text(&self.encryption)),
            ("instance_num", Value::Integer(self.instance_num.into())),
            ("logon_at", text(&logon_at)),
            ("ended_by", text(&self.end.map(End::name))),
            ("sqlstate", text(&self.sqlstate)),
            (
                "cpu",
                usage.map_or(Value::Null, |usage| Value::Microseconds(usage.cpu)),
            ),
            ("blocks_hit", counter(|usage| usage.blocks_hit)),
            ("blocks_read", counter(|usage| usage.blocks_read)),
            ("blocks_written", counter(|usage| usage.blocks_written)),
            ("temp_blocks", counter(|usage| usage.temp_blocks)),
            ("wal_bytes", counter(|usage| usage.wal_bytes)),
            (
                "count",
                match self.count {
                    1 => Value::Null,
                    count => Value::Integer(count.into()),
                },
            ),
        ])
    }
}

/// Whether a function is that of the session audit. A transaction must be open.
pub(in crate::pg) fn is_audit_function(function: FunctionId) -> PgResult<bool> {
    // SAFETY: this calls a guard.
    unsafe { ask(|answer| sys::sesstrig_try_audit_is_function(function.0, answer)) }
}

/// Writes a row to the log of the session audit that is in the schema of `function`.
/// The transaction of the firing must be open. Errors get `context`. Returns whether there
/// is no partition for the month of the row.
fn audit_write(function: u32, record: &Record, context: &CStr) -> PgResult<bool> {
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
    // SAFETY: this calls a guard, which copies the strings.
    unsafe { ask(|answer| sys::sesstrig_try_audit_write(function, &row, context.as_ptr(), answer)) }
}

/// Writes a line of the session audit to the server log.
pub(in crate::pg) fn audit_log(line: &CStr) -> PgResult<()> {
    // SAFETY: the string outlives the call.
    unsafe { PgError::check(sys::sesstrig_try_audit_log(line.as_ptr())) }
}
