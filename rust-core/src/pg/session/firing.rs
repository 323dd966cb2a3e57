//! A firing: the run of an event's triggers for one session, in a transaction of its own
//! (section F). Those of superusers and delegated ones each have a firing (rule N3). Whether
//! an event fires, and what its failure means for the session, is decided in `lifecycle.rs`.

use super::settings;
use super::triggers;
use crate::domain::session::event::{Event, Occasion};
use crate::domain::session::policy::timeout_message;
use crate::domain::session::triggers::{Scope, Trigger, TriggerSet, describe_commit};
use crate::domain::stat::Failure;
use crate::pg::server::error::{PgError, PgResult};
use crate::pg::server::sys::{self, CommandTag};
use crate::pg::server::{backend, guard, panic, timeout};
use crate::pg::stat;
use std::cell::OnceCell;
use std::rc::Rc;
use std::time::Instant;

/// How often a firing begins at most, if again and again a trigger is dropped or replaced
/// that it has read before.
const ATTEMPTS: u32 = 10;

/// How a firing ended.
pub(in crate::pg) enum Outcome {
    /// All triggers ran, or there were none, and the transaction is committed.
    Done,
    /// The firing failed. The error is in the server log, everything is rolled back,
    /// and the session is idle (rules F2 to F4).
    Failed(PgError),
    /// The firing failed and could not be rolled back, so the session cannot go on.
    Broken(PgError),
}

/// Fires the event's triggers that `scope` names. No transaction may be open.
///
/// A trigger counts if it is there when it runs. If one has failed and is found to be gone,
/// all begins anew, without it: nobody fails, and least of all is refused, because another
/// session drops or replaces a trigger meanwhile.
pub(in crate::pg) fn fire(event: Event, occasion: Occasion, scope: Scope) -> Outcome {
    let begun = Instant::now();
    for attempt in 1.. {
        let triggers = OnceCell::new();
        let mut running = None;
        let limit = match attempt {
            1 => settings::timeout(event),
            _ => time_left(event, begun),
        };
        backend::lend_credentials(scope != Scope::Delegated);
        let result = panic::catch(|| run(event, occasion, scope, limit, &triggers, &mut running));
        backend::lend_credentials(true);
        let error = match result {
            Ok(Ok(())) => break,
            Ok(Err(error)) => error,
            Err(panic) => panic.into_error(
                running.map_or(describe_commit(event, scope), |trigger: Trigger| {
                    trigger.description.as_c_str()
                }),
            ),
        };
        // A delegated trigger rejects nobody, and its owner could have others wait.
        let may_repeat = attempt < ATTEMPTS && scope != Scope::Delegated;
        let limit = may_repeat.then(|| time_left(event, begun));
        if let Some(outcome) = clean_up(error, running, limit) {
            return outcome;
        }
    }
    Outcome::Done
}

/// What is left of the event's time limit (rule F10), in milliseconds; 0 if it has none.
fn time_left(event: Event, begun: Instant) -> i32 {
    let limit = settings::timeout(event);
    let elapsed = i32::try_from(begun.elapsed().as_millis()).unwrap_or(i32::MAX);
    match limit {
        0 => 0,
        _ => limit.saturating_sub(elapsed).max(1),
    }
}

