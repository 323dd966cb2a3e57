//! Oracle's spelling of SQL (section D); nothing of sessions.
//!
//! Most of this finds where a routine without quotes around its text ends
//! (rules D2 to D4); [`alias`] has the words that stand for PostgreSQL's own.
//!
//! The server's grammar and psql's lexer both have to know the extent of
//! `CREATE FUNCTION … IS … BEGIN … END name` before anything reads the body.
//! Both have lexed the text already; here it arrives token by token:
//! [`Header`] says whether a statement is such a routine and where its body
//! begins, [`Body`] where it ends, and [`Statement`] is both in one for psql.
//!
//! Only the extent matters. What is wrong in other ways is let through, for
//! PL/pgSQL's compiler to report in its own words at its own place.
//!
//! The automata are plain data without pointers, so C can hold and copy them.

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

pub use body::{Body, Progress};
pub use construct::{Closer, Construct};
pub use error::Error;
pub use header::{Form, Header};
pub use lexer::{Lexeme, Lexer};
pub use scan::Scan;
pub use statement::Statement;
pub use token::Token;
