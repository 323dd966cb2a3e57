//! A statement as psql reads it.

use super::body::Body;
use super::header::{Form, Header};
use super::token::Token;

/// Whether a semicolon ends a statement (rule D4).
///
/// Feed it every token of the statement, semicolons too, then ask; and start
/// with a new one when the statement is over.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement {
    header: Header,
    /// The offset of the last token of the header.
    last: u32,
    routine: bool,
    body: Body,
}

impl Default for Statement {
    fn default() -> Statement {
        Statement::new()
    }
}

impl Statement {
    /// A statement of which nothing is known.
    pub const fn new() -> Statement {
        Statement {
            header: Header::new(),
            last: 0,
            routine: false,
            body: Body::new(),
        }
    }

    /// Takes the next token, which starts at offset `at`.
    ///
    /// An error in a routine's body ends the search for its end: the server
    /// will find the same error and say so.
    pub fn feed(&mut self, token: Token<'_>, at: u32) {
        if !self.routine {
            let Form::Routine { ahead } = self.header.feed(token) else {
                self.last = at;
                return;
            };
            self.routine = true;
            if ahead > 1 {
                // A variable's name, which might as well be in quotes.
                let _ = self.body.feed(Token::Quoted, self.last);
            }
        }
        let _ = self.body.feed(token, at);
    }

    /// Whether it is a routine in the form of section D.
    pub const fn is_routine(&self) -> bool {
        self.routine
    }

    /// What comes now is behind the routine, even if its end has not come.
    pub const fn finish(&mut self) {
        self.body.finish();
    }

    /// Whether it is such a routine and its body goes on, so that a semicolon
    /// does not end the statement.
    pub const fn is_open(&self) -> bool {
        self.routine && self.body.is_open()
    }
}
