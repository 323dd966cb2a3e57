//! Panics as errors (rule F13).

use super::error::PgError;
use super::guard;
use std::any::Any;
use std::cell::RefCell;
use std::ffi::{CStr, CString};
use std::fmt;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};

thread_local! {
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

const PREFIX: &str = "panic in the session trigger core";

/// A panic that was caught.
pub(crate) struct Panic {
    message: String,
    place: String,
}

/// Keeps panics from being printed to standard error, and remembers where
/// they were; at server start, once.
pub(super) fn install_hook() {
    std::panic::set_hook(Box::new(|info: &PanicHookInfo<'_>| {
        let place = info.location().map(ToString::to_string);
        // Not being able to note the place must not turn into a second panic.
        let _ = PLACE.try_with(|slot| slot.try_borrow_mut().map(|mut slot| *slot = place));
    }));
}

/// Runs `f`. Callers see to it that what a panic leaves half done is thrown
/// away: the transaction is rolled back.
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
    /// The panic as an error of the server's.
    pub(crate) fn into_error(self, context: &CStr) -> PgError {
        let message = c_string(format!("{PREFIX}: {}", self.message));
        let detail = c_string(format!("The panic was at {}.", self.place));
        guard::make_error(&message, &detail, context)
    }
}

fn c_string(text: String) -> CString {
    CString::new(text.replace('\0', "\u{fffd}")).unwrap_or_default()
}
