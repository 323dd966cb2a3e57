//! Sends the `log` crate's messages to the server log, and never to the client, unless it
//! asks for messages of debug levels. The report of a failed firing does not go this way; see
//! `firing.rs`.

use crate::pg::server::error::PgError;
use crate::pg::server::sys;
use log::{Level, LevelFilter, Log, Metadata, Record};
use std::ffi::{CString, c_int};

struct ServerLog;

/// The server's level for a message. Errors and warnings are for the administrator,
/// never for the client, and must not raise.
fn server_level(level: Level) -> c_int {
    (match level {
        Level::Error | Level::Warn | Level::Info => sys::LOG_SERVER_ONLY,
        Level::Debug => sys::DEBUG1,
        Level::Trace => sys::DEBUG2,
    }) as c_int
}

impl Log for ServerLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // SAFETY: the function compares the level with settings, and cannot raise.
        unsafe { sys::message_level_is_interesting(server_level(metadata.level())) }
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let Ok(message) = CString::new(record.args().to_string()) else {
            return;
        };
        // There is nowhere else to report that the message could not be written.
        // SAFETY: the string outlives the call.
        let _ = unsafe {
            PgError::check(sys::sesstrig_try_log(
                server_level(record.level()),
                message.as_ptr(),
            ))
        };
    }

    fn flush(&self) {}
}

/// Makes this the `log` crate's output. Called once, at server start.
pub(in crate::pg) fn install() {
    if log::set_logger(&ServerLog).is_ok() {
        log::set_max_level(LevelFilter::Trace);
    }
}
