//! Exceptions: their conditions, RAISE, handlers and what they ask about the error.

use super::condition::{SQLCODE, State, predefined};
use super::edit::Class;
use super::scope::Name;
use super::{Names, Step, Translator};

impl<N: Names> Translator<'_, N> {
    /// `WHEN e OR f THEN` of a handler.
    pub(super) fn handler(&mut self, depth: u32) -> Step<N> {
        let last = self.tokens.len().saturating_sub(1);
        self.scopes.open_handler(depth, self.at(last).end);
        let mut index = 1;
        while index < last {
            if self.is(index, "sqlstate") {
                index += 2;
                continue;
            }
            if !self.is_name(index) || self.is(index, "or") {
                index += 1;
                continue;
            }
            let end = self.chain_end(index);
            self.handled(index, end)?;
            index = end;
        }
        Ok(())
    }

    fn handled(&mut self, index: usize, end: usize) -> Step<N> {
        if end > index + 1 {
            return self.refuse(
                index,
                "exceptions of packages are not supported",
                "Handle the condition by its name or its SQLSTATE: WHEN SQLSTATE '...' THEN.",
            );
        }
        let condition = match self.scopes.get(&self.folded(index)) {
            Some(Name::Exception(state)) => Some(state.condition()),
            _ => predefined(self.lower(index).as_str()).map(|known| known.as_bytes().to_vec()),
        };
        if let Some(condition) = condition {
            self.edits.replace(self.at(index), condition, Class::Needed);
        }
        Ok(())
    }

    /// RAISE. The result is false if it is none that Oracle has.
    pub(super) fn raise(&mut self) -> Step<N> {
        let end = self.tokens.len().saturating_sub(1);
        if !self.is_name(1) || self.chain_end(1) != end {
            return self.walk(1, end);
        }
        if end > 2 {
            return self.refuse(
                1,
                "exceptions of packages are not supported",
                "Write RAISE EXCEPTION 'message' USING ERRCODE = '...'.",
            );
        }
        match self.scopes.get(&self.folded(1)).cloned() {
            Some(Name::Exception(state)) => {
                let name = String::from_utf8_lossy(&self.folded(1))
                    .replace('%', "%%")
                    .replace('\'', "''");
                if name.contains(['\n', '\\', '\r']) {
                    return self.refuse(
                        1,
                        "the exception's name cannot be in a message",
                        "Choose another name.",
                    );
                }
                let raised = String::from_utf8_lossy(&state.raised()).into_owned();
                self.edits.replace(
                    self.at(1),
                    format!(
                        "EXCEPTION 'user-defined exception \"{name}\"' USING ERRCODE = {raised}"
                    )
                    .into_bytes(),
                    Class::Needed,
                );
            }
            _ => {
                if let Some(conditions) = predefined(self.lower(1).as_str()) {
                    let first = conditions.split(' ').next().unwrap_or_default();
                    self.edits
                        .replace(self.at(1), first.as_bytes(), Class::Needed);
                }
            }
        }
        Ok(())
    }

    /// `RAISE_APPLICATION_ERROR(number, message [, keep])`
    pub(super) fn application_error(&mut self, name: usize, open: usize) -> Step<N> {
        let ends = self.arguments(open);
        let (Some(&comma), Some(close)) = (ends.first(), self.mate(open)) else {
            return self.refuse(
                name,
                "RAISE_APPLICATION_ERROR has no arguments",
                APPLICATION_ERROR,
            );
        };
        if !(2..=3).contains(&ends.len()) {
            return self.refuse(
                name,
                "RAISE_APPLICATION_ERROR takes a number and a message",
                APPLICATION_ERROR,
            );
        }
        if (open..close).any(|index| self.is_symbol(index, "=>")) {
            return self.refuse(
                open + 1,
                "names of arguments are not supported here",
                "Leave them out.",
            );
        }
        for index in 0..name {
            self.delete(index);
        }
        self.edits
            .replace(self.at(name), &b"RAISE EXCEPTION '%',"[..], Class::Needed);
        self.delete(open);
        let number = self.error_number(open, comma)?;
        for index in open + 1..=comma {
            self.delete(index);
        }
        // Whether the error is added to those before has no meaning here.
        let message_end = ends.get(1).copied().unwrap_or(close);
        for index in message_end..close {
            self.delete(index);
        }
        self.edits.replace(
            self.at(close),
            [b" USING ERRCODE = ", &number[..]].concat(),
            Class::Needed,
        );
        self.walk(comma + 1, message_end)
    }

    /// The SQLSTATE for the number between two indexes.
    fn error_number(&mut self, open: usize, comma: usize) -> Step<N, Vec<u8>> {
        let constant =
            self.is_symbol(open + 1, "-") && self.is_number(open + 2) && comma == open + 3;
        if constant {
            let number = std::str::from_utf8(self.text(open + 2))
                .ok()
                .and_then(|digits| digits.parse::<i32>().ok())
                .filter(|number| (20000..=20999).contains(number));
            return match number.and_then(|number| State::of_number(-number)) {
                Some(state) => Ok(state.raised()),
                None => self.refuse(
                    open + 1,
                    "error number must be between -20999 and -20000",
                    APPLICATION_ERROR,
                ),
            };
        }
        let text = if comma > open + 1 {
            self.translated(open + 1, comma)?
        } else {
            None
        };
        match text {
            Some(text) => {
                Ok([b"'U' || LPAD((-20000 - (", &text[..], b"))::text, 4, '0')"].concat())
            }
            None => self.refuse(
                open + 1,
                "error number is not a constant",
                APPLICATION_ERROR,
            ),
        }
    }

    /// SQLCODE
    pub(super) fn sqlcode(&mut self, index: usize) {
        let text: &'static str = if self.scopes.handler().is_some() {
            SQLCODE
        } else {
            "0"
        };
        self.edits
            .replace(self.at(index), text.as_bytes(), Class::Needed);
    }

    /// `DBMS_UTILITY.FORMAT_ERROR_BACKTRACE` and `FORMAT_ERROR_STACK`, in the tokens from one
    /// index up to another.
    pub(super) fn error_text(&mut self, from: usize, to: usize, backtrace: bool) {
        let text = self.error_variable(backtrace);
        self.edits
            .replace(self.at(from), text.as_bytes(), Class::Needed);
        for index in from + 1..to {
            self.delete(index);
        }
    }

    fn error_variable(&mut self, backtrace: bool) -> &'static str {
        let block = self.scopes.handler_block();
        let (Some(block), Some(handler)) = (block, self.scopes.handler()) else {
            return "NULL::text";
        };
        if !backtrace {
            return "SQLERRM";
        }
        if !std::mem::replace(&mut handler.keeps_context, true) {
            let then = handler.then;
            self.edits.insert_at(
                then,
                &b" GET STACKED DIAGNOSTICS error_backtrace = PG_EXCEPTION_CONTEXT;"[..],
                Class::Needed,
            );
            if self.scopes.get(b"error_backtrace").is_none() {
                self.declare(block, "error_backtrace", "text");
                self.scopes
                    .add(block.depth, b"error_backtrace".to_vec(), Name::Variable);
            }
        }
        "error_backtrace"
    }
}

const APPLICATION_ERROR: &str = "Write RAISE EXCEPTION 'message' USING ERRCODE = 'U0001', with the last three digits of the number.";
