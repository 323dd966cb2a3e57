//! One firing: all triggers of one event, in a transaction (section F of the
//! specification).

use super::error::{PgError, PgResult};
use super::{backend, guard, panic, settings, triggers};
use crate::domain::session::event::Event;
use crate::domain::session::policy::timeout_message;
use crate::domain::session::trigger::describe;
use std::ffi::CString;

/// How a firing ended.
pub(super) enum Outcome {
    /// All triggers ran, or there were none.
    Done,
    /// One failed: the error is in the server log, all is rolled back, and
    /// the session is idle (rules F2 to F4).
    Failed(PgError),
    /// One failed, and the session cannot go on.
    Broken(PgError),
}

/// Fires `event`, with no transaction open.
pub(super) fn fire(event: Event) -> Outcome {
    let mut place = commit_context(event);
    match panic::catch(|| run(event, &mut place)) {
        Ok(Ok(())) => Outcome::Done,
        Ok(Err(error)) => clean_up(error),
        Err(panic) => clean_up(panic.into_error(&place)),
    }
}

/// `place` is what is being done, for the context of a panic.
fn run(event: Event, place: &mut CString) -> PgResult<()> {
    guard::ignore_cancels();
    guard::start_timeout(settings::timeout(event), timeout_message(event))?;
    guard::start_transaction()?;
    guard::override_settings()?;
    for trigger in triggers::to_fire(event, backend::is_replica())? {
        *place = describe(&trigger.name, event);
        guard::report_activity(place, event.tag())?;
        #[cfg(feature = "faults")]
        super::fault::before_trigger();
        guard::run_trigger(&trigger, place)?;
        log::debug!("{} has run", place.to_string_lossy());
    }
    *place = commit_context(event);
    guard::commit_transaction(place)?;
    guard::end_timeout();
    Ok(())
}

/// The context of errors that no single trigger is at fault for, such as
/// those of deferred constraints.
fn commit_context(event: Event) -> CString {
    let mut text = b"commit of event triggers on event ".to_vec();
    text.extend_from_slice(event.name().to_bytes());
    CString::new(text).unwrap_or_default()
}

fn clean_up(mut error: PgError) -> Outcome {
    guard::explain_timeout(&mut error);
    error.hide_from_client();
    // If the log cannot be written, the roll-back is all the more needed.
    let _ = guard::report_error(&error);
    match guard::abort_transaction() {
        Ok(()) => Outcome::Failed(error),
        Err(error) => Outcome::Broken(error),
    }
}
