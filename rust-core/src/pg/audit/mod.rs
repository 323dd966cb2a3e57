//! The session audit: records of sessions and of refused logons, and the background workers
//! that write and keep them.

pub(in crate::pg) mod handover;
pub(crate) mod keeper;
pub(crate) mod launcher;
pub(in crate::pg) mod pool;
pub(in crate::pg) mod record;
pub(crate) mod refusals;
pub(crate) mod settings;
pub(in crate::pg) mod usage;
pub(crate) mod worker;
pub(crate) mod writer;
