//! What a session does to be recorded by the writer of the session audit (rules A2 to A6).

use super::pool::{POOL, Pool, Slot};
use super::refusals;
use super::settings::{CONTEXT, ENABLED, LOG_TO_SERVER, REQUIRED, TIMEOUT, is_on};
use super::usage::usage;
use super::worker::{self, Worker, log};
use crate::domain::audit::context;
use crate::domain::audit::handover::Answer;
use crate::domain::audit::record::{self, End, Kind, Record, Usage};
use crate::domain::audit::text::Text;
use crate::pg::proxy;
use crate::pg::server::error::{PgError, PgResult};
use crate::pg::server::{backend, guard, settings, sys, timeout};
use std::cell::Cell;
use std::ffi::{CStr, CString};
use std::sync::atomic::Ordering::{Relaxed, SeqCst};

/// How long a session waits before it looks whether the writer is still there, in milliseconds.
const LOOK: i64 = 5000;

/// How long nobody asks for a writer again, in microseconds.
const PATIENCE: i64 = 5 * 1_000_000;

thread_local! {
    /// The slot with the record of the logon, as long as the session waits for it.
    static WAITING: Cell<Option<usize>> = const { Cell::new(None) };
    /// Whether the record of the logon has found no slot.
    static MISSED: Cell<bool> = const { Cell::new(false) };
    /// The slot with what is to be written if the server ends before this replication
    /// connection does.
    static HELD: Cell<Option<usize>> = const { Cell::new(None) };
    /// The session that this process serves, if it does.
    static PRESENT: Cell<Option<Identity>> = const { Cell::new(None) };
    /// How the session has ended, once it has.
    static END: Cell<Option<(End, Text<5>)>> = const { Cell::new(None) };
    /// What the process had used when the present use of the session began.
    static USED_BEFORE: Cell<Usage> = const { Cell::new(Usage::NONE) };
}

/// What a session tells the audit about itself, or about its present use.
#[derive(Clone, Copy)]
pub(in crate::pg) struct Identity {
    /// When it began, in microseconds since 2000.
    pub(in crate::pg) logon_at: i64,
    /// The OID of the role that has logged on.
    pub(in crate::pg) login_user_id: u32,
    /// How the client has authenticated.
    pub(in crate::pg) auth_method: Option<&'static CStr>,
    /// `session_triggers.instance_num` at logon.
    pub(in crate::pg) instance_num: i32,
    /// Whether it is a replication connection, which waits for nothing.
    pub(in crate::pg) replication: bool,
}

/// Whether sessions of this role and database are recorded, as it is decided at logon.
pub(in crate::pg) fn is_enabled() -> bool {
    ENABLED.get()
}

/// Notes which session this process serves, whether it is recorded or not.
pub(in crate::pg) fn note_session(identity: &Identity) {
    PRESENT.set(Some(*identity));
}

/// A record with what there is to say of this session or, where there is none, of this process.
///
/// # Errors
/// Returns the server's error if a setting cannot be read.
pub(super) fn present_session() -> PgResult<Record> {
    match PRESENT.get() {
        Some(identity) => collect(&identity, None, Text::EMPTY),
        None => Ok(of_process()),
    }
}

/// A record of this process, where it serves no session.
fn of_process() -> Record {
    Record {
        process: Some(backend::start_and_number()),
        login_user_id: backend::login_role(),
        database_id: backend::database(),
        ..Record::new(Kind::Changed, backend::now())
    }
}

