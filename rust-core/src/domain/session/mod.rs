//! What happens when a session starts and ends (sections E, V, F, S and X).
//! Nothing here concerns Oracle's syntax.

pub mod audit;
pub mod event;
pub mod keep;
pub mod overrides;
pub mod policy;
pub mod refusal;
pub mod stat;
pub mod trigger;
pub mod variables;
