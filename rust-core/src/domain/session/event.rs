//! The names and command tags of the two session events, logon and logoff (rules
//! E1 and E2). When an event fires is not decided here.

use std::ffi::CStr;
use std::fmt;

/// A session event, on which event triggers can be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The session starts: `after_user_logon`.
    Logon,
    /// The session ends: `before_user_logoff`.
    Logoff,
}

/// What makes an event occur.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// The session starts or ends.
    Connection,
    /// `DISCARD ALL`, which ends one use of the session and starts the next (rule R1).
    Discard,
}

impl Event {
    /// Both events.
    pub const ALL: [Event; 2] = [Event::Logon, Event::Logoff];

    /// The event's name, as in `pg_event_trigger.evtevent` and `tg_event`.
    pub const fn name(self) -> &'static CStr {
        match self {
            Event::Logon => c"after_user_logon",
            Event::Logoff => c"before_user_logoff",
        }
    }

    /// The command tag, as in `tg_tag`.
    pub const fn tag(self, occasion: Occasion) -> &'static CStr {
        match (occasion, self) {
            (Occasion::Connection, Event::Logon) => c"LOGON",
            (Occasion::Connection, Event::Logoff) => c"LOGOFF",
            (Occasion::Discard, _) => c"DISCARD ALL",
        }
    }

    /// The event of that name, if there is one. Names are compared byte by byte,
    /// as in upstream's `CreateEventTrigger()`.
    pub fn from_name(name: &CStr) -> Option<Event> {
        Event::ALL.into_iter().find(|event| event.name() == name)
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name().to_string_lossy())
    }
}

/// Whether the handler of a procedural language can run a function or procedure for an
/// event trigger (rule D8). A language refuses to create such a function if it cannot,
/// but a procedure has no result type by which it could tell. So the languages of
/// PostgreSQL that cannot are named here.
pub fn runs_language(name: &CStr) -> bool {
    ![c"sql", c"plpython3u", c"internal"].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rules E1, E2 and R1.
    #[test]
    fn names_and_tags() {
        let table = [
            (Event::Logon, c"after_user_logon", c"LOGON"),
            (Event::Logoff, c"before_user_logoff", c"LOGOFF"),
        ];
        for (event, name, tag) in table {
            assert_eq!(event.name(), name);
            assert_eq!(event.tag(Occasion::Connection), tag);
            assert_eq!(event.tag(Occasion::Discard), c"DISCARD ALL");
            assert_eq!(Event::from_name(name), Some(event));
            assert_eq!(event.to_string().as_bytes(), name.to_bytes());
        }
    }

    #[test]
    fn other_names_are_not_events() {
        for name in [
            c"",
            c"login",
            c"AFTER_USER_LOGON",
            c"after_user_logon ",
            c"after_user_logoff",
            c"ddl_command_end",
        ] {
            assert_eq!(Event::from_name(name), None, "{name:?}");
        }
    }
}
