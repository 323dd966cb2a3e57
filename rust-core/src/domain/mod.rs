//! The rules, without PostgreSQL: no `unsafe`, no server types.
//!
//! The two rooms know nothing of each other: [`session`] decides what happens
//! when a session starts and ends, [`oracle`] reads Oracle's spelling of SQL.
#![forbid(unsafe_code)]

pub mod oracle;
pub mod session;
