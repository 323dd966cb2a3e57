//! A safe layer over the server.
//!
//! Nothing here unwinds or is jumped over: what may raise an ERROR in the
//! server is behind a guard of `shim/guard.c` and returns a [`Result`].

mod backend;
pub(crate) mod error;
#[cfg(feature = "faults")]
pub(crate) mod fault;
mod firing;
mod guard;
mod log;
pub(crate) mod panic;
pub(crate) mod session;
mod settings;
mod sys;
pub(crate) mod triggers;
pub(crate) mod variables;

pub(crate) use sys::ErrorData;

/// Prepares the core in the postmaster, or in a process that stands alone.
pub(crate) fn start() -> error::PgResult<()> {
    panic::install_hook();
    log::install();
    settings::define()?;
    #[cfg(feature = "faults")]
    fault::define()?;
    settings::reserve_prefix()
}
