//! What a session does to be recorded by the writer of the session audit (rules A2 to A6).

use super::pool::{POOL, Pool, Slot};
use super::record::audit_log;
use super::settings::{ENABLED, LOG_TO_SERVER, REQUIRED, TIMEOUT, is_on};
use super::usage::usage;
use crate::domain::audit::handover::Answer;
use crate::domain::audit::record::{End, Kind, Record, Usage};
use crate::domain::audit::text::Text;
use crate::pg::server::error::{PgError, PgResult, ask};
use crate::pg::server::{backend, guard, sys, timeout};
use std::cell::Cell;
use std::ffi::CStr;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};

/// How long nobody asks for a writer again, in microseconds.
const PATIENCE: i64 = 5 * 1_000_000;

thread_local! {
    /// The slot with the record of the logon, as long as the session waits for it.
    static WAITING: Cell<Option<(usize, i64)>> = const { Cell::new(None) };
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
}

/// Whether sessions of this role and database are recorded, as it is decided at logon.
pub(in crate::pg) fn is_enabled() -> bool {
    ENABLED.get()
}

/// Hands over the record of a logon, for which [`finish_logon`] then waits. `sqlstate` is that
/// of the error with which the triggers of superusers have failed.
///
/// # Errors
/// Returns the server's error if the record cannot be written to the server log where it must
/// be.
pub(in crate::pg) fn logon(identity: &Identity, sqlstate: Text<5>) -> PgResult<()> {
    let Some(pool) = POOL.get().filter(|_| is_on()) else {
        return Ok(());
    };
    let record = collect(Kind::Logon, identity, None, sqlstate);
    if backend::in_recovery() {
        return log(&record);
    }
    if LOG_TO_SERVER.get() {
        log(&record)?;
    }
    request_writer(pool)?;
    let slot = pool.put(&record, true, LOG_TO_SERVER.get());
    if slot.is_none() {
        pool.dropped.fetch_add(1, Relaxed);
        log_once(&record)?;
        return Ok(());
    }
    pool.wake_writer(true);
    WAITING.set(slot.map(|slot| (slot, backend::now())));
    Ok(())
}

/// Waits until the logon is recorded as a commit would be, if [`logon`] has been called.
/// Returns false if it is not and must be, and `may_be_refused`; the session has not begun
/// then, unless its record was taken.
///
/// # Errors
/// Returns the server's error if the session cannot go on.
pub(in crate::pg) fn finish_logon(may_be_refused: bool) -> PgResult<Recorded> {
    let (Some(pool), Some((number, since))) = (POOL.get(), WAITING.get()) else {
        return Ok(Recorded::Yes);
    };
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
        await_latch(left as i32)?;
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
    if let Some((number, _)) = WAITING.take() {
        leave(pool, number);
    }
    if !is_on() {
        return Ok(());
    }
    let record = collect(Kind::Logoff, identity, Some(end), sqlstate);
    if backend::in_recovery() {
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
fn await_standby(pool: &Pool, slot: &Slot, limit: i32, since: i64) -> PgResult<bool> {
    let level = pool.level.load(Relaxed);
    // SAFETY: the function only compares numbers.
    if !unsafe { sys::sesstrig_commit_level_waits(level) } {
        return Ok(true);
    }
    let left = i64::from(limit) - (backend::now() - since) / 1000;
    timeout::start(left.max(1) as i32, c"")?;
    let lsn = slot.lsn.load(Relaxed);
    // SAFETY: the call takes numbers.
    let waited = unsafe { PgError::check(sys::sesstrig_try_await_standby(lsn, level)) };
    timeout::end();
    waited.map(|()| !timeout::is_reached())
}

fn await_latch(ms: i32) -> PgResult<()> {
    // SAFETY: the call takes a number.
    unsafe { PgError::check(sys::sesstrig_try_await_latch(ms)) }
}

/// Has a writer started if there is none.
fn request_writer(pool: &Pool) -> PgResult<()> {
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
    // SAFETY: this calls a guard.
    if unsafe { ask(|started| sys::sesstrig_try_start_writer(started))? } {
        pool.changed_at.store(now, Relaxed);
    } else {
        log::warn!("could not start the session audit's writer: no background worker is free");
    }
    Ok(())
}

/// Writes the record in a slot, which this session waits for, to the server log, unless it
/// is there.
fn log_slot(slot: &Slot) -> PgResult<()> {
    if slot.logged.swap(true, Relaxed) {
        return Ok(());
    }
    // SAFETY: the slot is this session's, which has published it.
    log(unsafe { slot.record() })
}

fn log_once(record: &Record) -> PgResult<()> {
    if LOG_TO_SERVER.get() {
        Ok(())
    } else {
        log(record)
    }
}

/// Writes a record to the server log.
pub(super) fn log(record: &Record) -> PgResult<()> {
    audit_log(&record.line(backend::format_time)?)
}

fn collect(kind: Kind, identity: &Identity, end: Option<End>, sqlstate: Text<5>) -> Record {
    fn text<const N: usize>(text: Option<&CStr>) -> Text<N> {
        text.map_or(Text::EMPTY, |text| Text::new(text.to_bytes()))
    }
    Record {
        kind,
        at: match kind {
            Kind::Logon => identity.logon_at,
            Kind::Logoff => backend::now(),
        },
        process: backend::start_and_number(),
        login_user: text(backend::login_user()),
        login_user_id: identity.login_user_id,
        database: text(backend::database_name()),
        database_id: backend::database(),
        auth_method: text(identity.auth_method),
        system_identity: text(backend::client_identity()),
        client_addr: backend::client_address(),
        client_port: backend::client_port(),
        application_name: text(backend::application_name().as_deref()),
        encryption: text(backend::client_encryption()),
        instance_num: identity.instance_num,
        logon_at: identity.logon_at,
        end,
        sqlstate,
        usage: end.map(|_| usage().since(USED_BEFORE.get())),
    }
}

/// How a session, or its present use, ends, and the SQLSTATE of the error that ends it.
pub(in crate::pg) fn end_of_session() -> (End, Text<5>) {
    let (end, sqlstate) = match backend::exit_sqlstate() {
        Some(sqlstate) if backend::exit_is_interrupt() => (
            End::from_interrupt(sqlstate.to_bytes(), backend::is_shutdown()),
            Some(sqlstate),
        ),
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
