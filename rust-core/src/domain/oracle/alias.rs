//! Oracle's words for types, options and events that PostgreSQL calls otherwise.
//! They are not keywords, so the grammar accepts any identifier in their place and
//! asks here what it means.

use super::token::Token;
use std::ffi::CStr;

/// Whether `name` means `varchar` where no type of that name is found (rule D5).
pub fn is_varchar(name: &CStr) -> bool {
    name == c"varchar2"
}

/// An option of a routine that PostgreSQL spells differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoutineOption {
    /// `DETERMINISTIC`, which means IMMUTABLE.
    Deterministic,
    /// `AUTHID`, which means SECURITY.
    Authid,
}

/// The option that starts with `word`, if there is one. An identifier in double
/// quotes starts none.
pub fn routine_option(word: Token<'_>) -> Option<RoutineOption> {
    if word.is_word("deterministic") {
        Some(RoutineOption::Deterministic)
    } else if word.is_word("authid") {
        Some(RoutineOption::Authid)
    } else {
        None
    }
}

/// Whether `word` may follow the length of a `varchar2`: BYTE or CHAR. Either way
/// the length counts characters, since PostgreSQL has no length in bytes.
pub fn is_length_unit(word: Token<'_>) -> bool {
    word.is_word("byte") || word.is_word("char")
}

/// A session event in Oracle's words (rule E4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpelledEvent {
    /// `AFTER LOGON`
    AfterLogon,
    /// `BEFORE LOGOFF`
    BeforeLogoff,
}

/// The event spelled AFTER `word` or, if `after` is false, BEFORE `word`; `None` if
/// there is none.
pub fn spelled_event(after: bool, word: Token<'_>) -> Option<SpelledEvent> {
    match after {
        true if word.is_word("logon") => Some(SpelledEvent::AfterLogon),
        false if word.is_word("logoff") => Some(SpelledEvent::BeforeLogoff),
        _ => None,
    }
}

/// Whether `word` may stand before TRIGGER, as it does in what Oracle's tools write. It
/// has no meaning here, where there are no editions.
pub fn is_edition(word: Token<'_>) -> bool {
    word.is_word("editionable") || word.is_word("noneditionable")
}

/// What exists here in place of one of Oracle's events for triggers that belong to no
/// table, other than `AFTER LOGON` and `BEFORE LOGOFF` (rule D9): a hint. `None` if
/// `word` is no event of Oracle's.
pub fn system_event_hint(word: Token<'_>) -> Option<&'static CStr> {
    const HINTS: [(&[&str], &CStr); 5] = [
        (&["logon", "logoff"], c"Write AFTER LOGON or BEFORE LOGOFF."),
        (
            &[
                "alter",
                "analyze",
                "associate",
                "audit",
                "comment",
                "create",
                "ddl",
                "disassociate",
                "grant",
                "noaudit",
                "rename",
                "revoke",
            ],
            c"Use CREATE EVENT TRIGGER ... ON ddl_command_start or ON ddl_command_end.",
        ),
        (&["drop"], c"Use CREATE EVENT TRIGGER ... ON sql_drop."),
        (
            &["servererror", "suspend"],
            c"There is no such event; errors are in the server log.",
        ),
        (
            &[
                "startup",
                "shutdown",
                "db_role_change",
                "clone",
                "set",
                "unplug",
            ],
            c"There is no such event; there are AFTER LOGON and BEFORE LOGOFF.",
        ),
    ];
    HINTS
        .iter()
        .find(|(words, _)| words.iter().any(|event| word.is_word(event)))
        .map(|&(_, hint)| hint)
}

/// What to write in place of an option of Oracle's CREATE TRIGGER that does not exist here
/// (rule D11): a hint. `None` if `word` is no such option.
pub fn trigger_option_hint(word: Token<'_>) -> Option<&'static CStr> {
    if word.is_word("disable") {
        Some(c"Use ALTER TRIGGER ... DISABLE after CREATE TRIGGER.")
    } else if word.is_word("follows") || word.is_word("precedes") {
        Some(c"The triggers of an event fire in the order of their names.")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule D5.
    #[test]
    fn only_varchar2_means_varchar() {
        assert!(is_varchar(c"varchar2"));
        assert!(!is_varchar(c"VARCHAR2"));
        assert!(!is_varchar(c"nvarchar2"));
    }

    /// Rule E4.
    #[test]
    fn spelled_events() {
        let event = |after, text: &str| spelled_event(after, Token::at(text.as_bytes()));
        assert_eq!(event(true, "logon ON"), Some(SpelledEvent::AfterLogon));
        assert_eq!(event(true, "LogOn"), Some(SpelledEvent::AfterLogon));
        assert_eq!(event(false, "LOGOFF"), Some(SpelledEvent::BeforeLogoff));
        for (after, text) in [
            (true, "logoff"),
            (false, "logon"),
            (true, "startup"),
            (true, "\"logon\""),
        ] {
            assert_eq!(event(after, text), None, "{after} {text}");
        }
    }

    /// Rule D9.
    #[test]
    fn other_events_have_a_hint() {
        let hint = |text: &str| system_event_hint(Token::at(text.as_bytes()));
        for word in ["STARTUP", "ServerError ON", "ddl", "LOGON", "drop"] {
            let hint = hint(word).unwrap().to_str().unwrap();
            assert!(
                hint.ends_with('.') && hint.starts_with(char::is_uppercase),
                "{hint}"
            );
        }
        assert_ne!(hint("ddl"), hint("drop"));
        for word in ["insert", "\"startup\"", "startups", ""] {
            assert_eq!(hint(word), None, "{word}");
        }
    }

    /// Rule D11.
    #[test]
    fn options_of_triggers_have_a_hint() {
        let hint = |text: &str| trigger_option_hint(Token::at(text.as_bytes()));
        assert!(hint("Disable WHEN").is_some());
        assert!(hint("FOLLOWS a").is_some());
        assert_eq!(hint("precedes"), hint("follows"));
        assert_ne!(hint("disable"), hint("follows"));
        for word in ["enable", "\"disable\"", "following", ""] {
            assert_eq!(hint(word), None, "{word}");
        }
    }

    #[test]
    fn options_and_units() {
        let option = |text: &str| routine_option(Token::at(text.as_bytes()));
        assert_eq!(
            option("Deterministic IS"),
            Some(RoutineOption::Deterministic)
        );
        assert_eq!(option("AUTHID"), Some(RoutineOption::Authid));
        assert_eq!(option("immutable"), None);
        assert_eq!(option("\"deterministic\""), None);
        assert_eq!(option("deterministic_"), None);
        let unit = |text: &str| is_length_unit(Token::at(text.as_bytes()));
        assert!(unit("BYTE)") && unit("char)"));
        assert!(!unit("bytes)") && !unit("\"char\")"));
        let edition = |text: &str| is_edition(Token::at(text.as_bytes()));
        assert!(edition("EDITIONABLE ") && edition("NonEditionable"));
        assert!(!edition("edition") && !edition("\"editionable\""));
    }
}
