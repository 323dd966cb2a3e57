//! What a trial of a trigger has in common with a firing. The rest of it, which is a matter
//! of transactions and messages, is in `shim/session/trial.c`.

use super::firing::command_tag;
use super::settings;
use crate::domain::session::event::{Event, Occasion};
use crate::domain::session::policy::timeout_message;
use crate::pg::server::error::PgResult;
use crate::pg::server::sys::CommandTag;
use crate::pg::server::{guard, timeout};

/// Prepares this transaction for a trigger, as a firing does (rules F7 and F10). The caller
/// ends the timeout. Returns the event's command tag.
///
/// # Errors
/// Returns the server's error if that is not possible.
pub(crate) fn begin(event: Event) -> PgResult<CommandTag> {
    timeout::start(settings::timeout(event), timeout_message(event))?;
    guard::override_settings()?;
    Ok(command_tag(event, Occasion::Connection))
}
