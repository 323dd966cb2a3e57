//! What C calls. Nothing unwinds or jumps out of here: a failure is a status
//! and an error in an out-parameter, and the shim raises it.

#[cfg(feature = "server")]
mod boundary;
#[cfg(feature = "frontend")]
mod frontend;
#[cfg(feature = "server")]
mod routine;
#[cfg(feature = "server")]
mod server;
