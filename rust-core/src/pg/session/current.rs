//! The session that this process serves: what is remembered of it, and its phase. Nothing
//! here fires anything; the steps of a session are in `lifecycle.rs`.

use crate::domain::session::event::{Event, Occasion};
use crate::pg::audit::handover::Identity;
use std::cell::Cell;
use std::ffi::CStr;

/// What is remembered about the logon.
#[derive(Clone, Copy)]
pub(super) struct Session {
    /// `session_triggers.instance_num` at logon.
    pub(super) instance_num: i32,
    /// When the session, or its present use, began, in microseconds since 2000.
    pub(super) logon_at: i64,
    /// The OID of the role that has logged on.
    pub(super) login_user_id: u32,
    /// How the client has authenticated.
    pub(super) auth_method: Option<&'static CStr>,
    /// Whether the role that logged on was a superuser then. On old majors it can become
    /// any role, however long ago that was.
    pub(super) superuser_at_start: bool,
    /// Whether that role is a superuser.
    pub(super) superuser: bool,
    /// Whether the logon triggers of superusers have failed, and the session goes on.
    pub(super) failed: bool,
    /// Whether the audit records it (rule A2).
    pub(super) recorded: bool,
    /// The event that `DISCARD ALL` fires at present (rule R1).
    pub(super) discard: Option<Event>,
}

/// How far a process with a client has come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The client, or the next one of a pooled connection, has not been let in.
    Starting,
    /// The client was let in, and logoff has not fired.
    Open,
    /// Logoff has fired, or will not fire any more.
    Ended,
}

impl Session {
    /// What makes the event occur that fires at present.
    pub(super) fn occasion(&self) -> Occasion {
        match self.discard {
            Some(_) => Occasion::Discard,
            None => Occasion::Connection,
        }
    }

    /// What the audit's writer is told of the session, or of its present use.
    pub(super) fn identity(&self) -> Identity {
        Identity {
            logon_at: self.logon_at,
            login_user_id: self.login_user_id,
            auth_method: self.auth_method,
            instance_num: self.instance_num,
            replication: false,
        }
    }
}

thread_local! {
    static SESSION: Cell<Option<Session>> = const { Cell::new(None) };
    static REPLICATION: Cell<Option<Identity>> = const { Cell::new(None) };
    static PHASE: Cell<Phase> = const { Cell::new(Phase::Starting) };
}

/// The session, if this process serves a client in whose sessions the events fire.
pub(super) fn session() -> Option<Session> {
    SESSION.get()
}

/// The session, if its client was let in and logoff has not fired.
pub(super) fn open_session() -> Option<Session> {
    SESSION.get().filter(|_| PHASE.get() == Phase::Open)
}

/// Remembers this of the session.
pub(super) fn set(session: Session) {
    SESSION.set(Some(session));
}

/// Remembers that this process serves a replication connection.
pub(super) fn set_replication(identity: Identity) {
    REPLICATION.set(Some(identity));
}

/// What is remembered of the replication connection, if this process serves one.
pub(super) fn replication() -> Option<Identity> {
    REPLICATION.get()
}

/// Notes how far the process has come.
pub(super) fn enter(phase: Phase) {
    PHASE.set(phase);
}

/// Whether the client has not been let in, or the next one of a pooled connection.
pub(crate) fn is_starting() -> bool {
    PHASE.get() == Phase::Starting
}

/// How the client has authenticated; `None` before the session has begun.
pub(crate) fn auth_method() -> Option<Option<&'static CStr>> {
    SESSION.get().map(|session| session.auth_method)
}

/// Whether the role that logged on was a superuser then. Without a session it is taken for
/// one, so that nothing of others runs.
pub(crate) fn was_superuser() -> bool {
    SESSION
        .get()
        .is_none_or(|session| session.superuser_at_start)
}

/// Oracle's word for an event that has this command tag here (rule D9).
pub(super) fn system_event(tag: &CStr) -> &CStr {
    match SESSION.get().and_then(|session| session.discard) {
        Some(event) if tag == event.tag(Occasion::Discard) => event.tag(Occasion::Connection),
        _ => tag,
    }
}
