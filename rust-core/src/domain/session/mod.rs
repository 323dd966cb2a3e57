//! Sessions: the two events, which triggers fire and in what order, with which settings and
//! variables, and what a failure means.

pub mod event;
pub mod known;
pub mod name;
pub mod overrides;
pub mod policy;
pub mod protected;
pub mod triggers;
pub mod variables;
