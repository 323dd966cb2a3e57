//! What session triggers do, as far as it can be stated without the server: pure
//! functions on plain values, with unit tests that need no server. Each subject has the
//! same name here, in `pg`, in `ffi` and in the shim.
#![forbid(unsafe_code)]

pub mod audit;
pub mod delegation;
pub mod list;
pub mod oracle;
pub mod proxy;
pub mod session;
pub mod stat;
