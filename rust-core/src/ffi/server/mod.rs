//! What all exports for the server have in common.

pub(in crate::ffi) mod boundary;
pub(in crate::ffi) mod list;
