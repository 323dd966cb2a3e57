//! Logon and logoff triggers for the PostgreSQL server.
//!
//! [`domain`] decides and knows no PostgreSQL; `pg` is a safe layer over the
//! server's C interface; `ffi` is what C calls. The last two need the server's
//! headers and are built with the feature `server` only.

pub mod domain;
#[cfg(feature = "server")]
mod ffi;
#[cfg(feature = "server")]
mod pg;
