//! What the core decides, in pure Rust: no `unsafe` code, no server types and no
//! calls into the server, so that every decision can be tested without one.
//!
//! The two modules do not depend on each other: [`session`] decides what happens
//! when a session starts and ends; [`oracle`] recognizes Oracle's syntax.
#![forbid(unsafe_code)]

pub mod oracle;
pub mod session;
