//! A safe layer over the server's C interface. Rules that can be stated without the
//! server are in [`crate::domain`].
//!
//! No longjmp crosses these functions: a call that may raise an ERROR goes through a
//! guard of `shim/server/guard.c`, and returns a [`Result`].

pub(crate) mod audit;
pub(crate) mod delegation;
pub(crate) mod oracle;
pub(crate) mod proxy;
pub(crate) mod server;
pub(crate) mod session;
pub(crate) mod shared;
pub(crate) mod stat;

pub(crate) use server::sys::ErrorData;

use server::error::PgResult;
use server::settings::{Define, INSTANCE_NUM, reserve_prefix};

/// Prepares the core: panics, log and settings. Called once, in the postmaster or in
/// a standalone process, before the configuration file is read.
///
/// # Errors
/// Returns the server's error if a setting cannot be defined.
pub(crate) fn start() -> PgResult<()> {
    server::panic::install_hook();
    server::log::install();
    let others: &[&'static dyn Define] = &[
        &INSTANCE_NUM,
        &stat::STAT_MAX,
        &delegation::CREATOR_ROLE,
        &proxy::PROXY_NETWORKS,
    ];
    for setting in [session::settings::ALL, audit::settings::ALL, others].concat() {
        setting.define()?;
    }
    #[cfg(feature = "faults")]
    for setting in server::fault::ALL {
        setting.define()?;
    }
    reserve_prefix(c"session_triggers")?;
    reserve_prefix(c"session_audit")
}
