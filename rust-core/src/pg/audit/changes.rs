//! What weakens the audit leaves a line of the server log, and a row where the log takes one
//! (rule A11). What that is, `shim/audit/changes.c` finds out; here is what is said of it.
//!
//! It is recorded as it is commanded, and stays so if it is rolled back: whoever tries it is seen.

use super::handover;
use super::pool::{POOL, Pool};
use super::settings::{LOG_TO_SERVER, TIMEOUT, is_on};
use super::worker;
use crate::domain::audit::changes::{SETTINGS, Told};
use crate::domain::audit::context;
use crate::domain::audit::record::{CONTEXT, Kind, Record};
use crate::domain::audit::text::Text;
use crate::pg::server::error::PgResult;
#[cfg(feature = "faults")]
use crate::pg::server::fault;
use crate::pg::server::{backend, settings};
use std::cell::Cell;
use std::ffi::{CStr, CString};
use std::ops::RangeInclusive;
use std::sync::atomic::Ordering::Relaxed;

/// What somebody does.
#[derive(Clone, Copy, Default)]
pub(crate) struct Change<'a> {
    /// The command tag, or what else it is.
    pub(crate) change: &'a CStr,
    /// What it is done to, or where a setting is to apply.
    pub(crate) object: Option<&'a CStr>,
    /// The setting.
    pub(crate) setting: Option<&'a CStr>,
    /// The rights that are granted or revoked, and whose they are.
    pub(crate) privileges: Option<&'a CStr>,
    pub(crate) grantees: Option<&'a CStr>,
    /// What it was.
    pub(crate) old: Option<&'a CStr>,
    /// What it is to be.
    pub(crate) value: Option<&'a CStr>,
}

/// The settings that a reload can change.
const OF_SERVER: [&CStr; SETTINGS] = [
    c"session_triggers.enabled",
    c"session_triggers.proxy_networks",
    c"session_triggers.protected_settings",
    c"session_audit.database",
    c"session_audit.enabled",
    c"session_audit.required",
    c"session_audit.timeout",
    c"session_audit.keep",
    c"session_audit.context",
    c"session_audit.log_to_server",
];

/// What the client has set when it connected: the setting, what it was, and what it is.
struct ClientSet {
    values: [CString; 3],
    /// What it has set before.
    before: Option<&'static ClientSet>,
}

thread_local! {
    /// The last of these. None is freed: a value that is dropped when the thread ends would cost
    /// each session the registration for that, which has the linker look for a function.
    static BY_CLIENT: Cell<Option<&'static ClientSet>> = const { Cell::new(None) };
    /// What the session has told, if it has, which is not freed either.
    static TOLD: Cell<Option<&'static mut Told>> = const { Cell::new(None) };
}

/// How often a session looks whether there is room for what it tells, in milliseconds.
const LOOK: i32 = 10;

/// Whether a change of the setting with this name weakens the audit, or can.
pub(crate) fn is_watched(name: &CStr) -> bool {
    OF_SERVER
        .iter()
        .any(|known| known.to_bytes().eq_ignore_ascii_case(name.to_bytes()))
}

/// Uses what the session has told. `f` must not call the server, which can end the process.
fn with_told<T>(f: impl FnOnce(&mut Told) -> T) -> T {
    let told = TOLD
        .take()
        .unwrap_or_else(|| Box::leak(Box::new(Told::default())));
    let answer = f(told);
    TOLD.set(Some(told));
    answer
}

/// Records a change, or counts it, if the session has done the same within the last minute.
///
/// # Errors
/// Returns the server's error if the line cannot be written, or if the session is told to stop
/// while it waits because it has told much. What it was about to do must not be done then.
pub(crate) fn note(change: &Change) -> PgResult<()> {
    if !backend::is_in_service() || !is_on() && !LOG_TO_SERVER.get() {
        return Ok(());
    }
    #[cfg(feature = "faults")]
    if fault::is_unseen() {
        return Ok(());
    }
    let shown = |text: Option<&CStr>| {
        let text: Text<CONTEXT> = Text::new(text?.to_bytes());
        Some(text.shown().unwrap_or_default())
    };
    let values = [
        (c"change", Some(change.change)),
        (c"object", change.object),
        (c"setting", change.setting),
        (c"privileges", change.privileges),
        (c"grantees", change.grantees),
        (c"old", change.old),
        (c"new", change.value),
    ]
    .map(|(name, value)| (name, shown(value)));
    let members: Vec<(&[u8], &[u8])> = values
        .iter()
        .filter_map(|(name, value)| Some((name.to_bytes(), value.as_deref()?)))
        .collect();
    let record = Record {
        kind: Kind::Changed,
        at: backend::now(),
        context: context::object(&members),
        ..handover::present_session()?
    };
    while let Some(rest) = with_told(|told| told.due(record.at)) {
        tell(&rest, true)?;
    }
    if with_told(|told| told.count(&record)) {
        return Ok(());
    }
    tell(&record, true)?;
    match with_told(|told| told.remember(&record)) {
        Some(rest) => tell(&rest, true),
        None => Ok(()),
    }
}

