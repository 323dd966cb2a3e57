//! SYS_CONTEXT, USERENV and the functions of DBMS_SESSION.

use super::edit::Class;
use super::tok::Kind;
use super::{Names, Step, Translator};

/// What never comes again for another session, as a number.
pub(super) const SESSION_ID: &str = "(SELECT EXTRACT(EPOCH FROM DATE_TRUNC('second', backend_start))::bigint * 10000000 + pid \
FROM pg_stat_activity WHERE pid = pg_backend_pid())";

/// Attributes of USERENV that are numbers.
const NUMBERS: [&str; 3] = ["sessionid", "sid", "instance"];

/// Whether an attribute of USERENV is a name that the catalogs have.
fn is_name(attribute: &str) -> bool {
    matches!(
        attribute,
        "session_user" | "current_user" | "current_schema" | "db_name"
    )
}

impl<N: Names> Translator<'_, N> {
    /// `SYS_CONTEXT(…)` or `USERENV(…)`, whose name is at `index`. Returns the index at which
    /// to go on.
    pub(super) fn context(&mut self, index: usize, userenv: bool) -> Step<N, usize> {
        let open = index + 1;
        let ends = self.arguments(open);
        let name: &[u8] = if userenv { b"userenv" } else { b"sys_context" };
        let (Some(close), false) = (self.mate(open), ends.is_empty()) else {
            return Ok(open);
        };
        if self.takes(&[name.to_vec()], ends.len())? {
            return Ok(open);
        }
        if self.has_oracle_session()? {
            self.edits.replace(
                self.at(index),
                &b"oracle_session.sys_context"[..],
                Class::Needed,
            );
            if userenv {
                self.edits
                    .insert_after(self.at(open), &b"'USERENV', "[..], Class::Needed);
            }
            let attribute = if userenv {
                Some(open)
            } else {
                ends.first().copied()
            };
            let attribute = attribute
                .and_then(|before| self.constant(before + 1))
                .map(|name| String::from_utf8_lossy(&name).to_ascii_lowercase())
                .unwrap_or_default();
            if is_name(&attribute) && self.is_compared_in_capitals(index, close + 1) {
                self.edits
                    .insert_before(self.at(index), &b"UPPER("[..], Class::Needed);
                self.edits
                    .insert_after(self.at(close), &b")"[..], Class::Needed);
            }
            if NUMBERS.contains(&attribute.as_str()) {
                // So it can be compared with a number, as in Oracle.
                self.edits
                    .insert_after(self.at(close), &b"::bigint"[..], Class::Needed);
            }
            return Ok(open);
        }
        let (first, attribute) = if userenv {
            (None, open)
        } else {
            (ends.first().copied(), ends.first().copied().unwrap_or(open))
        };
        let end = ends.get(usize::from(!userenv)).copied().unwrap_or(close);
        let namespace = match first {
            None => Some("userenv".to_owned()),
            Some(first) => self.setting_part(open + 1, first),
        };
        let parts = (namespace, self.setting_part(attribute + 1, end));
        let (Some(namespace), Some(attribute)) = parts else {
            return self.refuse(
                index,
                "SYS_CONTEXT takes constants where the extension oracle_session is not installed",
                "CREATE EXTENSION oracle_session.",
            );
        };
        let text = if namespace == "userenv" {
            match self.attribute_text(&attribute) {
                Some(text)
                    if is_name(&attribute) && self.is_compared_in_capitals(index, close + 1) =>
                {
                    format!("UPPER({text})")
                }
                Some(text) => text.to_owned(),
                None => {
                    return self.refuse(
                        index,
                        format!(
                            "attribute {} of USERENV is not available",
                            attribute.to_ascii_uppercase()
                        ),
                        "CREATE EXTENSION oracle_session, which has more of them.",
                    );
                }
            }
        } else {
            format!("NULLIF(current_setting('{namespace}.{attribute}', true), '')")
        };
        self.edits
            .replace(self.at(index), text.into_bytes(), Class::Needed);
        for at in open..=close {
            self.delete(at);
        }
        Ok(close + 1)
    }

    /// Whether the name in the tokens from one index up to another, such as USER, is compared with
    /// constants in capitals. Oracle's dictionary has names in capitals and PostgreSQL's in small
    /// letters, so such a comparison would never be true.
    pub(super) fn is_compared_in_capitals(&self, from: usize, behind: usize) -> bool {
        if self.is_comparison(behind) {
            return self.is_in_capitals(behind + 1) && self.kind(behind + 2) != Kind::Other;
        }
        let list = behind + usize::from(self.is(behind, "not"));
        if self.is(list, "in") {
            let open = list + 1;
            let Some(close) = self.mate(open).filter(|&close| close > open + 1) else {
                return false;
            };
            return (open + 1..close).all(|index| {
                self.is_in_capitals(index)
                    || self.kind(index) == Kind::Comma && self.is_in_capitals(index + 1)
            });
        }
        from >= 3
            && self.is_comparison(from - 1)
            && self.is_in_capitals(from - 2)
            && self.kind(from - 3) != Kind::Other
    }

    fn is_comparison(&self, index: usize) -> bool {
        ["=", "<>", "!=", "^="]
            .iter()
            .any(|symbol| self.is_symbol(index, symbol))
    }

    fn is_in_capitals(&self, index: usize) -> bool {
        self.constant(index).is_some_and(|text| {
            text.iter().any(u8::is_ascii_uppercase) && !text.iter().any(u8::is_ascii_lowercase)
        })
    }

    /// An attribute of USERENV.
    fn attribute_text(&self, attribute: &str) -> Option<&'static str> {
        let trigger = self.source.trigger;
        Some(match attribute {
            "session_user" => self.login_user(),
            "current_user" => "current_user",
            "db_name" | "db_unique_name" | "con_name" | "service_name" => {
                if trigger {
                    "ora_database_name"
                } else {
                    "current_database()"
                }
            }
            "ip_address" => {
                if trigger {
                    "ora_client_ip_address"
                } else {
                    "HOST(inet_client_addr())"
                }
            }
            "instance" if trigger => "ora_instance_num",
            "sessionid" => SESSION_ID,
            "sid" => "pg_backend_pid()",
            "module" | "client_program_name" => "current_setting('application_name')",
            "action" => "NULLIF(current_setting('oracle_session.action', true), '')",
            "client_info" => "NULLIF(current_setting('oracle_session.client_info', true), '')",
            "client_identifier" => {
                "NULLIF(current_setting('oracle_session.client_identifier', true), '')"
            }
            "host" => "(SELECT client_hostname FROM pg_stat_activity WHERE pid = pg_backend_pid())",
            "os_user" | "terminal" | "proxy_user" => "NULL::text",
            "current_schema" => "current_schema",
            "isdba" if trigger => {
                "(SELECT UPPER(rolsuper::text) FROM pg_roles WHERE rolname = ora_login_user)"
            }
            "isdba" => "(SELECT UPPER(rolsuper::text) FROM pg_roles WHERE rolname = session_user)",
            _ => return None,
        })
    }

    /// A function of DBMS_SESSION, whose name is in the tokens from one index up to another.
    /// Returns the index at which to go on, if it is one.
    pub(super) fn session_function(
        &mut self,
        from: usize,
        to: usize,
        function: &str,
    ) -> Step<N, Option<usize>> {
        let open = to;
        let close = self.mate(open).filter(|&close| close > open);
        let chain = [b"dbms_session".to_vec(), function.as_bytes().to_vec()];
        match (function, close) {
            ("unique_session_id", _) => {
                if self.takes(&chain, 0)? {
                    if close.is_none() {
                        self.edits
                            .insert_after(self.at(to - 1), &b"()"[..], Class::Needed);
                    }
                    return Ok(Some(to));
                }
                let end = close.map_or(to, |close| close + 1);
                self.replace_range(from, end, format!("{SESSION_ID}::text").into_bytes());
                Ok(Some(end))
            }
            ("is_role_enabled", Some(close)) => {
                if self.takes(&chain, 1)? {
                    return Ok(None);
                }
                let user = self.login_user();
                let role = (close == open + 2)
                    .then(|| self.constant(open + 1))
                    .flatten();
                let role = role.filter(|role| !role.iter().any(u8::is_ascii_lowercase));
                self.replace_range(from, to, b"pg_has_role".to_vec());
                let before = format!("{user}, ");
                self.edits
                    .insert_after(self.at(open), before.into_bytes(), Class::Needed);
                if let Some(role) = role {
                    let constant = super::piece::quote(
                        &role.to_ascii_lowercase(),
                        self.source.standard_strings,
                    );
                    self.edits
                        .replace(self.at(open + 1), constant, Class::Needed);
                }
                self.edits
                    .insert_after(self.at(close - 1), &b", 'MEMBER'"[..], Class::Needed);
                Ok(Some(open))
            }
            _ => Ok(None),
        }
    }

    /// Replaces the tokens from one index up to another.
    pub(super) fn replace_range(&mut self, from: usize, to: usize, text: Vec<u8>) {
        self.edits.replace(self.at(from), text, Class::Needed);
        for index in from + 1..to {
            self.delete(index);
        }
    }
}
