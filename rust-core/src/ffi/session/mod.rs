//! Exports about sessions.

mod lifecycle;
mod overrides;
mod protected;
mod trial;
mod variables;