/// Records what was counted: the session ends.
pub(in crate::pg) fn note_end() {
    // Most have told nothing.
    let Some(told) = TOLD.take() else {
        return;
    };
    while let Some(rest) = told.rest() {
        handover::report(tell(&rest, false));
    }
}

/// Tells of a change in the server log, and in the log if that is possible. If the session `waits`,
/// it does so until it may tell, and until there is room.
fn tell(record: &Record, waits: bool) -> PgResult<()> {
    if waits {
        loop {
            let now = backend::clock();
            match with_told(|told| told.pace(now)) {
                0 => break,
                left => worker::wait((left / 1_000_000 + 1) as i32)?,
            };
        }
    }
    worker::log(record)?;
    match POOL.get().filter(|_| is_on() && !backend::in_recovery()) {
        Some(pool) => put(pool, record, waits),
        None => Ok(()),
    }
}

/// Hands a record over that is in the server log. It must not take the room that others need for
/// their logons, so this rather waits for the writer.
fn put(pool: &Pool, record: &Record, waits: bool) -> PgResult<()> {
    handover::request_writer(pool)?;
    let since = backend::now();
    let mut waited = Ok(false);
    while !pool.put_spare(record) {
        let is_late = !(0..i64::from(TIMEOUT.get()) * 1000).contains(&(backend::now() - since));
        if waited.is_err() || !waits || is_late || !pool.is_responsive() {
            pool.dropped.fetch_add(1, Relaxed);
            return waited.map(drop);
        }
        pool.wake_writer(true);
        waited = worker::wait(LOOK);
    }
    pool.wake_writer(false);
    waited.map(drop)
}

/// Records that the session sets a setting. What the client sets when it connects is kept for
/// [`note_logon`]: nobody knows yet whether it is let in.
///
/// # Errors
/// As [`note`].
pub(crate) fn note_set(setting: &CStr, old: &CStr, value: &CStr, by_client: bool) -> PgResult<()> {
    if by_client {
        let set = ClientSet {
            values: [setting, old, value].map(CStr::to_owned),
            before: BY_CLIENT.get(),
        };
        BY_CLIENT.set(Some(Box::leak(Box::new(set))));
        return Ok(());
    }
    note(&Change {
        change: c"SET",
        setting: Some(setting),
        old: Some(old),
        value: Some(value),
        ..Change::default()
    })
}

/// Records what the client has set when it connected, with its logon.
///
/// # Errors
/// As [`note`].
pub(in crate::pg) fn note_logon() -> PgResult<()> {
    let mut next = BY_CLIENT.take();
    while let Some(ClientSet {
        values: [setting, old, value],
        before,
    }) = next
    {
        note(&Change {
            change: c"connection option",
            setting: Some(setting),
            old: Some(old),
            value: Some(value),
            ..Change::default()
        })?;
        next = *before;
    }
    Ok(())
}

/// What the settings are that a reload can change.
///
/// # Errors
/// Returns the server's error if one cannot be read.
pub(super) fn of_server() -> PgResult<Vec<CString>> {
    OF_SERVER
        .iter()
        .map(|name| Ok(settings::read(name, CStr::to_owned)?.unwrap_or_default()))
        .collect()
}

/// The records of the settings that were changed while no writer looked, one after the other.
pub(super) fn since_last_look(pool: &Pool, values: &[CString]) -> Vec<Record> {
    let of_setting = |(index, (name, value)): (usize, (&&CStr, &CString))| {
        let members: [(&[u8], &[u8]); 3] = [
            (b"change", b"reload"),
            (b"setting", name.to_bytes()),
            (b"new", value.to_bytes()),
        ];
        pool.settings
            .note(index, value)
            .then(|| of_server_itself(&members))
    };
    let settings = OF_SERVER.iter().zip(values).enumerate();
    settings.filter_map(of_setting).collect()
}

/// The records of the settings that a reload has changed.
pub(super) fn by_reload(pool: &Pool, old: &[CString], new: &[CString]) -> Vec<Record> {
    for (index, value) in new.iter().enumerate() {
        pool.settings.note(index, value);
    }
    OF_SERVER
        .iter()
        .zip(old)
        .zip(new)
        .filter(|((_, old), new)| old != new)
        .map(|((name, old), new)| {
            of_server_itself(&[
                (b"change", b"reload"),
                (b"setting", name.to_bytes()),
                (b"old", old.to_bytes()),
                (b"new", new.to_bytes()),
            ])
        })
        .collect()
}

/// The record of rows that the writer has written in this run of the server, and that are gone
/// from the end of the log.
pub(super) fn missing(numbers: &RangeInclusive<i64>) -> Record {
    of_server_itself(&[
        (b"change", b"rows missing"),
        (b"first_number", numbers.start().to_string().as_bytes()),
        (b"last_number", numbers.end().to_string().as_bytes()),
    ])
}

/// The record of what nobody in particular has done.
fn of_server_itself(members: &[(&[u8], &[u8])]) -> Record {
    Record {
        context: context::object(members),
        ..Record::new(Kind::Changed, backend::now())
    }
}
