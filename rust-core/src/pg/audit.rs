//! What the session audit records of this session (rules A2 and A4), read from the
//! server's state. What the columns are called, and what an end is called, is decided
//! in [`crate::domain::session::audit`].

use super::backend::Usage;
use super::error::PgResult;
use super::{backend, guard, keeper, session, settings};
use crate::domain::session::audit::{self, End, Value, event_name};
use crate::domain::session::event::{Event, Occasion};
use crate::domain::session::refusal::{Counted, Text};
use std::borrow::Cow;
use std::cell::Cell;
use std::collections::TryReserveError;
use std::ffi::{CStr, CString};

thread_local! {
    /// What the process had used when the present use of the session began.
    static USED_BEFORE: Cell<Usage> = const { Cell::new(Usage::NONE) };
}

/// Counts what the process uses from now on for the next use of the session (rule R3).
pub(super) fn start_use() {
    USED_BEFORE.set(backend::usage());
}

/// A text of a record; `None` is NULL.
type Column = Option<Cow<'static, CStr>>;

/// The record of an event, ready to be written.
pub(super) struct Record {
    /// When it happened, in microseconds since 2000.
    pub(super) at: i64,
    pub(super) event: &'static CStr,
    pub(super) session_id: Option<CString>,
    pub(super) login_user: Column,
    pub(super) database: Column,
    pub(super) auth_method: Column,
    pub(super) system_identity: Column,
    pub(super) client_addr: Option<CString>,
    pub(super) client_port: Option<i32>,
    pub(super) application_name: Column,
    pub(super) encryption: Column,
    pub(super) instance_num: i32,
    /// When the session, or its present use, began, in microseconds since 2000.
    pub(super) logon_at: Option<i64>,
    /// How it ended.
    pub(super) end: Option<End>,
    /// The error with which it ended or was refused.
    pub(super) sqlstate: Column,
    /// What it has used, in the record of a logoff.
    pub(super) usage: Option<Usage>,
    /// For how many events the record stands.
    pub(super) count: i32,
}

/// Records an event of this session: as a row of the log that is in the schema of
/// `function`, as a line of the server log, or both.
///
/// # Errors
/// Returns the server's error if the row cannot be written, with `context`.
pub(crate) fn record(event: Event, function: u32, context: &CStr) -> PgResult<()> {
    let Some(record) = collect(event) else {
        return Ok(());
    };
    let month_missing = write(function, &record, context)?;
    if event == Event::Logon {
        keeper::look_after_logon(month_missing)?;
    }
    Ok(())
}

/// Writes a record. Returns whether there is no partition for its month, or `None` on a
/// standby, where only a line of the server log is written.
///
/// # Errors
/// Returns the server's error if the row cannot be written, with `context`.
pub(super) fn write(function: u32, record: &Record, context: &CStr) -> PgResult<Option<bool>> {
    let month_missing = if backend::in_recovery() {
        None
    } else {
        Some(guard::audit_write(function, record, context)?)
    };
    if month_missing.is_none() || settings::audit_log_to_server() {
        guard::audit_log(&record.line()?)?;
    }
    Ok(month_missing)
}

/// `None` in a process that has no session, which can run no session trigger.
fn collect(event: Event) -> Option<Record> {
    let session = session::current()?;
    let at = match event {
        Event::Logon => session.logon_at,
        Event::Logoff => backend::now(),
    };
    let (end, sqlstate) = match event {
        Event::Logon => (None, None),
        Event::Logoff => {
            let (end, sqlstate) = end(session.occasion());
            (Some(end), sqlstate)
        }
    };
    Some(Record {
        at,
        event: event_name(event),
        session_id: CString::new(backend::session_id()).ok(),
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
        usage: end.map(|_| backend::usage().since(USED_BEFORE.get())),
        count: 1,
    })
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
    pub(super) fn from_refusal(refused: &Counted) -> Record {
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
            instance_num: settings::instance_num(),
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
    pub(super) fn line(&self) -> Result<CString, TryReserveError> {
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
