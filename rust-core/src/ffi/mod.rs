//! What C calls. Nothing unwinds or jumps out of the server's exports: a
//! failure is a status and an error in an out-parameter, which the shim raises;
//! see [`boundary`].

#[cfg(feature = "server")]
mod boundary;
#[cfg(feature = "frontend")]
mod frontend;
#[cfg(feature = "server")]
mod overrides;
#[cfg(feature = "server")]
mod routine;
#[cfg(feature = "server")]
mod session;
#[cfg(feature = "server")]
mod variables;
