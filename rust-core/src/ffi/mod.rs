//! The functions that C calls: they check and convert arguments, call `domain` or
//! `pg`, and convert the result. They decide nothing.
//!
//! Nothing unwinds or jumps out of an export for the server. It returns an error, and the shim
//! raises that after Rust has returned; see [`server::boundary`].

#[cfg(feature = "server")]
mod audit;
#[cfg(feature = "server")]
mod delegation;
mod oracle;
#[cfg(feature = "server")]
mod proxy;
#[cfg(feature = "server")]
mod server;
#[cfg(feature = "server")]
mod session;
#[cfg(feature = "server")]
mod stat;
