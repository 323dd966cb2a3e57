//! The session's cache of the triggers on session events (rule E9). Which of them
//! fire is decided in [`crate::domain::session::trigger`].
//!
//! The cache is filled in the transaction that starts the session, where that costs
//! little, and becomes invalid when pg_event_trigger changes. So a session that has
//! no trigger to fire at logoff can know that without starting a transaction.

use super::error::PgResult;
use super::guard;
use crate::domain::session::event::Event;
use crate::domain::session::trigger::{Scope, Trigger, TriggerSet};
use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::rc::Rc;

thread_local! {
    /// Whether [`invalidate`] is registered to be called on changes.
    static WATCHED: Cell<bool> = const { Cell::new(false) };
    /// Whether SET agrees with the catalog.
    static VALID: Cell<bool> = const { Cell::new(false) };
    /// Whether the last attempt to read the catalog has failed.
    static UNREADABLE: Cell<bool> = const { Cell::new(false) };
    /// The triggers, or `None` if there are none. It is never dropped, because every
    /// session would pay for the registration of a destructor.
    static SET: ManuallyDrop<RefCell<Option<Rc<TriggerSet>>>> =
        const { ManuallyDrop::new(RefCell::new(None)) };
}

/// Marks the cache as invalid. The server calls this for every change of
/// pg_event_trigger, whatever else is going on, so it only sets a flag. Where a trigger
/// belongs to another role than the one that the cluster was made with, it calls this for
/// every change of roles and of functions, too: in which firing such a trigger runs depends
/// on these (rules N1 and N2).
pub(crate) fn invalidate() {
    VALID.set(false);
}

/// Whether the cache is valid and says that no trigger is to fire.
pub(super) fn known_to_be_none(event: Event, replica: bool, scope: Scope) -> bool {
    VALID.get()
        && SET.with(|set| match &*set.borrow() {
            Some(set) => set.to_fire(event, replica, scope).next().is_none(),
            None => true,
        })
}

/// Whether the catalog could not be read when that was tried last. To try again at once
/// would make the session wait for as long again.
pub(super) fn are_unreadable() -> bool {
    UNREADABLE.get()
}

/// Fills the cache. A transaction must be open. If `may_wait` is false and the
/// catalog is locked, the cache stays invalid.
pub(super) fn load(may_wait: bool) -> PgResult<()> {
    if !WATCHED.get() {
        guard::watch_triggers()?;
        WATCHED.set(true);
    }
    // A change that arrives during the reading marks the cache as invalid again, and
    // the next firing reads anew, as with upstream's event trigger cache.
    VALID.set(true);
    let read = guard::read_triggers(may_wait);
    UNREADABLE.set(read.is_err());
    match read {
        Ok(Some(triggers)) => {
            SET.with(|set| set.replace((!triggers.is_empty()).then(|| Rc::new(triggers))));
            Ok(())
        }
        Ok(None) => {
            VALID.set(false);
            Ok(())
        }
        Err(error) => {
            VALID.set(false);
            Err(error)
        }
    }
}

/// Whether a trigger that was to fire still is. A transaction must be open. This costs
/// little as long as pg_event_trigger does not change.
pub(super) fn still_fires(trigger: Trigger, replica: bool) -> PgResult<bool> {
    guard::accept_invalidations()?;
    if VALID.get() {
        return Ok(true);
    }
    load(true)?;
    Ok(SET.with(|set| {
        set.borrow().as_ref().is_some_and(|set| {
            // Its standing is part of its definition.
            set.to_fire(trigger.definition.event, replica, Scope::All)
                .any(|other| other == trigger)
        })
    }))
}

/// The triggers as they were read last.
pub(super) fn cached() -> Rc<TriggerSet> {
    SET.with(|set| set.borrow().clone().unwrap_or_default())
}

/// The triggers. A transaction must be open. They stay the same while the caller holds
/// them, although a trigger may invalidate the cache.
pub(super) fn current() -> PgResult<Rc<TriggerSet>> {
    if !VALID.get() {
        load(true)?;
    }
    Ok(cached())
}
