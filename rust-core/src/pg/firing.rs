//! A firing: the run of an event's triggers for one session, in a transaction of its own
//! (section F). Those of superusers and delegated ones each have a firing (rule N3). Whether
//! an event fires, and what its failure means for the session, is decided in `session.rs`.

use super::error::{PgError, PgResult};
use super::{audit, backend, guard, panic, settings, stat, triggers};
use crate::domain::session::event::{Event, Occasion};
use crate::domain::session::policy::timeout_message;
use crate::domain::session::stat::Failure;
use crate::domain::session::trigger::{Scope, Trigger, TriggerSet, describe_commit};
use std::cell::OnceCell;
use std::rc::Rc;

/// How a firing ended.
pub(super) enum Outcome {
    /// All triggers ran, or there were none, and the transaction is committed.
    Done,
    /// The firing failed. The error is in the server log, everything is rolled back,
    /// and the session is idle (rules F2 to F4).
    Failed(PgError),
    /// The firing failed and could not be rolled back, so the session cannot go on.
    Broken(PgError),
}

/// Fires the event's triggers that `scope` names. No transaction may be open.
pub(super) fn fire(event: Event, occasion: Occasion, scope: Scope) -> Outcome {
    let triggers = OnceCell::new();
    let mut running = None;
    backend::lend_credentials(scope != Scope::Delegated);
    let result = panic::catch(|| run(event, occasion, scope, &triggers, &mut running));
    backend::lend_credentials(true);
    match result {
        Ok(Ok(())) => Outcome::Done,
        Ok(Err(error)) => clean_up(error, running),
        Err(panic) => {
            let place = running.map_or(describe_commit(event, scope), |trigger| {
                trigger.description.as_c_str()
            });
            clean_up(panic.into_error(place), running)
        }
    }
}

/// Runs the triggers, which it reads into `triggers`, and commits. `running` always says
/// which trigger runs, if one does; that is the context of a panic.
fn run<'a>(
    event: Event,
    occasion: Occasion,
    scope: Scope,
    triggers: &'a OnceCell<Rc<TriggerSet>>,
    running: &mut Option<Trigger<'a>>,
) -> PgResult<()> {
    guard::ignore_cancels();
    guard::start_timeout(settings::timeout(event), timeout_message(event))?;
    guard::start_transaction()?;
    guard::override_settings()?;
    guard::set_title(event.tag(occasion))?;
    let current = triggers::current()?;
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
        super::fault::before_trigger();
        if trigger.definition.audit {
            // What its function would do, without loading the library.
            let function = trigger.definition.function;
            audit::record(event, function.0, trigger.description.as_c_str())?;
        } else {
            guard::run_trigger(trigger, occasion)?;
        }
        stat::end(trigger, None);
        if log::log_enabled!(log::Level::Debug) {
            let description = trigger.description.as_c_str();
            log::debug!("{} has run", description.to_string_lossy());
        }
    }
    *running = None;
    guard::commit_transaction(describe_commit(event, scope))?;
    guard::end_timeout();
    Ok(())
}

/// Reports the error that a firing failed with to the server log alone, and rolls
/// the transaction back. `running` is the trigger that ran last.
fn clean_up(mut error: PgError, running: Option<Trigger>) -> Outcome {
    let timed_out = guard::explain_timeout(&mut error);
    if let Some(trigger) = running {
        let sqlstate = error.sqlstate();
        stat::end(
            trigger,
            Some(Failure {
                sqlstate,
                timed_out,
            }),
        );
    }
    error.hide_from_client();
    // Roll back whether or not the error could be reported.
    let _ = guard::report_error(&error);
    match guard::abort_transaction() {
        Ok(()) => Outcome::Failed(error),
        Err(error) => Outcome::Broken(error),
    }
}
