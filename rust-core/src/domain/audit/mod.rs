//! The session audit (section A): what a record says, when the log is kept in order, and how
//! refused logons are counted.

pub mod keeper;
pub mod record;
pub mod refusals;