/// Runs the triggers, which it reads into `triggers`, and commits, within `limit`
/// milliseconds. `running` always says which trigger runs, if one does; that is the context
/// of a panic.
fn run<'a>(
    event: Event,
    occasion: Occasion,
    scope: Scope,
    limit: i32,
    triggers: &'a OnceCell<Rc<TriggerSet>>,
    running: &mut Option<Trigger<'a>>,
) -> PgResult<()> {
    timeout::ignore_cancels();
    timeout::start(limit, timeout_message(event))?;
    guard::start_transaction()?;
    guard::override_settings()?;
    guard::set_title(event.tag(occasion))?;
    let current = triggers::current()?;
    let tells = log::log_enabled!(log::Level::Debug);
    for (index, trigger) in triggers
        .get_or_init(|| current)
        .to_fire(event, backend::is_replica(), scope)
        .enumerate()
    {
        // While the one before it ran, another session or that one may have dropped it.
        if index > 0 && !triggers::still_fires(trigger, backend::is_replica())? {
            continue;
        }
        *running = Some(trigger);
        stat::begin(trigger);
        #[cfg(feature = "faults")]
        crate::pg::server::fault::before_trigger();
        run_trigger(trigger, occasion)?;
        stat::end(trigger, None, triggers::cached);
        if tells {
            let description = trigger.description.as_c_str();
            log::debug!("{} has run", description.to_string_lossy());
        }
    }
    *running = None;
    guard::commit_transaction(describe_commit(event, scope))?;
    timeout::end();
    Ok(())
}

/// Rolls the transaction back, and reports the error that it failed with to the server log
/// alone. `running` is the trigger that ran last. Returns `None`, and reports nothing, if
/// that trigger is gone, and there is a `limit` for finding that out.
fn clean_up(mut error: PgError, running: Option<Trigger>, limit: Option<i32>) -> Option<Outcome> {
    let timed_out = timeout::explain(&mut error);
    error.hide_from_client();
    let aborted = guard::abort_transaction();
    if let Some(trigger) = running {
        if !timed_out && aborted.is_ok() && limit.is_some_and(|limit| is_gone(trigger, limit)) {
            stat::forget_running();
            return None;
        }
        let sqlstate = error.sqlstate();
        stat::end(
            trigger,
            Some(Failure {
                sqlstate,
                timed_out,
            }),
            triggers::cached,
        );
    }
    // Whether or not it can be reported, the session goes on.
    let _ = guard::report_error(&error);
    Some(match aborted {
        Ok(()) => Outcome::Failed(error),
        Err(error) => Outcome::Broken(error),
    })
}

/// Whether a trigger has been dropped, or is not what it was. If that cannot be found out
/// within `limit` milliseconds, it is not.
fn is_gone(trigger: Trigger, limit: i32) -> bool {
    let event = trigger.definition.event;
    let look = || {
        timeout::start(limit, timeout_message(event))?;
        guard::start_transaction()?;
        // The session may not have been told yet of what it has run into.
        triggers::invalidate();
        let fires = triggers::still_fires(trigger, backend::is_replica())?;
        guard::commit_transaction(describe_commit(event, Scope::All))?;
        timeout::end();
        Ok(!fires)
    };
    match look() {
        Ok(gone) => gone,
        Err(error) => {
            drop::<PgError>(error);
            // The firing has failed in any case.
            let _ = guard::abort_transaction();
            false
        }
    }
}

/// The number that the server has for [`Event::tag`] (rules E2 and R1). The server finds
/// only those tags by their text that a trigger's filter can name.
pub(in crate::pg) fn command_tag(event: Event, occasion: Occasion) -> CommandTag {
    match (occasion, event) {
        (Occasion::Connection, Event::Logon) => sys::CMDTAG_LOGON,
        (Occasion::Connection, Event::Logoff) => sys::CMDTAG_LOGOFF,
        (Occasion::Discard, _) => sys::CMDTAG_DISCARD_ALL,
    }
}

/// Runs one trigger. Meanwhile `pg_stat_activity` shows the session as active, with
/// the trigger's description as its query (rule F11). Its errors have the description
/// as context.
pub(in crate::pg) fn run_trigger(trigger: Trigger, occasion: Occasion) -> PgResult<()> {
    let Trigger {
        definition,
        description,
        ..
    } = trigger;
    // SAFETY: the strings are terminated and outlive the call, and what must live longer
    // is copied.
    unsafe {
        PgError::check(sys::sesstrig_try_run_trigger(
            definition.function.0,
            definition.event.name().as_ptr(),
            command_tag(definition.event, occasion),
            description.as_ptr(),
        ))
    }
}
