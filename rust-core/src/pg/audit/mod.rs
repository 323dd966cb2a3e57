//! The session audit (section A): the records of sessions and of refused logons, the pool
//! through which they reach the writer, and the background workers that write and keep them.

pub(crate) mod changes;
pub(in crate::pg) mod handover;
pub(crate) mod keeper;
pub(in crate::pg) mod pool;
pub(in crate::pg) mod refusals;
pub(crate) mod settings;
pub(in crate::pg) mod usage;
pub(crate) mod worker;
pub(crate) mod writer;
