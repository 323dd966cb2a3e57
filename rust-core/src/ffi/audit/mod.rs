//! Exports about the session audit.

mod record;
mod workers;
