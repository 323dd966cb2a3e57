//! A session from its start to its end.

use super::error::{PgError, PgResult};
use super::firing::{self, Outcome};
use super::{backend, guard, settings, triggers};
use crate::domain::session::event::Event;
use crate::domain::session::policy::{LOGON_WARNING, LogoffOn, Verdict, after_failed_logon};
use std::cell::Cell;

/// What is remembered of the logon.
#[derive(Clone, Copy)]
pub(crate) struct Session {
    /// `session_triggers.instance_num` at logon.
    pub(super) instance_num: i32,
    /// Whether the role that logged on is a superuser.
    superuser: bool,
    /// Whether the session was let in and has not fired logoff.
    open: bool,
}

thread_local! {
    static SESSION: Cell<Option<Session>> = const { Cell::new(None) };
}

/// The session, if this process serves a client.
pub(super) fn current() -> Option<Session> {
    SESSION.get()
}

fn may_fire(event: Event) -> bool {
    settings::enabled()
        && backend::event_triggers_on()
        && !triggers::known_to_be_none(event, backend::is_replica())
}

/// Notes who logs on, and reads the triggers; in the transaction in which the
/// server starts the session.
pub(crate) fn open() -> PgResult<()> {
    if !backend::is_client() {
        return Ok(());
    }
    SESSION.set(Some(Session {
        instance_num: settings::instance_num(),
        superuser: guard::superuser()?,
        open: false,
    }));
    if settings::enabled() && backend::event_triggers_on() {
        // A lock on the catalog must not hold up who is let in; the firing
        // waits for it, where waiting can be cancelled.
        triggers::load(false)?;
    }
    Ok(())
}

/// Fires logon. An error ends the session.
pub(crate) fn logon() -> PgResult<()> {
    let Some(session) = SESSION.get() else {
        return Ok(());
    };
    if may_fire(Event::Logon) {
        match firing::fire(Event::Logon) {
            Outcome::Done => {}
            Outcome::Failed(error) => after_failure(error, session)?,
            Outcome::Broken(error) => return Err(error),
        }
    }
    SESSION.set(Some(Session {
        open: true,
        ..session
    }));
    Ok(())
}

fn after_failure(error: PgError, session: Session) -> PgResult<()> {
    match after_failed_logon(
        settings::logon_failure(),
        session.superuser,
        settings::logon_warning(),
    ) {
        Verdict::Continue { warn: true } => guard::warn_client(LOGON_WARNING),
        Verdict::Continue { warn: false } => Ok(()),
        Verdict::Reject => Err(error),
    }
}

/// Whether logoff is still to fire, whatever ends the session (table X).
pub(crate) fn fires_at_exit() -> bool {
    matches!(SESSION.get(), Some(Session { open: true, .. }))
        && settings::logoff_on() == LogoffOn::Exit
}

/// Fires logoff, once, for a session that was let in. An error means that the
/// session cannot even be ended in order.
pub(crate) fn logoff() -> PgResult<()> {
    let Some(session @ Session { open: true, .. }) = SESSION.get() else {
        return Ok(());
    };
    SESSION.set(Some(Session {
        open: false,
        ..session
    }));
    // Rule F6; and within a transaction, what comes next could wait for a lock.
    if backend::in_transaction() {
        guard::abort_transaction()?;
    }
    // What others created or dropped counts (rule E9), also for a session that
    // has been idle since.
    if let Err(error) = guard::accept_invalidations() {
        triggers::invalidate();
        drop(error);
    }
    if !may_fire(Event::Logoff) {
        return Ok(());
    }
    guard::abort_transaction()?;
    guard::release_locks()?;
    match firing::fire(Event::Logoff) {
        // Rule F4: a failure is in the log, and that is all.
        Outcome::Done | Outcome::Failed(_) => Ok(()),
        Outcome::Broken(error) => Err(error),
    }
}
