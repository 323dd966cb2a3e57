//! The session audit: records of sessions and of refused logons, and the background workers
//! that write and keep them.

pub(crate) mod keeper;
pub(crate) mod launcher;
pub(in crate::pg) mod record;
pub(crate) mod refusals;
pub(in crate::pg) mod settings;
pub(in crate::pg) mod usage;
pub(crate) mod worker;
