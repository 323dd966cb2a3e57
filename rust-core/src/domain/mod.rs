//! The rules, without PostgreSQL: no `unsafe`, no server types.
#![forbid(unsafe_code)]

pub mod context;
pub mod event;
pub mod pin;
pub mod policy;
pub mod routine;
pub mod trigger;
