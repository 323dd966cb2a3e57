//! Calls of routines in Oracle's packages, as statements.

use super::edit::Class;
use super::session;
use super::{Names, Routine, Step, Translator};

const EXTENSION: &str = "CREATE EXTENSION oracle_session, which has it.";

impl<N: Names> Translator<'_, N> {
    /// A statement that calls what its first tokens, up to `name`, spell. The result is false
    /// if that is nothing of Oracle's, or if there is a routine of that name.
    pub(super) fn package_call(&mut self, name: usize, open: Option<usize>) -> Step<N, bool> {
        let mut chain = self.chain(0, name);
        if chain.len() > 1 && chain.first().is_some_and(|first| first == b"sys") {
            chain.remove(0);
        }
        let spelled = chain
            .iter()
            .map(|part| String::from_utf8_lossy(part))
            .collect::<Vec<_>>()
            .join(".");
        let ours = spelled == "raise_application_error"
            || spelled.starts_with("dbms_")
            || spelled.starts_with("utl_");
        if !ours {
            return Ok(false);
        }
        let routine = self.routine(&chain)?;
        if routine != Routine::None {
            return self.found_in_package(name, open, routine).map(|()| true);
        }
        let ends = open.map(|open| self.arguments(open)).unwrap_or_default();
        match (spelled.as_str(), open, ends.len()) {
            ("raise_application_error", open, _) => {
                self.application_error(name - 1, open.unwrap_or(name))?;
            }
            ("dbms_output.put_line", Some(open), 1) => {
                self.wrap(name, open, "RAISE NOTICE '%', ", "")?
            }
            ("dbms_output.new_line", _, _) => {
                self.replace_statement(b"RAISE NOTICE '%', ''".to_vec())
            }
            ("dbms_output.enable" | "dbms_output.disable", _, _) => {
                self.replace_statement(b"NULL".to_vec())
            }
            ("dbms_output.put", _, _) => {
                return self.refuse(
                    0,
                    "DBMS_OUTPUT.PUT is not supported",
                    "Use DBMS_OUTPUT.PUT_LINE or RAISE NOTICE.",
                );
            }
            ("dbms_lock.sleep" | "dbms_session.sleep", Some(open), 1) => {
                self.wrap(name, open, "PERFORM pg_sleep(", ")")?
            }
            ("dbms_session.set_identifier", Some(open), 1) => {
                self.wrap(
                    name,
                    open,
                    "PERFORM set_config('oracle_session.client_identifier', ",
                    ", false)",
                )?;
            }
            ("dbms_session.clear_identifier", _, _) => {
                self.replace_statement(
                    b"PERFORM set_config('oracle_session.client_identifier', '', false)".to_vec(),
                );
            }
            ("dbms_session.set_context", Some(open), 3) => self.set_context(name, open, &ends)?,
            ("dbms_session.set_nls", Some(open), 2) => self.set_nls(open, &ends)?,
            ("dbms_session.set_sql_trace", Some(open), 1)
                if self.is_any(open + 1, &["true", "false"]) =>
            {
                let text: &[u8] = if self.is(open + 1, "true") {
                    b"SET log_statement = 'all'"
                } else {
                    b"SET log_statement = DEFAULT"
                };
                self.replace_statement(text.to_vec());
            }
            ("dbms_session.set_role", Some(open), 1) => self.set_role(open)?,
            ("dbms_application_info.set_module", Some(open), 2) => {
                self.set_module(name, open, &ends)?
            }
            ("dbms_application_info.set_action", Some(open), 1) => {
                self.wrap(
                    name,
                    open,
                    "PERFORM set_config('oracle_session.action', ",
                    ", false)",
                )?;
            }
            ("dbms_application_info.set_client_info", Some(open), 1) => {
                self.wrap(
                    name,
                    open,
                    "PERFORM set_config('oracle_session.client_info', ",
                    ", false)",
                )?;
            }
            _ if spelled.starts_with("dbms_session.")
                || spelled.starts_with("dbms_application_info.") =>
            {
                return self.refuse(
                    0,
                    format!("{} is not available", spelled.to_ascii_uppercase()),
                    EXTENSION,
                );
            }
            _ => {
                return self.refuse(
                    0,
                    format!("{} is not available", spelled.to_ascii_uppercase()),
                    "Write a routine of that name, or leave the call out.",
                );
            }
        }
        Ok(true)
    }

    /// Calls what is there.
    fn found_in_package(&mut self, name: usize, open: Option<usize>, routine: Routine) -> Step<N> {
        if self.is(0, "sys") && name > 1 {
            self.delete(0);
            self.delete(1);
        }
        self.call_routine(name, open, routine)
    }

    /// Puts the arguments between two texts, in place of the name and the parentheses.
    fn wrap(
        &mut self,
        name: usize,
        open: usize,
        before: &'static str,
        behind: &'static str,
    ) -> Step<N> {
        let close = self.mate(open).unwrap_or(open);
        self.replace_name(name, before);
        if self.is_symbol(open + 2, "=>") {
            return self.refuse(
                open + 1,
                "names of arguments are not supported here",
                "Leave them out.",
            );
        }
        self.delete(open);
        self.edits
            .replace(self.at(close), behind.as_bytes(), Class::Needed);
        self.walk(open + 1, close)
    }

    fn replace_name(&mut self, name: usize, text: impl Into<std::borrow::Cow<'static, str>>) {
        let text = match text.into() {
            std::borrow::Cow::Borrowed(text) => std::borrow::Cow::Borrowed(text.as_bytes()),
            std::borrow::Cow::Owned(text) => std::borrow::Cow::Owned(text.into_bytes()),
        };
        self.edits.replace(self.at(0), text, Class::Needed);
        for index in 1..name {
            self.delete(index);
        }
    }

    /// A name for a setting, if the argument is a constant that can be one.
    pub(super) fn setting_part(&self, index: usize, end: usize) -> Option<String> {
        if end != index + 1 {
            return None;
        }
        let content = String::from_utf8(self.constant(index)?)
            .ok()?
            .to_ascii_lowercase();
        let letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
        let simple = content
            .bytes()
            .all(|byte| letter(byte) || byte.is_ascii_digit())
            && content.bytes().next().is_some_and(letter);
        simple.then_some(content)
    }

    /// `DBMS_SESSION.SET_CONTEXT(namespace, attribute, value)`
    fn set_context(&mut self, name: usize, open: usize, ends: &[usize]) -> Step<N> {
        let &[first, second, close] = ends else {
            return Ok(());
        };
        let parts = (
            self.setting_part(open + 1, first),
            self.setting_part(first + 1, second),
        );
        let (Some(namespace), Some(attribute)) = parts else {
            return self.refuse(
                open + 1,
                "the name of the context is not a constant",
                EXTENSION,
            );
        };
        self.replace_name(
            name,
            format!("PERFORM set_config('{namespace}.{attribute}',"),
        );
        for index in open..=second {
            self.delete(index);
        }
        self.edits
            .replace(self.at(close), &b", false)"[..], Class::Needed);
        self.walk(second + 1, close)
    }

    /// `DBMS_SESSION.SET_NLS('NLS_DATE_FORMAT', '''YYYY-MM-DD''')`
    fn set_nls(&mut self, open: usize, ends: &[usize]) -> Step<N> {
        let &[first, close] = ends else { return Ok(()) };
        let constant = |at: usize, end: usize| (end == at + 1).then(|| self.constant(at)).flatten();
        let parts = (constant(open + 1, first), constant(first + 1, close));
        let (Some(parameter), Some(value)) = parts else {
            return self.refuse(open + 1, "the parameter is not a constant", EXTENSION);
        };
        let text = [b"ALTER SESSION SET ", &parameter[..], b" = ", &value[..]].concat();
        match session::translate(&text, self.source.standard_strings) {
            Some(Ok(statement)) => {
                self.replace_statement(statement);
                Ok(())
            }
            Some(Err((message, hint))) => self.refuse(open + 1, message, hint),
            None => Ok(()),
        }
    }

    /// `DBMS_SESSION.SET_ROLE('clerk')`
    fn set_role(&mut self, open: usize) -> Step<N> {
        let role = self
            .mate(open)
            .filter(|&close| close == open + 2)
            .and_then(|_| self.constant(open + 1))
            .and_then(|role| String::from_utf8(role).ok())
            .filter(|role| {
                role.bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"_\"".contains(&byte))
                    && !role.is_empty()
            });
        let Some(role) = role else {
            return self.refuse(
                open + 1,
                "the role is not a constant",
                "Write SET ROLE with the role's name.",
            );
        };
        if ["all", "default"]
            .iter()
            .any(|word| role.eq_ignore_ascii_case(word))
        {
            return self.refuse(
                open + 1,
                "a session has one role at a time",
                "Write SET ROLE with the role's name.",
            );
        }
        self.replace_statement(format!("SET ROLE {role}").into_bytes());
        Ok(())
    }

    /// `DBMS_APPLICATION_INFO.SET_MODULE(module, action)`
    fn set_module(&mut self, name: usize, open: usize, ends: &[usize]) -> Step<N> {
        let &[first, close] = ends else { return Ok(()) };
        if (open..close).any(|index| self.is_symbol(index, "=>")) {
            return self.refuse(
                open + 1,
                "names of arguments are not supported here",
                EXTENSION,
            );
        }
        self.replace_name(name, "PERFORM set_config('application_name', ");
        self.delete(open);
        self.edits.replace(
            self.at(first),
            &b", false), set_config('oracle_session.action',"[..],
            Class::Needed,
        );
        self.edits
            .replace(self.at(close), &b", false)"[..], Class::Needed);
        self.walk(open + 1, first)?;
        self.walk(first + 1, close)
    }
}
