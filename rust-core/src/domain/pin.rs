//! Settings that a firing does not take over from the client (rule F7).
//!
//! Asked about is a setting of the server's own that any user may set, and
//! that the database, the role, the client or the session has set.

use std::ffi::CStr;

/// What becomes of a setting during a firing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pin {
    /// It stays what the client made it.
    Keep,
    /// PostgreSQL's default.
    Default,
    /// This value.
    Value(&'static CStr),
    /// What this setting has, which the client cannot change.
    SameAs(&'static CStr),
}

/// Settings of procedural languages that could make a function fail, or pass a
/// check that it makes; with the value that they get where they exist.
pub const LANGUAGE_PINS: &[(&CStr, &CStr)] = &[
    (c"plpgsql.check_asserts", c"on"),
    (c"plpgsql.extra_errors", c"none"),
    (c"plpgsql.extra_warnings", c"none"),
    (c"plpgsql.print_strict_params", c"off"),
    (c"plperl.use_strict", c"off"),
];

/// Decides; `current` is the value in the session.
pub fn pin(name: &CStr, current: Option<&CStr>) -> Pin {
    match name.to_bytes() {
        // The function's author has them in hand, and asks for them.
        b"search_path" | b"application_name" => Pin::Keep,
        // These are no settings but commands to the transaction, which has what
        // it needs, and to the generator of random numbers.
        b"transaction_deferrable"
        | b"transaction_isolation"
        | b"transaction_read_only"
        | b"seed" => Pin::Keep,
        // It says what the client can read; see sesstrig_session_cannot_send().
        b"client_encoding" => Pin::Keep,
        // Who wants to hear less than NOTICE does no harm.
        b"client_min_messages"
            if current.is_some_and(|level| matches!(level.to_bytes(), b"warning" | b"error")) =>
        {
            Pin::Keep
        }
        // The two that have no default: a session finds one when it starts.
        b"TimeZone" => Pin::SameAs(c"log_timezone"),
        b"timezone_abbreviations" => Pin::Value(c"Default"),
        _ => Pin::Default,
    }
}

/// Whether the server can have a reason to refuse a setting its new value:
/// then it stays, and no harm is done. Any other refusal must fail the firing,
/// or users could keep what they set.
pub fn may_be_refused(name: &CStr) -> bool {
    // Its buffers are there once the session has used a temporary table.
    name == c"temp_buffers"
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule F7.
    #[test]
    fn settings_are_pinned_unless_there_is_a_reason() {
        let table = [
            (c"search_path", None, Pin::Keep),
            (c"application_name", Some(c"psql"), Pin::Keep),
            (c"transaction_read_only", Some(c"off"), Pin::Keep),
            (c"transaction_timeout", Some(c"1"), Pin::Default),
            (c"client_encoding", Some(c"LATIN1"), Pin::Keep),
            (c"client_min_messages", Some(c"error"), Pin::Keep),
            (c"client_min_messages", Some(c"warning"), Pin::Keep),
            (c"client_min_messages", Some(c"log"), Pin::Default),
            (c"client_min_messages", Some(c"debug5"), Pin::Default),
            (c"role", Some(c"bob"), Pin::Default),
            (c"session_authorization", None, Pin::Default),
            (c"statement_timeout", Some(c"1"), Pin::Default),
            (
                c"TimeZone",
                Some(c"Asia/Tokyo"),
                Pin::SameAs(c"log_timezone"),
            ),
            (
                c"timezone_abbreviations",
                Some(c"India"),
                Pin::Value(c"Default"),
            ),
        ];
        for (name, current, expected) in table {
            assert_eq!(pin(name, current), expected, "{name:?} {current:?}");
        }
    }

    #[test]
    fn one_setting_may_be_refused() {
        assert!(may_be_refused(c"temp_buffers"));
        assert!(!may_be_refused(c"statement_timeout"));
    }

    /// The server's own settings have no dot; the others' have one.
    #[test]
    fn languages_settings_are_theirs() {
        for (name, _) in LANGUAGE_PINS {
            assert!(name.to_bytes().contains(&b'.'), "{name:?}");
        }
    }
}
