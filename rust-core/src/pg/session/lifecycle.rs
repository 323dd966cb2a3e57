//! A session from its start to its end, and its uses in between: when the two events fire,
//! and what a failure does. The firing itself is in `firing.rs`.

use super::current::{self, Phase, Session};
use super::firing::{self, Outcome};
use super::settings;
use super::triggers;
use crate::domain::audit::record::{End, decode_sqlstate};
use crate::domain::audit::text::Text;
use crate::domain::session::event::{Event, Occasion};
use crate::domain::session::policy::{
    LOGON_WARNING, LogoffOn, Verdict, after_failed_logon, warns_of_failed_delegation,
};
use crate::domain::session::triggers::Scope;
use crate::pg::audit::handover::{self, Identity, Recorded};
use crate::pg::audit::{changes, refusals, settings as audit};
use crate::pg::server::error::{PgError, PgResult};
use crate::pg::server::settings::INSTANCE_NUM;
use crate::pg::server::{backend, guard};
use crate::pg::stat::{self, Tally};

fn may_fire(event: Event, scope: Scope) -> bool {
    settings::enabled()
        && backend::event_triggers_on()
        && !triggers::known_to_be_none(event, backend::is_replica(), scope)
        // The firing before this one has tried to read them, in vain.
        && !(scope == Scope::Delegated && triggers::are_unreadable())
}

/// Notes who logs on, and reads the triggers. The server calls this in the
/// transaction with which it starts a session.
///
/// # Errors
/// Returns the server's error if a catalog cannot be read; it must end the session.
pub(crate) fn open() -> PgResult<()> {
    if !backend::is_client() {
        return Ok(());
    }
    let superuser = guard::superuser()?;
    current::set(Session {
        instance_num: INSTANCE_NUM.get(),
        logon_at: 0,
        login_user_id: backend::login_role(),
        auth_method: backend::client_auth_method(),
        superuser_at_start: superuser,
        superuser,
        failed: false,
        recorded: handover::is_enabled(),
        discard: None,
    });
    if settings::enabled() && backend::event_triggers_on() {
        // A lock on the catalog must not keep the session from starting.  The
        // firing waits for the lock instead, within its timeout.
        triggers::load_first()?;
    }
    Ok(())
}

/// Fires the logon triggers of superusers. If this succeeds, [`delegated_logon`] must be
/// called next.
///
/// # Errors
/// Returns the trigger's error if the logon is rejected, or another error after which
/// the session cannot go on. Either must end the session.
pub(crate) fn logon() -> PgResult<()> {
    if let Some(session) = current::session() {
        return start_use(session);
    }
    current::enter(Phase::Open);
    if backend::is_replication() && handover::is_enabled() {
        // Nothing fires there, but it is recorded (rule A2).
        let identity = Identity {
            logon_at: backend::now(),
            login_user_id: backend::login_role(),
            auth_method: backend::client_auth_method(),
            instance_num: INSTANCE_NUM.get(),
            replication: true,
        };
        current::set_replication(identity);
        handover::note_session(&identity);
        handover::logon(&identity, Text::EMPTY)?;
    }
    if backend::is_replication() {
        return changes::note_logon();
    }
    Ok(())
}

/// Fires logon for a session, or for the next use of one.
fn start_use(session: Session) -> PgResult<()> {
    let mut session = Session {
        logon_at: backend::now(),
        failed: false,
        ..session
    };
    current::set(session);
    handover::note_session(&session.identity());
    let mut sqlstate = Text::EMPTY;
    if may_fire(Event::Logon, Scope::Superusers) {
        match firing::fire(Event::Logon, session.occasion(), Scope::Superusers) {
            Outcome::Done => {}
            Outcome::Failed(error) => {
                session.failed = true;
                sqlstate = decode_sqlstate(error.sqlstate());
                after_failure(error, session)?;
            }
            Outcome::Broken(error) => return Err(error),
        }
    }
    current::set(session);
    current::enter(Phase::Open);
    stat::add(Tally::LetIn);
    if session.recorded {
        handover::logon(&session.identity(), sqlstate)?;
    } else {
        handover::look_after_writer()?;
    }
    changes::note_logon()
}

