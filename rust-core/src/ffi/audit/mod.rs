//! Exports about the session audit.

mod changes;
mod record;
mod workers;
