//! Names of Oracle's for what PostgreSQL calls otherwise.

use std::ffi::CStr;

/// Whether a type of this name, when there is none, is `varchar` (rule D5).
pub fn is_varchar(name: &CStr) -> bool {
    name == c"varchar2"
}

/// What a word among a routine's options stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoutineOption {
    /// `DETERMINISTIC`: IMMUTABLE.
    Deterministic,
    /// `AUTHID`: SECURITY.
    Authid,
}

/// The option that a word, in lower case, begins.
pub fn routine_option(word: &CStr) -> Option<RoutineOption> {
    match word.to_bytes() {
        b"deterministic" => Some(RoutineOption::Deterministic),
        b"authid" => Some(RoutineOption::Authid),
        _ => None,
    }
}

/// Whether a word, in lower case, may follow the length of a `varchar2`. Both
/// count characters: PostgreSQL has no length in bytes.
pub fn is_length_unit(word: &CStr) -> bool {
    word == c"byte" || word == c"char"
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule D5.
    #[test]
    fn only_varchar2_is_varchar() {
        assert!(is_varchar(c"varchar2"));
        assert!(!is_varchar(c"VARCHAR2"));
        assert!(!is_varchar(c"nvarchar2"));
    }

    #[test]
    fn options_and_units() {
        assert_eq!(
            routine_option(c"deterministic"),
            Some(RoutineOption::Deterministic)
        );
        assert_eq!(routine_option(c"authid"), Some(RoutineOption::Authid));
        assert_eq!(routine_option(c"immutable"), None);
        assert!(is_length_unit(c"byte") && is_length_unit(c"char"));
        assert!(!is_length_unit(c"bytes"));
    }
}
