//! The names and types of the context variables of event trigger functions
//! (section V). Their values come from the server.

use std::ffi::CStr;

/// A variable that PL/pgSQL declares in functions that return `event_trigger`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variable {
    /// `polar_login_user`
    LoginUser,
    /// `polar_database_name`
    DatabaseName,
    /// `polar_client_ip`
    ClientIp,
    /// `polar_instance_num`
    InstanceNum,
    /// `ora_sysevent`
    SystemEvent,
}

/// A variable's SQL type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// `text`
    Text,
    /// `int`
    Integer,
}

impl Variable {
    /// All variables, in the order in which they are declared. PL/pgSQL looks a type up only
    /// where it differs from that of the variable before, so those of one type stand together.
    pub const ALL: [Variable; 5] = [
        Variable::LoginUser,
        Variable::DatabaseName,
        Variable::ClientIp,
        Variable::SystemEvent,
        Variable::InstanceNum,
    ];

    /// The variable's name.
    pub const fn name(self) -> &'static CStr {
        match self {
            Variable::LoginUser => c"polar_login_user",
            Variable::DatabaseName => c"polar_database_name",
            Variable::ClientIp => c"polar_client_ip",
            Variable::InstanceNum => c"polar_instance_num",
            Variable::SystemEvent => c"ora_sysevent",
        }
    }

    /// Oracle's name of the variable, if it has another one here (rule D9).
    pub const fn alias(self) -> Option<&'static CStr> {
        match self {
            Variable::LoginUser => Some(c"ora_login_user"),
            Variable::DatabaseName => Some(c"ora_database_name"),
            Variable::ClientIp => Some(c"ora_client_ip_address"),
            Variable::InstanceNum => Some(c"ora_instance_num"),
            Variable::SystemEvent => None,
        }
    }

    /// The variable's SQL type.
    pub const fn sql_type(self) -> Type {
        match self {
            Variable::LoginUser
            | Variable::DatabaseName
            | Variable::ClientIp
            | Variable::SystemEvent => Type::Text,
            Variable::InstanceNum => Type::Integer,
        }
    }

    /// The variable of that name, if there is one.
    pub fn from_name(name: &CStr) -> Option<Variable> {
        Variable::ALL.into_iter().find(|v| v.name() == name)
    }

    /// Whether a function with this text could read a variable. Most that cannot are told by
    /// looking for how the names begin, and a function pays for each variable that is
    /// declared. A name can also be spelled with escapes, which begin with `U&`.
    pub fn may_be_read_by(source: &[u8]) -> bool {
        let mut from = 0;
        while let Some(length) = source[from..]
            .iter()
            .position(|&byte| byte == b'_' || byte == b'&')
        {
            let (before, rest) = source.split_at(from + length);
            let found = match rest[0] {
                b'_' => FIRST_WORDS.iter().any(|word| may_end_with(before, word)),
                _ => may_end_with(before, b"u"),
            };
            if found {
                return true;
            }
            from += length + 1;
        }
        false
    }
}

/// The words with which the names of variables begin, before the first underscore.
const FIRST_WORDS: &[&[u8]] = &[b"ora", b"polar"];

/// Whether the server's lexer could read the end of this text as that word, which is in lower
/// case. In some encodings it turns a letter outside of ASCII into one of these.
fn may_end_with(text: &[u8], word: &[u8]) -> bool {
    let Some(start) = text.len().checked_sub(word.len()) else {
        return false;
    };
    let may_be = |byte: u8, letter: u8| byte.eq_ignore_ascii_case(&letter) || !byte.is_ascii();
    // Most texts differ in the last letter.
    (0..word.len())
        .rev()
        .all(|index| may_be(text[start + index], word[index]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rules V1 and D9.
    #[test]
    fn names_and_types() {
        let table = [
            (c"polar_login_user", Some(c"ora_login_user"), Type::Text),
            (
                c"polar_database_name",
                Some(c"ora_database_name"),
                Type::Text,
            ),
            (
                c"polar_client_ip",
                Some(c"ora_client_ip_address"),
                Type::Text,
            ),
            (c"ora_sysevent", None, Type::Text),
            (
                c"polar_instance_num",
                Some(c"ora_instance_num"),
                Type::Integer,
            ),
        ];
        assert_eq!(table.len(), Variable::ALL.len());
        for ((name, alias, sql_type), variable) in table.into_iter().zip(Variable::ALL) {
            assert_eq!(variable.name(), name);
            assert_eq!(variable.alias(), alias);
            assert_eq!(variable.sql_type(), sql_type);
            assert_eq!(Variable::from_name(name), Some(variable));
        }
        assert_eq!(Variable::from_name(c"tg_event"), None);
    }
    /// Rule V1: each is found in a text, however it is spelled.
    #[test]
    fn names_are_found_in_texts() {
        for variable in Variable::ALL {
            for name in [Some(variable.name()), variable.alias()]
                .into_iter()
                .flatten()
            {
                let name = name.to_str().unwrap();
                for source in [
                    name.to_owned(),
                    format!("BEGIN PERFORM {}; END", name.to_uppercase()),
                    format!("BEGIN PERFORM f.\"{name}\"; END"),
                ] {
                    assert!(Variable::may_be_read_by(source.as_bytes()), "{source}");
                }
            }
        }
        let escaped = br#"BEGIN PERFORM u&"pol!0061r_login_user" UESCAPE '!'; END"#;
        assert!(Variable::may_be_read_by(escaped));
        // The lexer could turn the byte between them into any letter.
        assert!(Variable::may_be_read_by(b"pol\xddr_login_user"));
    }

    #[test]
    fn other_texts_read_no_variable() {
        for source in [
            "",
            "_",
            "&",
            "BEGIN END",
            "BEGIN INSERT INTO session_log VALUES (tg_event, current_user, 5 & 3); END",
            "ora polar u &",
        ] {
            assert!(!Variable::may_be_read_by(source.as_bytes()), "{source}");
        }
    }
}
