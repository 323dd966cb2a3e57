//! What a trial of a trigger has in common with a firing. The rest of it, which is a matter
//! of transactions and messages, is in `shim/trial.c`.

use super::error::PgResult;
use super::sys::CommandTag;
use super::{guard, settings};
use crate::domain::session::event::{Event, Occasion};
use crate::domain::session::policy::timeout_message;

/// Prepares this transaction for a trigger, as a firing does (rules F7 and F10). The caller
/// ends the timeout. Returns the event's command tag.
///
/// # Errors
/// Returns the server's error if that is not possible.
pub(crate) fn begin(event: Event) -> PgResult<CommandTag> {
    guard::start_timeout(settings::timeout(event), timeout_message(event))?;
    guard::override_settings()?;
    Ok(guard::command_tag(event, Occasion::Connection))
}
