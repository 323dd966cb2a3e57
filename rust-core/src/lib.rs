//! Logon and logoff triggers for the PostgreSQL server.
//!
//! [`domain`] decides and knows no PostgreSQL; `pg` is a safe layer over the
//! server's C interface; `ffi` is what C calls. `pg` needs the server's headers
//! and is built with the feature `server` only; `frontend` is for psql.

pub mod domain;
#[cfg(any(feature = "server", feature = "frontend"))]
mod ffi;
#[cfg(feature = "server")]
mod pg;
