//! The session audit (section A): what a record says, how a session hands it over, when the
//! log is kept in order, and how refused logons and repeated changes are counted.

pub mod chain;
pub mod changes;
pub mod context;
pub mod handover;
pub mod keeper;
pub mod record;
pub mod refusals;
pub mod text;
