//! Exports about sessions.

mod lifecycle;
mod overrides;
mod variables;
