//! The values of the settings that choose a policy, and what they imply: what a
//! failed logon means for the session (rule F3, section S), which ends of a
//! session fire logoff (table X), and how a time limit is reported (rule F10).
//! Nothing here reads a setting or acts on a decision.

use crate::domain::session::event::Event;
use std::ffi::CStr;

/// The only message that the client gets for a failed logon (rule F3, which fixes
/// its text).
pub const LOGON_WARNING: &CStr =
    c"event trigger occur error after user login. For more information, see log";

/// The name of the setting that limits how long a firing may take (rule F10).
pub const fn timeout_name(event: Event) -> &'static CStr {
    match event {
        Event::Logon => c"session_triggers.logon_timeout",
        Event::Logoff => c"session_triggers.logoff_timeout",
    }
}

/// The message of the error that ends a firing at its time limit (rule F10).
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
    /// Logoff also fires when the server ends the session, except where the
    /// process can run nothing any more.
    Exit,
}

/// What becomes of the session after a failed logon, which has been logged and
/// rolled back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The session goes on.
    Continue {
        /// Whether the client is sent [`LOGON_WARNING`].
        warn: bool,
    },
    /// The session ends with the trigger's error.
    Reject,
}

/// Decides what becomes of the session. Superusers are never rejected, because
/// they must be able to repair the trigger.
pub fn after_failed_logon(setting: LogonFailure, superuser: bool, warn: bool) -> Verdict {
    match setting {
        LogonFailure::Reject if !superuser => Verdict::Reject,
        LogonFailure::Reject | LogonFailure::Continue => Verdict::Continue { warn },
    }
}

/// Whether the client is sent [`LOGON_WARNING`] after a failure of the delegated triggers, after
/// which the session goes on in any case (rule N3). `warned` says whether the client has been
/// warned already, because those of superusers have failed, too: it gets one warning (rule F3).
pub fn warns_of_failed_delegation(warn: bool, warned: bool) -> bool {
    warn && !warned
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule F10.
    #[test]
    fn timeout_messages_name_the_setting() {
        for event in Event::ALL {
            let name = timeout_name(event).to_str().unwrap();
            assert!(timeout_message(event).to_str().unwrap().ends_with(name));
        }
    }

    /// Rule F3 and section S.
    #[test]
    fn failed_logons_reject_ordinary_users_only() {
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

    /// Rules N3 and F3: there is one warning.
    #[test]
    fn failures_of_delegated_triggers_warn_once() {
        for (warn, warned, expected) in [
            (true, false, true),
            (true, true, false),
            (false, false, false),
            (false, true, false),
        ] {
            assert_eq!(warns_of_failed_delegation(warn, warned), expected);
        }
    }

    /// Rule F3 fixes the text, letter by letter.
    #[test]
    fn warning_text() {
        assert_eq!(
            LOGON_WARNING.to_str().unwrap(),
            "event trigger occur error after user login. For more information, see log"
        );
    }
}
