//! What the session audit records of this session (rules A2 and A4), read from the
//! server's state. What the columns are called, and what an end is called, is decided
//! in [`crate::domain::session::audit`].

use super::error::PgResult;
use super::{backend, guard, keeper, session, settings};
use crate::domain::session::audit::{self, End, Value, event_name};
use crate::domain::session::event::Event;
use std::ffi::{CStr, CString};

/// The record of an event, ready to be written.
pub(super) struct Record {
    /// When it happened, in microseconds since 2000.
    pub(super) at: i64,
    pub(super) event: &'static CStr,
    pub(super) session_id: CString,
    pub(super) login_user: Option<&'static CStr>,
    pub(super) database: Option<&'static CStr>,
    pub(super) auth_method: Option<&'static CStr>,
    pub(super) system_identity: Option<&'static CStr>,
    pub(super) client_addr: Option<CString>,
    pub(super) client_port: Option<i32>,
    pub(super) application_name: Option<CString>,
    pub(super) encryption: Option<&'static CStr>,
    pub(super) instance_num: i32,
    /// When the session logged on, in microseconds since 2000.
    pub(super) logon_at: i64,
    /// How it ended, and with which error, in the record of a logoff.
    pub(super) end: Option<(End, Option<CString>)>,
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
    let standby = backend::in_recovery();
    if !standby {
        let month_missing = guard::audit_write(function, &record, context)?;
        if event == Event::Logon {
            keeper::look_after_logon(month_missing)?;
        }
    }
    if standby || settings::audit_log_to_server() {
        let line = CString::new(record.json()).unwrap_or_default();
        guard::audit_log(&line)?;
    }
    Ok(())
}

/// `None` in a process that has no session, which can run no session trigger.
fn collect(event: Event) -> Option<Record> {
    let session = session::current()?;
    let at = match event {
        Event::Logon => session.logon_at,
        Event::Logoff => backend::now(),
    };
    Some(Record {
        at,
        event: event_name(event),
        session_id: CString::new(backend::session_id()).unwrap_or_default(),
        login_user: backend::login_user(),
        database: backend::database_name(),
        auth_method: session.auth_method,
        system_identity: backend::client_identity(),
        client_addr: backend::client_address()
            .and_then(|address| CString::new(address.to_string()).ok()),
        client_port: backend::client_port(),
        application_name: backend::application_name(),
        encryption: backend::client_encryption(),
        instance_num: session.instance_num,
        logon_at: session.logon_at,
        end: match event {
            Event::Logon => None,
            Event::Logoff => Some(end()),
        },
    })
}

/// How the session ends, and the SQLSTATE of the error that ends it.
fn end() -> (End, Option<CString>) {
    match backend::exit_sqlstate() {
        Some(sqlstate) => (
            End::from_error(sqlstate.to_bytes(), backend::is_shutdown()),
            Some(sqlstate.to_owned()),
        ),
        None if backend::client_is_lost() => (End::ClientLost, None),
        None => (End::Client, None),
    }
}

/// A text that may be NULL.
fn owned(text: Option<&CString>) -> Value<'_> {
    text.map_or(Value::Null, |text| Value::Text(text.to_bytes()))
}

impl Record {
    /// The record as a JSON object.
    fn json(&self) -> String {
        let text = |text: Option<&'static CStr>| {
            text.map_or(Value::Null, |text| Value::Text(text.to_bytes()))
        };
        let (at, logon_at) = (
            backend::format_time(self.at),
            backend::format_time(self.logon_at),
        );
        let usage = self.end.as_ref().map(|_| backend::usage());
        let counter = |get: fn(&backend::Usage) -> i64| {
            usage
                .as_ref()
                .map_or(Value::Null, |usage| Value::Integer(get(usage)))
        };
        audit::json([
            ("at", Value::Text(at.to_bytes())),
            ("event", Value::Text(self.event.to_bytes())),
            ("session_id", Value::Text(self.session_id.to_bytes())),
            ("login_user", text(self.login_user)),
            ("database", text(self.database)),
            ("auth_method", text(self.auth_method)),
            ("system_identity", text(self.system_identity)),
            ("client_addr", owned(self.client_addr.as_ref())),
            (
                "client_port",
                self.client_port
                    .map_or(Value::Null, |port| Value::Integer(port.into())),
            ),
            ("application_name", owned(self.application_name.as_ref())),
            ("encryption", text(self.encryption)),
            ("instance_num", Value::Integer(self.instance_num.into())),
            ("logon_at", Value::Text(logon_at.to_bytes())),
            (
                "ended_by",
                self.end
                    .as_ref()
                    .map_or(Value::Null, |(end, _)| Value::Text(end.name().to_bytes())),
            ),
            (
                "sqlstate",
                self.end
                    .as_ref()
                    .and_then(|(_, sqlstate)| sqlstate.as_deref())
                    .map_or(Value::Null, |sqlstate| Value::Text(sqlstate.to_bytes())),
            ),
            (
                "cpu",
                usage
                    .as_ref()
                    .map_or(Value::Null, |usage| Value::Microseconds(usage.cpu)),
            ),
            ("blocks_hit", counter(|usage| usage.blocks_hit)),
            ("blocks_read", counter(|usage| usage.blocks_read)),
            ("blocks_written", counter(|usage| usage.blocks_written)),
            ("temp_blocks", counter(|usage| usage.temp_blocks)),
            ("wal_bytes", counter(|usage| usage.wal_bytes)),
        ])
    }
}
