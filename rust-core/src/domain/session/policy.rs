//! What a failed logon means for the session (rules F3 and S).

use super::event::Event;
use std::ffi::CStr;

/// The one message that the client gets for a failed logon (rule F3).
pub const LOGON_WARNING: &CStr =
    c"event trigger occur error after user login. For more information, see log";

/// The setting that limits how long a firing may take (rule F10).
pub const fn timeout_name(event: Event) -> &'static CStr {
    match event {
        Event::Logon => c"session_triggers.logon_timeout",
        Event::Logoff => c"session_triggers.logoff_timeout",
    }
}

/// What the log says of a firing that took too long (rule F10).
pub const fn timeout_message(event: Event) -> &'static CStr {
    match event {
        Event::Logon => c"canceling event triggers due to session_triggers.logon_timeout",
        Event::Logoff => c"canceling event triggers due to session_triggers.logoff_timeout",
    }
}

/// `session_triggers.logon_failure`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogonFailure {
    /// The session goes on.
    Continue,
    /// The session ends, unless the user is a superuser.
    Reject,
}

/// `session_triggers.logoff_on` (table X).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogoffOn {
    /// Logoff fires when the client ends the session.
    Client,
    /// It fires at every end that leaves the process time to.
    Exit,
}

/// What to do about a failed logon, once it is logged and rolled back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on; send [`LOGON_WARNING`] if `warn`.
    Continue {
        /// Whether the client is told.
        warn: bool,
    },
    /// End the session with the trigger's error.
    Reject,
}

/// Decides. Superusers are never rejected: they must be able to mend the
/// trigger.
pub fn after_failed_logon(setting: LogonFailure, superuser: bool, warn: bool) -> Verdict {
    match setting {
        LogonFailure::Reject if !superuser => Verdict::Reject,
        LogonFailure::Reject | LogonFailure::Continue => Verdict::Continue { warn },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule F10.
    #[test]
    fn timeouts_are_called_by_their_settings() {
        for event in Event::ALL {
            let name = timeout_name(event).to_str().unwrap();
            assert!(timeout_message(event).to_str().unwrap().ends_with(name));
        }
    }

    #[test]
    fn verdicts() {
        use LogonFailure::{Continue, Reject};
        let table = [
            (Continue, false, true, Verdict::Continue { warn: true }),
            (Continue, false, false, Verdict::Continue { warn: false }),
            (Continue, true, true, Verdict::Continue { warn: true }),
            (Reject, false, true, Verdict::Reject),
            (Reject, false, false, Verdict::Reject),
            (Reject, true, true, Verdict::Continue { warn: true }),
            (Reject, true, false, Verdict::Continue { warn: false }),
        ];
        for (setting, superuser, warn, verdict) in table {
            assert_eq!(
                after_failed_logon(setting, superuser, warn),
                verdict,
                "{setting:?} {superuser} {warn}"
            );
        }
    }

    /// Rule F3 gives the text to the letter.
    #[test]
    fn warning_text() {
        assert_eq!(
            LOGON_WARNING.to_str().unwrap(),
            "event trigger occur error after user login. For more information, see log"
        );
    }
}
