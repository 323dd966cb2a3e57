//! Turns panics into errors of the server (rule F13). Where panics are caught is
//! decided by the callers of [`catch`]: the boundary and a firing.

use crate::pg::server::error::PgError;
use crate::pg::server::guard;
use std::any::Any;
use std::cell::RefCell;
use std::ffi::{CStr, CString};
use std::fmt;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};

thread_local! {
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

const PREFIX: &str = "panic in the session trigger core";

/// A caught panic.
pub(crate) struct Panic {
    message: String,
    place: String,
}

/// Installs a panic hook that notes where a panic happens, and replaces the default
/// one, which prints to standard error. Called once, at server start.
pub(in crate::pg) fn install_hook() {
    std::panic::set_hook(Box::new(|info: &PanicHookInfo<'_>| {
        let place = info.location().map(ToString::to_string);
        // A failure to note the place must not cause a second panic.
        let _ = PLACE.try_with(|slot| slot.try_borrow_mut().map(|mut slot| *slot = place));
    }));
}

/// Runs `f`, and returns a panic as an error. A panic can leave work half done, so
/// the caller must discard that work, by a rollback of the transaction.
pub(crate) fn catch<T>(f: impl FnOnce() -> T) -> Result<T, Panic> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|payload| Panic {
        message: message(&*payload).to_owned(),
        place: PLACE
            .take()
            .unwrap_or_else(|| String::from("an unknown place")),
    })
}

fn message(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else {
        "no message"
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Panic { message, place } = self;
        write!(f, "{PREFIX}: {message} ({place})")
    }
}

impl Panic {
    /// Makes an error of the server out of the panic.
    pub(crate) fn into_error(self, context: &CStr) -> PgError {
        let message = c_string(format!("{PREFIX}: {}", self.message));
        let detail = c_string(format!("The panic was at {}.", self.place));
        guard::make_error(&message, &detail, context)
    }
}

fn c_string(text: String) -> CString {
    CString::new(text.replace('\0', "\u{fffd}")).unwrap_or_default()
}
