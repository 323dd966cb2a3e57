//! A safe layer over the server's C interface. Rules that can be stated without the
//! server are in [`crate::domain`].
//!
//! No longjmp crosses these functions: a call that may raise an ERROR goes through a
//! guard of `shim/guard.c`, and returns a [`Result`].

pub(crate) mod audit;
mod backend;
pub(crate) mod delegation;
pub(crate) mod error;
#[cfg(feature = "faults")]
pub(crate) mod fault;
mod firing;
mod guard;
mod keeper;
pub(crate) mod launcher;
mod lock;
mod log;
mod memory;
pub(crate) mod panic;
pub(crate) mod refusals;
pub(crate) mod session;
mod settings;
pub(crate) mod shared;
pub(crate) mod stat;
mod sys;
pub(crate) mod trial;
pub(crate) mod triggers;
pub(crate) mod variables;

pub(crate) use sys::ErrorData;

/// Prepares the core: panics, log and settings. Called once, in the postmaster or in
/// a standalone process, before the configuration file is read.
///
/// # Errors
/// Returns the server's error if a setting cannot be defined.
pub(crate) fn start() -> error::PgResult<()> {
    panic::install_hook();
    log::install();
    settings::define()?;
    #[cfg(feature = "faults")]
    fault::define()?;
    settings::reserve_prefixes()
}