/// Fires the delegated logon triggers (rule N3). The session is open: if they end it,
/// logoff fires. The occasion of the logon is forgotten afterwards.
///
/// # Errors
/// Returns an error after which the session cannot go on. A failed trigger is not an error.
pub(crate) fn delegated_logon() -> PgResult<()> {
    let Some(session) = current::open_session() else {
        return Ok(());
    };
    if may_fire(Event::Logon, Scope::Delegated) {
        match firing::fire(Event::Logon, session.occasion(), Scope::Delegated) {
            Outcome::Done => {}
            Outcome::Failed(_) => after_failed_delegated_logon(session)?,
            Outcome::Broken(error) => return Err(error),
        }
    }
    if session.discard.is_some() {
        current::set(Session {
            discard: None,
            ..session
        });
    }
    match handover::finish_logon(!session.superuser)? {
        Recorded::Yes => Ok(()),
        Recorded::No { withdrawn } => {
            if withdrawn {
                // Nobody was let in, and so the logon is refused like any other.
                current::enter(Phase::Starting);
            }
            Err(handover::refuse())
        }
    }
}

fn after_failure(error: PgError, session: Session) -> PgResult<()> {
    let verdict = after_failed_logon(
        settings::logon_failure(),
        session.superuser,
        settings::logon_warning(),
    );
    match verdict {
        Verdict::Continue { warn } => {
            stat::add(Tally::Warned);
            warn_client(warn)
        }
        Verdict::Reject => {
            stat::add(Tally::Rejected);
            Err(error)
        }
    }
}

fn after_failed_delegated_logon(session: Session) -> PgResult<()> {
    if !session.failed {
        stat::add(Tally::Warned);
    }
    warn_client(warns_of_failed_delegation(
        settings::logon_warning(),
        session.failed,
    ))
}

fn warn_client(warn: bool) -> PgResult<()> {
    if warn {
        guard::warn_client(LOGON_WARNING)
    } else {
        Ok(())
    }
}

/// Whether logoff must still fire if the server ends the session (table X). The session may
/// be in the middle of a command, and does not go on with it if this is false.
pub(crate) fn fires_at_exit() -> bool {
    current::open_session().is_some() && settings::logoff_on() == LogoffOn::Exit
}

/// Fires logoff, unless it has fired or the logon has not succeeded. `by_server` says
/// whether the server ends the session, rather than the client.
///
/// # Errors
/// Returns an error only if the transaction could not be rolled back or the session's
/// locks could not be released. A failed trigger is not an error (rule F4).
pub(crate) fn logoff(by_server: bool) -> PgResult<()> {
    let Some(session) = current::open_session() else {
        return Ok(());
    };
    current::enter(Phase::Ended);
    // A trigger of logoff can have the process end in another way, but not the session.
    handover::note_end();
    current::set(Session {
        // A delegated trigger may have ended the session at its logon.
        discard: None,
        ..session
    });
    // Rule F6.  Also, invalidation messages must be processed outside of a
    // transaction, in which that could wait for a lock.
    if backend::in_transaction() {
        guard::abort_transaction()?;
    }
    learn_of_changes();
    if by_server && settings::logoff_on() == LogoffOn::Client {
        count_missed();
    } else if may_fire(Event::Logoff, Scope::All) {
        end_use(Occasion::Connection)?;
    }
    Ok(())
}

/// Learns of the triggers that other sessions have created or dropped since this one's
/// last command, which count, too (rule E9). In a transaction this can wait for a lock, as
/// any statement can.
fn learn_of_changes() {
    if let Err(error) = guard::accept_invalidations() {
        triggers::invalidate();
        drop(error);
    }
}