/// Hands over the record of a logon, for which [`finish_logon`] then waits. `sqlstate` is that
/// of the error with which the triggers of superusers have failed.
///
/// # Errors
/// Returns the server's error if the record cannot be written to the server log where it must
/// be.
pub(in crate::pg) fn logon(identity: &Identity, sqlstate: Text<5>) -> PgResult<()> {
    let Some(pool) = POOL.get().filter(|_| is_on() || LOG_TO_SERVER.get()) else {
        return Ok(());
    };
    let record = collect(identity, None, sqlstate)?;
    if backend::in_recovery() || !is_on() {
        return log(&record);
    }
    pool.note_promotion();
    if LOG_TO_SERVER.get() {
        log(&record)?;
    }
    request_writer(pool)?;
    let slot = pool.put(&record, !identity.replication, LOG_TO_SERVER.get());
    if slot.is_none() {
        pool.dropped.fetch_add(1, Relaxed);
        MISSED.set(!identity.replication);
        return log_once(&record);
    }
    if identity.replication {
        HELD.set(pool.hold(&record));
        pool.wake_writer(false);
    } else {
        pool.wake_writer(true);
        WAITING.set(slot);
    }
    Ok(())
}

/// Waits until the logon is recorded as a commit would be, if [`logon`] has been called.
/// Returns false if it is not and must be, and `may_be_refused`; the session has not begun
/// then, unless its record was taken.
///
/// # Errors
/// Returns the server's error if the session cannot go on.
pub(in crate::pg) fn finish_logon(may_be_refused: bool) -> PgResult<Recorded> {
    if MISSED.take() && REQUIRED.get() && may_be_refused {
        return Ok(Recorded::No { withdrawn: true });
    }
    let (Some(pool), Some(number)) = (POOL.get(), WAITING.get()) else {
        return Ok(Recorded::Yes);
    };
    // Delegated triggers have run since it was handed over, and may have taken long.
    let since = backend::now();
    let slot = &pool.slots()[number];
    let limit = TIMEOUT.get();
    timeout::ignore_cancels();
    let answer = loop {
        let answer = slot.state.answer();
        if answer != Answer::None || !pool.is_responsive() {
            break answer;
        }
        let left = i64::from(limit) - (backend::now() - since) / 1000;
        if left <= 0 || left > limit.into() {
            break answer;
        }
        worker::wait(left.min(LOOK) as i32)?;
    };
    if answer == Answer::Written && await_standby(pool, slot, limit, since)? {
        WAITING.set(None);
        slot.state.leave();
        return Ok(Recorded::Yes);
    }
    log_slot(slot)?;
    WAITING.set(None);
    if REQUIRED.get() && may_be_refused {
        if slot.state.withdraw() {
            return Ok(Recorded::No { withdrawn: true });
        }
        return Ok(match leave(pool, number) {
            Answer::Written if answer != Answer::Written => Recorded::Yes,
            Answer::Refused => Recorded::No { withdrawn: true },
            _ => Recorded::No { withdrawn: false },
        });
    }
    leave(pool, number);
    Ok(Recorded::Yes)
}

/// Whether a session may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pg) enum Recorded {
    /// It may.
    Yes,
    /// It may not. If its record was withdrawn, it has never begun.
    No {
        /// Whether no row will tell of it.
        withdrawn: bool,
    },
}

/// The error for a session that may not begin.
pub(in crate::pg) fn refuse() -> PgError {
    // SAFETY: the call takes no arguments, and returns the error that it raises.
    unsafe { PgError::check(sys::sesstrig_try_refuse_unrecorded()) }
        .expect_err("the guard raises an error and returns it")
}

/// Hands over the record of the end of a session, or of a use of one, for which nobody waits.
///
/// # Errors
/// As [`logon`].
pub(in crate::pg) fn logoff(identity: &Identity, end: End, sqlstate: Text<5>) -> PgResult<()> {
    let Some(pool) = POOL.get() else {
        return Ok(());
    };
    if let Some(number) = WAITING.take() {
        leave(pool, number);
        pool.stop_leading();
    }
    if HELD
        .take()
        .is_some_and(|number| !pool.slots()[number].state.release())
    {
        // The writer has told of this end.
        return Ok(());
    }
    if !is_on() && !LOG_TO_SERVER.get() {
        return Ok(());
    }
    let record = collect(identity, Some(end), sqlstate)?;
    if backend::in_recovery() || !is_on() {
        return log(&record);
    }
    let logged = LOG_TO_SERVER.get() || !pool.is_responsive();
    if logged {
        log(&record)?;
    }
    if pool.put(&record, false, logged).is_none() {
        pool.dropped.fetch_add(1, Relaxed);
        if !logged {
            log(&record)?;
        }
    }
    pool.wake_writer(false);
    Ok(())
}

