//! Exports about Oracle's syntax, for the server's grammar and for psql.

#[cfg(feature = "frontend")]
mod frontend;
#[cfg(feature = "server")]
mod routine;
#[cfg(feature = "server")]
mod translate;
#[cfg(feature = "server")]
mod trigger;
