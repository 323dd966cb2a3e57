//! What happens when a session starts and ends (sections E, V, F, S, X and N).
//! Nothing here concerns Oracle's syntax.

pub mod audit;
pub mod delegation;
pub mod event;
pub mod keep;
pub mod overrides;
pub mod policy;
pub mod refusal;
pub mod stat;
pub mod trigger;
pub mod variables;