/// Fires logoff for a session, or for a use of one: the triggers of superusers, and after
/// them the delegated ones, which so can change nothing that those see (rule N3). What the
/// session holds must not keep the triggers from running (rule G1).
fn end_use(occasion: Occasion) -> PgResult<()> {
    let mut failed = false;
    guard::abort_transaction()?;
    guard::release_locks()?;
    for scope in [Scope::Superusers, Scope::Delegated] {
        if !may_fire(Event::Logoff, scope) {
            continue;
        }
        match firing::fire(Event::Logoff, occasion, scope) {
            Outcome::Done => {}
            // Rules F4 and R2: a failure is reported in the server log only.
            Outcome::Failed(_) => failed = true,
            Outcome::Broken(error) => return Err(error),
        }
    }
    if failed {
        stat::add(Tally::FailedLogoffs);
    }
    Ok(())
}

/// Counts the trigger that the exit of this process interrupts, if one runs. `timed_out`
/// says whether its time limit is the reason.
pub(crate) fn count_unfinished(timed_out: bool) {
    stat::exit(timed_out, triggers::cached);
}

/// Notes that the process exits, and that nothing fires any more.
pub(crate) fn leave() {
    changes::note_end();
    if let Some(session) = current::session().filter(|_| !current::is_starting()) {
        let (end, sqlstate) = handover::end_of_session();
        record_end(&session, end, sqlstate);
    }
    if let Some(identity) = current::replication() {
        let (end, sqlstate) = handover::end_of_session();
        handover::report(handover::logoff(&identity, end, sqlstate));
    }
    handover::log_rest();
    if current::open_session().is_some() {
        current::enter(Phase::Ended);
        count_missed();
    }
}

/// Hands over the record of the end of a session, or of a use of one (rule A4).
fn record_end(session: &Session, end: End, sqlstate: Text<5>) {
    if session.recorded {
        handover::report(handover::logoff(&session.identity(), end, sqlstate));
    }
}

/// Notes that the client of this process is sent away by an error of level FATAL (rule A8). The
/// process is about to exit.
pub(crate) fn note_refusal() {
    if current::is_starting() && handover::is_enabled() {
        refusals::note(current::auth_method());
    }
}

/// Counts a session that ends without its logoff triggers, unless there are none. If that is
/// not known, it is counted.
fn count_missed() {
    if may_fire(Event::Logoff, Scope::All) {
        stat::add(Tally::MissedLogoffs);
    }
}

/// Whether `DISCARD ALL` is the end of one use of this session and the start of the next,
/// which it is not if there are no triggers, whatever the settings say that it will discard.
/// The statement's transaction must be open.
///
/// # Errors
/// Returns the server's error if a catalog cannot be read.
pub(crate) fn may_discard() -> PgResult<bool> {
    let Some(session) = current::open_session() else {
        return Ok(false);
    };
    current::set(Session {
        // That may have changed since the session, which can be old, began.
        superuser: guard::superuser()?,
        ..session
    });
    learn_of_changes();
    if session.recorded && audit::is_on() {
        return Ok(true);
    }
    Ok(Event::ALL.into_iter().any(|event| {
        [false, true]
            .into_iter()
            .any(|replica| !triggers::known_to_be_none(event, replica, Scope::All))
    }))
}

/// Fires logoff before `DISCARD ALL` (rule R1). No transaction may be open. Logon must fire
/// next, or the session end.
///
/// # Errors
/// Returns an error only if the transaction could not be rolled back or the session's
/// locks could not be released; it must end the session.
pub(crate) fn logoff_before_discard() -> PgResult<()> {
    let Some(session) = current::session() else {
        return Ok(());
    };
    learn_of_changes();
    current::enter(Phase::Ended);
    current::set(Session {
        discard: Some(Event::Logoff),
        ..session
    });
    if may_fire(Event::Logoff, Scope::All) {
        end_use(Occasion::Discard)?;
    }
    record_end(&session, End::Reset, Text::EMPTY);
    current::enter(Phase::Starting);
    Ok(())
}

/// Fires logon after `DISCARD ALL` (rule R1), as [`logon`] does. No transaction may be open.
///
/// # Errors
/// As [`logon`].
pub(crate) fn logon_after_discard() -> PgResult<()> {
    let Some(session) = current::session() else {
        return Ok(());
    };
    learn_of_changes();
    handover::start_use();
    start_use(Session {
        discard: Some(Event::Logon),
        ..session
    })
}
