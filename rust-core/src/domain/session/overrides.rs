//! Which settings are overridden while triggers run, and with what value (rule
//! F7). The overriding itself is done in C, by `shim/session/overrides.c`.
//!
//! [`find`] is asked only about the server's own settings that any user may set: when
//! the server starts, to find those that are never overridden, and during a firing, if
//! the database, the role, the client or the session has set them.

use std::ffi::CStr;

/// Which value a setting has during a firing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Override {
    /// The value that it has in the session.
    Keep,
    /// PostgreSQL's built-in default.
    Default,
    /// This value.
    Value(&'static CStr),
    /// The value of `log_timezone`, which the client cannot change.
    LogTimezone,
}

/// Settings of procedural languages that can make a function fail, or disable a
/// check that it makes, with the value that each has during a firing if it exists.
pub const LANGUAGE_OVERRIDES: &[(&CStr, &CStr)] = &[
    (c"plpgsql.check_asserts", c"on"),
    (c"plpgsql.extra_errors", c"none"),
    (c"plpgsql.extra_warnings", c"none"),
    (c"plpgsql.print_strict_params", c"off"),
    (c"plperl.use_strict", c"off"),
];

/// Which value the setting `name` has during a firing; `current` is its value in
/// the session, or `None` if it has none or there is no session yet.
pub fn find(name: &CStr, current: Option<&CStr>) -> Override {
    match name.to_bytes() {
        // The author of the function is responsible for these.
        b"search_path" | b"application_name" => Override::Keep,
        // Setting these acts at once: it changes the current transaction, whose
        // properties the firing has already chosen, or reseeds random().
        b"transaction_deferrable"
        | b"transaction_isolation"
        | b"transaction_read_only"
        | b"seed" => Override::Keep,
        // This states which encoding the client reads, so messages must still be
        // sent in it; see sesstrig_session_cannot_send().
        b"client_encoding" => Override::Keep,
        // A client that asks for fewer messages than NOTICE does no harm.
        b"client_min_messages"
            if current.is_some_and(|level| matches!(level.to_bytes(), b"warning" | b"error")) =>
        {
            Override::Keep
        }
        // These two have no built-in default: the server finds one when it starts.
        b"TimeZone" => Override::LogTimezone,
        b"timezone_abbreviations" => Override::Value(c"Default"),
        _ => Override::Default,
    }
}

/// Whether the server may have a valid reason to refuse a new value for this
/// setting; then the session's value stays, which does no harm. A refusal for any
/// other setting must fail the firing, or else users could keep what they set.
pub fn may_be_refused(name: &CStr) -> bool {
    // It cannot change after the session has used a temporary table.
    name == c"temp_buffers"
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule F7.
    #[test]
    fn settings_are_overridden_with_few_exceptions() {
        let table = [
            (c"search_path", None, Override::Keep),
            (c"application_name", Some(c"psql"), Override::Keep),
            (c"transaction_read_only", Some(c"off"), Override::Keep),
            (c"transaction_timeout", Some(c"1"), Override::Default),
            (c"client_encoding", Some(c"LATIN1"), Override::Keep),
            (c"client_min_messages", Some(c"error"), Override::Keep),
            (c"client_min_messages", Some(c"warning"), Override::Keep),
            (c"client_min_messages", Some(c"log"), Override::Default),
            (c"client_min_messages", Some(c"debug5"), Override::Default),
            (c"role", Some(c"bob"), Override::Default),
            (c"session_authorization", None, Override::Default),
            (c"statement_timeout", Some(c"1"), Override::Default),
            (c"TimeZone", Some(c"Asia/Tokyo"), Override::LogTimezone),
            (
                c"timezone_abbreviations",
                Some(c"India"),
                Override::Value(c"Default"),
            ),
        ];
        for (name, current, expected) in table {
            assert_eq!(find(name, current), expected, "{name:?} {current:?}");
        }
    }

    #[test]
    fn only_temp_buffers_may_be_refused() {
        assert!(may_be_refused(c"temp_buffers"));
        assert!(!may_be_refused(c"statement_timeout"));
    }

    /// A name with a dot belongs to an extension, and so never reaches [`find`].
    #[test]
    fn language_settings_are_not_the_servers_own() {
        for (name, _) in LANGUAGE_OVERRIDES {
            assert!(name.to_bytes().contains(&b'.'), "{name:?}");
            // As `shim/session/overrides.c` says
            assert!(name.to_bytes().starts_with(b"pl"), "{name:?}");
        }
    }
}
