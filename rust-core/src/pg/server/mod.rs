//! The server as a whole: calls to it, its errors, memory, locks and settings. Nothing here
//! knows what session triggers are for.

pub(in crate::pg) mod attached;
pub(in crate::pg) mod backend;
pub(crate) mod error;
#[cfg(feature = "faults")]
pub(crate) mod fault;
pub(in crate::pg) mod guard;
pub(in crate::pg) mod lock;
pub(in crate::pg) mod log;
mod memory;
pub(crate) mod panic;
pub(in crate::pg) mod settings;
pub(in crate::pg) mod sys;
pub(in crate::pg) mod timeout;