/// Writes all that nobody is going to write to the server log: the server shuts down, and there
/// is no writer. The last session to end does this, or the writer itself.
pub(in crate::pg) fn log_rest() {
    let Some(pool) = POOL.get() else {
        return;
    };
    refusals::log_if_due();
    let me = backend::process();
    let writer = pool.writer.load(SeqCst);
    if (writer != 0 && writer != me) || !is_on() || !backend::is_shutdown() {
        return;
    }
    for slot in pool.slots() {
        if slot.state.take() {
            report(log_slot(slot));
            slot.state.refused();
        }
    }
    refusals::log_all();
}

/// Counts what the process uses from now on for the next use of the session (rule R3).
pub(in crate::pg) fn start_use() {
    USED_BEFORE.set(usage());
}

/// Stops waiting for a slot.
fn leave(pool: &Pool, number: usize) -> Answer {
    let answer = pool.slots()[number].state.leave();
    if matches!(answer, Answer::None | Answer::Failed) {
        pool.marks().set(number);
    }
    answer
}

/// Waits for the standbys that the server's own `synchronous_commit` asks for. Returns whether
/// they have the record.
///
/// Of the sessions whose records were committed together, one waits in the server's queue for
/// all of them: no two processes may be in it for the same end of the WAL.
fn await_standby(pool: &Pool, slot: &Slot, limit: i32, since: i64) -> PgResult<bool> {
    let level = pool.level.load(Relaxed);
    // SAFETY: the function only reads variables.
    if !unsafe { sys::sesstrig_commit_waits(level) } {
        return Ok(true);
    }
    let lsn = slot.lsn.load(Relaxed);
    let mut has_tried = false;
    loop {
        if pool.replicated.load(SeqCst) >= lsn {
            return Ok(true);
        }
        let left = i64::from(limit) - (backend::now() - since) / 1000;
        let is_late = left <= 0 || left > limit.into();
        if is_late && has_tried {
            return Ok(false);
        }
        // Where there is no such standby, nobody has to wait, however late it is.
        let left = if is_late { 1 } else { left };
        has_tried = true;
        let me = backend::process();
        if pool.leader.compare_exchange(0, me, SeqCst, SeqCst).is_err() {
            worker::wait(left.min(LOOK) as i32)?;
            continue;
        }
        timeout::start(left as i32, c"")?;
        // SAFETY: the call takes numbers.
        let waited = unsafe { PgError::check(sys::sesstrig_try_await_standby(lsn, level)) };
        timeout::end();
        if waited.is_ok() && !timeout::is_reached() {
            pool.replicated.fetch_max(lsn, SeqCst);
        }
        pool.stop_leading();
        waited?;
    }
}

/// Has a writer started if there is to be one and is none. Sessions that are not recorded do
/// this, too.
///
/// # Errors
/// Returns the server's error if the request for a worker is not valid.
pub(in crate::pg) fn look_after_writer() -> PgResult<()> {
    match POOL.get() {
        Some(pool) if is_on() && !backend::in_recovery() => request_writer(pool),
        _ => Ok(()),
    }
}

