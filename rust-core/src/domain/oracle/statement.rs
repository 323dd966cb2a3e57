//! Both automata in one, for psql, which must know of a whole statement whether a
//! semicolon ends it. What psql's lexer calls is [`Scan`](super::Scan).

use super::body::Body;
use super::header::{Form, Header};
use super::token::Token;

/// Tells whether a semicolon ends the statement (rule D4).
///
/// Feed it every token of one statement, semicolons included, and ask it at each
/// semicolon. The next statement needs a new one.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement {
    header: Header,
    /// The offset of the header's last token so far.
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
    /// A statement of which no token has been fed.
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
    /// After an error in a routine's body the next semicolon ends the statement:
    /// the server will find the same error, and report it.
    pub fn feed(&mut self, token: Token<'_>, at: u32) {
        if !self.routine {
            let Form::Routine { ahead } = self.header.feed(token) else {
                self.last = at;
                return;
            };
            self.routine = true;
            if ahead > 1 {
                // The body starts with a variable's name, already consumed by the
                // header.  Its spelling does not matter, so feed any identifier.
                let _ = self.body.feed(Token::Quoted, self.last);
            }
        }
        let _ = self.body.feed(token, at);
    }

    /// Whether the statement is known to be a routine.
    pub const fn is_routine(&self) -> bool {
        self.routine
    }

    /// Declares the body finished, whether or not its END has been fed.
    pub const fn finish(&mut self) {
        self.body.finish();
    }

    /// Whether the statement is a routine whose body goes on, so that a semicolon
    /// does not end the statement.
    pub const fn is_open(&self) -> bool {
        self.routine && self.body.is_open()
    }
}
