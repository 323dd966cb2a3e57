//! The functions that the server calls, through `shim/entry.c` and the files of
//! `shim/session`, when it starts and when a session, or a use of one, starts or ends. What
//! happens then is in `pg`.

use crate::domain::session::event::Event;
use crate::ffi::server::boundary::{answer, boundary};
use crate::pg::session::{lifecycle, settings, triggers};
use crate::pg::{self, ErrorData};
use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;

/// Defines the settings and prepares the core. The postmaster, or a standalone
/// process, calls this once; the postmaster's children inherit the result.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_core_start() -> *mut ErrorData {
    boundary(pg::start)
}

/// Whether `name` is the name of a session event.
///
/// # Safety
/// `name` must point to a terminated string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_event_find(name: *const c_char) -> bool {
    answer(false, || {
        // SAFETY: the caller promises that `name` is terminated.
        Event::from_name(unsafe { CStr::from_ptr(name) }).is_some()
    })
}

/// Marks the session's cache of triggers as invalid, because pg_event_trigger has
/// changed. It only sets a flag, and cannot panic.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_triggers_invalidate() {
    triggers::invalidate();
}

/// Notes that a change that could be one of triggers is about to be told to the other sessions.
/// It only adds to a number, and cannot panic.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_triggers_count_change() {
    triggers::count_change();
}

/// Prepares a session, in the transaction with which the server starts it. An error
/// must end the session.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_session_open() -> *mut ErrorData {
    boundary(lifecycle::open)
}

/// Fires the logon triggers of superusers. An error must end the session. Otherwise
/// [`sesstrig_delegation_fire`] must be called next.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_logon_fire() -> *mut ErrorData {
    boundary(lifecycle::logon)
}

/// Fires logoff, unless it has fired or the logon has not succeeded. The session must
/// end next; `by_server` says whether the server ends it, rather than the client. An
/// error means that the session could not be cleaned up.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_logoff_fire(by_server: bool) -> *mut ErrorData {
    boundary(|| lifecycle::logoff(by_server))
}

/// Whether logoff must still fire if the server ends the session (table X).
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_exit_fires() -> bool {
    answer(false, lifecycle::fires_at_exit)
}

/// Whether `session_triggers.fire_on_discard` is on.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_discard_fires() -> bool {
    answer(false, settings::fire_on_discard)
}

/// Sets `may` to whether `DISCARD ALL` is the end of one use of the session and the start
/// of the next. The statement's transaction must be open.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_discard_may_fire(may: &mut MaybeUninit<bool>) -> *mut ErrorData {
    let ask = || {
        may.write(lifecycle::may_discard()?);
        Ok(())
    };
    boundary(ask)
}

/// Fires logoff before `DISCARD ALL`. An error must end the session. Otherwise logon must
/// fire next, or the session end.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_discard_fire_logoff() -> *mut ErrorData {
    boundary(lifecycle::logoff_before_discard)
}

/// Fires the logon triggers of superusers after `DISCARD ALL`, as [`sesstrig_logon_fire`]
/// does. An error must end the session.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_discard_fire_logon() -> *mut ErrorData {
    boundary(lifecycle::logon_after_discard)
}

/// Counts the trigger that the exit of this process interrupts, if one runs. `timed_out`
/// says whether its time limit is the reason.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_session_count_unfinished(timed_out: bool) {
    answer((), || lifecycle::count_unfinished(timed_out));
}

/// Notes that this process exits, and fires nothing any more.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_session_leave() {
    answer((), lifecycle::leave);
}

/// Panics inside the boundary. Trigger functions of the tests call this.
#[cfg(feature = "faults")]
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_fault_raise() -> *mut ErrorData {
    boundary(|| panic!("fault requested by a trigger"))
}
