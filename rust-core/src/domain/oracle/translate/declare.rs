//! Declarations.

use super::condition::State;
use super::edit::Class;
use super::scope::Name;
use super::tok::Kind;
use super::{Names, Step, Translator};

impl<N: Names> Translator<'_, N> {
    /// Translates the declaration that the tokens are.
    pub(super) fn declaration(&mut self, depth: u32) -> Step<N> {
        self.match_parentheses();
        let end = self.tokens.len().saturating_sub(1);
        let word = self.lower(0);
        match word.as_str() {
            "pragma" if self.kind(1) == Kind::Word => return self.pragma(),
            "cursor" if self.is_cursor() => return self.cursor(depth, end),
            "type" if self.is_name(1) && self.is(2, "is") => return self.declare_type(depth),
            "subtype" if self.is_name(1) && self.is(2, "is") => return self.subtype(depth),
            _ => {}
        }
        if !self.is_name(0) {
            return Ok(());
        }
        let name = self.folded(0);
        if self.is(1, "exception") && self.kind(2) == Kind::Semicolon {
            return self.exception(depth, name);
        }
        let mut index = 1;
        if self.is(index, "constant") && self.is_name(index + 1) {
            index += 1;
        }
        let what = if self.is(index, "cursor")
            || self.is(index + 1, "cursor")
            || self.is(index + 2, "cursor")
        {
            // PL/pgSQL's own order of words
            Name::Cursor
        } else if self.is(index, "alias") {
            Name::Variable
        } else {
            self.type_at(index)?
        };
        self.scopes.add(depth, name, what);
        self.walk(index + 1, end)
    }

    /// `e EXCEPTION;` is left out: its condition is in the statements.
    fn exception(&mut self, depth: u32, name: Vec<u8>) -> Step<N> {
        self.exceptions += 1;
        let Some(state) = State::own(self.exceptions) else {
            return self.refuse(
                0,
                "too many exceptions are declared",
                "Declare fewer exceptions.",
            );
        };
        self.scopes.add(depth, name, Name::Exception(state));
        self.delete_statement();
        Ok(())
    }

    /// Leaves out all tokens.
    pub(super) fn delete_statement(&mut self) {
        for index in 0..self.tokens.len() {
            self.delete(index);
        }
    }

    /// PRAGMA, which says what EXCEPTION_INIT says, or nothing.
    pub(super) fn pragma(&mut self) -> Step<N> {
        if self.is(1, "exception_init") {
            self.exception_init()?;
        }
        self.delete_statement();
        Ok(())
    }

    fn exception_init(&mut self) -> Step<N> {
        let name = self.folded(3);
        let negative = self.is_symbol(5, "-");
        let digits = if negative { 6 } else { 5 };
        let number = std::str::from_utf8(self.text(digits))
            .ok()
            .and_then(|digits| digits.parse::<i32>().ok())
            .filter(|_| self.kind(digits + 1) == Kind::Close);
        let Some(Name::Exception(_)) = self.scopes.get(&name) else {
            return self.refuse(
                3,
                format!(
                    "exception \"{}\" is not declared",
                    String::from_utf8_lossy(&name)
                ),
                "Declare it before PRAGMA EXCEPTION_INIT.",
            );
        };
        let number = number.map(|number| if negative { -number } else { number });
        match number.and_then(State::of_number) {
            Some(state) => self.scopes.set(&name, Name::Exception(state)),
            None => {
                let shown = String::from_utf8_lossy(self.text(digits));
                return self.refuse(
                    digits,
                    format!("error number {}{shown} has no counterpart", if negative { "-" } else { "" }),
                    "Leave the PRAGMA out, and handle the exception by its SQLSTATE: WHEN SQLSTATE '...' THEN.",
                );
            }
        }
        Ok(())
    }

    /// Whether the tokens are `CURSOR name [ (…) ] [ RETURN type ] IS …`.
    fn is_cursor(&self) -> bool {
        if !self.is_name(1) {
            return false;
        }
        let behind = match self.kind(2) {
            Kind::Open => self.mate(2).map_or(0, |close| close + 1),
            _ => 2,
        };
        self.is(behind, "is") || (self.is(behind, "return") && behind > 0)
    }

    /// `CURSOR c IS …` becomes `c CURSOR IS …`.
    fn cursor(&mut self, depth: u32, end: usize) -> Step<N> {
        let name = self.text(1).to_vec();
        self.edits.replace(self.at(0), name, Class::Needed);
        self.edits
            .replace(self.at(1), &b"CURSOR"[..], Class::Needed);
        let folded = self.folded(1);
        self.scopes.add(depth, folded, Name::Cursor);
        let mut index = 2;
        // The parameters are names in the query only.
        let mut parameters = Vec::new();
        if self.kind(2) == Kind::Open {
            index = self.mate(2).map_or(end, |close| close + 1);
            for close in self.arguments(2) {
                parameters.push(self.cursor_parameter(close)?);
            }
        }
        if self.is(index, "return") {
            while index < end && !self.is(index, "is") {
                self.delete(index);
                index += 1;
            }
        }
        if index >= end {
            return self.refuse(
                0,
                "cursor has no query",
                "Write the query where the cursor is declared: CURSOR name IS SELECT ...",
            );
        }
        let count = parameters.len();
        for (name, what) in parameters {
            self.scopes.add(depth + 1, name, what);
        }
        self.walk(index + 1, end)?;
        if count > 0 {
            self.scopes.leave(depth);
        }
        Ok(())
    }

    /// A parameter of a cursor, which ends before `close`.
    fn cursor_parameter(&mut self, close: usize) -> Step<N, (Vec<u8>, Name)> {
        let mut start = close;
        while start > 3 && self.kind(start - 1) != Kind::Comma {
            start = match self.kind(start - 1) {
                Kind::Close => self.mate(start - 1).unwrap_or(start - 1),
                _ => start - 1,
            };
        }
        let mut index = start + 1;
        if self.is(index, "in") {
            self.delete(index);
            index += 1;
        }
        for at in index..close {
            if self.is(at, "default") || self.is_assignment(at) {
                return self.refuse(
                    at,
                    "parameters of cursors cannot have defaults",
                    "Pass the argument where the cursor is opened.",
                );
            }
        }
        let what = self.type_at(index)?;
        Ok((self.folded(start), what))
    }

    fn declare_type(&mut self, depth: u32) -> Step<N> {
        if self.is(3, "ref") && self.is(4, "cursor") {
            let name = self.folded(1);
            self.scopes
                .add(depth, name, Name::Type(b"refcursor".to_vec()));
            self.delete_statement();
            return Ok(());
        }
        let (what, hint) = if self.is(3, "record") {
            (
                "record types",
                "Declare the variable as record, or create the type with CREATE TYPE ... AS.",
            )
        } else {
            (
                "collection types",
                "Use an array, such as integer[], or a temporary table.",
            )
        };
        self.refuse(0, format!("{what} cannot be declared in a routine"), hint)
    }

    /// `SUBTYPE t IS type` is left out, and `t` becomes the type.
    fn subtype(&mut self, depth: u32) -> Step<N> {
        let end = self.tokens.len().saturating_sub(1);
        let from = self.edits.mark();
        self.type_at(3)?;
        let first = self.at(3);
        let mut last = end;
        // Constraints do not belong to a type here.
        for at in 3..end {
            if self.is_any(at, &["range", "not"]) {
                last = at;
                break;
            }
        }
        let text = (last > 3)
            .then(|| {
                self.edits
                    .excerpt(self.body, first.start, self.at(last - 1).end)
            })
            .flatten();
        self.edits.drop_from(from);
        let Some(text) = text else {
            return self.refuse(
                0,
                "SUBTYPE is not supported",
                "Use the type that it stands for, or CREATE DOMAIN.",
            );
        };
        let name = self.folded(1);
        self.scopes.add(depth, name, Name::Type(text));
        self.delete_statement();
        Ok(())
    }
}
