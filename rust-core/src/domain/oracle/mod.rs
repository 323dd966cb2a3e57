//! Oracle's syntax (section D). Nothing here concerns sessions.
//!
//! A *routine* is here a function or procedure in Oracle's form, whose text is
//! part of the statement, with no quotes around it:
//!
//! ```text
//! CREATE FUNCTION name RETURN type IS declarations BEGIN statements END name;
//! ```
//!
//! Oracle's triggers on a database or a schema have a body of the same kind (rule
//! D7), and so count as routines, too.
//!
//! The server's grammar and psql's lexer must know where a routine ends before
//! anything reads its body (rules D2 to D4). Two automata find out, given the
//! statement's tokens one by one: [`Header`] says whether the statement is a
//! routine, and where its body begins; [`Body`] says where the body ends.
//! [`Statement`] joins them for psql. The automata are plain data without pointers,
//! so C can hold and copy them.
//!
//! Only the extent of a routine matters here. Any other mistake in it passes, and
//! is left to PL/pgSQL's compiler, which knows better what to say and where.
//!
//! [`alias`] has the words for which PostgreSQL uses other ones.

pub mod alias;
mod body;
mod construct;
mod error;
mod header;
mod keyword;
mod lexer;
mod scan;
mod statement;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod text;
mod token;
pub mod translate;

pub use body::{Body, Progress};
pub use construct::{Closer, Construct};
pub use error::Error;
pub use header::{Form, Header};
pub use lexer::{Lexeme, Lexer};
pub use scan::Scan;
pub use statement::Statement;
pub use token::Token;
