//! Exports about sessions.

mod lifecycle;
mod overrides;
mod trial;
mod variables;