/// Has a writer started if there is none.
pub(super) fn request_writer(pool: &Pool) -> PgResult<()> {
    if pool.writer.load(Relaxed) != 0 {
        return Ok(());
    }
    let now = backend::now();
    let asked_at = pool.asked_at.load(Relaxed);
    if (0..PATIENCE).contains(&(now - asked_at))
        || (0..PATIENCE).contains(&(now - pool.changed_at.load(Relaxed)))
        || pool
            .asked_at
            .compare_exchange(asked_at, now, SeqCst, SeqCst)
            .is_err()
    {
        return Ok(());
    }
    if worker::start(Worker::Writer)? {
        pool.changed_at.store(now, Relaxed);
    } else {
        log::warn!("could not start the session audit's writer: no background worker is free");
    }
    Ok(())
}

/// Writes the record in a slot, which this process has, to the server log, unless it is there.
fn log_slot(slot: &Slot) -> PgResult<()> {
    if slot.logged.swap(true, Relaxed) {
        return Ok(());
    }
    // SAFETY: the caller waits for the record, or has taken it.
    log(unsafe { slot.record() })
}

fn log_once(record: &Record) -> PgResult<()> {
    if LOG_TO_SERVER.get() {
        Ok(())
    } else {
        log(record)
    }
}

/// The record of the begin of a session, or of its end.
fn collect(identity: &Identity, end: Option<End>, sqlstate: Text<5>) -> PgResult<Record> {
    fn text<const N: usize>(text: Option<&CStr>) -> Text<N> {
        text.map_or(Text::EMPTY, |text| Text::new(text.to_bytes()))
    }
    Ok(Record {
        kind: end.map_or(Kind::Logon, |_| Kind::Logoff),
        at: end.map_or(identity.logon_at, |_| backend::now()),
        process: Some(backend::start_and_number()),
        replication: identity.replication,
        login_user: text(backend::login_user()),
        login_user_id: identity.login_user_id,
        database: text(backend::database_name()),
        database_id: backend::database(),
        auth_method: text(identity.auth_method),
        system_identity: text(backend::client_identity()),
        client_addr: backend::client_address(),
        client_port: backend::client_port(),
        proxy_addr: proxy::address(),
        application_name: backend::application_name(|name| Text::new(name.to_bytes()))
            .unwrap_or(Text::EMPTY),
        encryption: text(backend::client_encryption()),
        instance_num: identity.instance_num,
        logon_at: Some(identity.logon_at),
        end,
        sqlstate,
        usage: end.map(|_| usage().since(USED_BEFORE.get())),
        count: 1,
        context: context()?,
    })
}

/// The values of the settings that a superuser has named for it (rule A12), as they are now.
fn context() -> PgResult<Text<{ record::CONTEXT }>> {
    let context_of = |list: &CStr| {
        context::object_of(context::names(list.to_bytes()), |name| {
            let name = CString::new(name).unwrap_or_default();
            settings::read(&name, |value| Text::new(value.to_bytes()))
        })
    };
    CONTEXT.read(context_of).unwrap_or(Ok(Text::EMPTY))
}

/// Notes that the session ends now.
pub(in crate::pg) fn note_end() {
    END.set(Some(end_of_session()));
}

/// How the session ends, and the SQLSTATE of the error that ends it.
pub(in crate::pg) fn end_of_session() -> (End, Text<5>) {
    if let Some(end) = END.get() {
        return end;
    }
    let (end, sqlstate) = match backend::exit_sqlstate() {
        Some(sqlstate) if backend::exit_is_interrupt() => (
            End::from_interrupt(sqlstate.to_bytes(), backend::is_shutdown()),
            Some(sqlstate),
        ),
        Some(sqlstate) if backend::client_is_lost() => (End::ClientLost, Some(sqlstate)),
        Some(sqlstate) => (End::Fatal, Some(sqlstate)),
        None if backend::client_is_lost() => (End::ClientLost, None),
        None => (End::Client, None),
    };
    (end, Text::new(sqlstate.map_or(b"", CStr::to_bytes)))
}

/// Reports an error to the server log, where the session goes on in any case.
pub(in crate::pg) fn report(result: PgResult<()>) {
    if let Err(error) = result {
        let _ = guard::report_error(&error);
    }
}
