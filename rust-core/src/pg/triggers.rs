//! The session's copy of its database's session triggers (rule E9).
//!
//! It is read in the transaction that starts the session, where that costs
//! little, and dropped when the server says that pg_event_trigger changed. So
//! a session whose database has no session trigger knows so at logoff without
//! a transaction.

use super::error::PgResult;
use super::guard;
use crate::domain::session::event::Event;
use crate::domain::session::trigger::{Trigger, TriggerSet};
use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;

thread_local! {
    /// Whether the server tells us of changes.
    static WATCHED: Cell<bool> = const { Cell::new(false) };
    /// Whether SET is what the catalog holds.
    static VALID: Cell<bool> = const { Cell::new(false) };
    /// Never dropped: registering a destructor would cost every session.
    static SET: ManuallyDrop<RefCell<Option<TriggerSet>>> =
        const { ManuallyDrop::new(RefCell::new(None)) };
}

/// Forgets the copy. The server calls this for every change of
/// pg_event_trigger, in the middle of anything.
pub(crate) fn invalidate() {
    VALID.set(false);
}

/// Whether it is known, without a look at the catalog, that nothing is to
/// fire.
pub(super) fn known_to_be_none(event: Event, replica: bool) -> bool {
    VALID.get()
        && SET.with(|set| match &*set.borrow() {
            Some(set) => set.to_fire(event, replica).next().is_none(),
            None => true,
        })
}

/// Reads the catalog, in a transaction. If it is locked and `may_wait` is
/// false, nothing is known after that either.
pub(super) fn load(may_wait: bool) -> PgResult<()> {
    if !WATCHED.get() {
        guard::watch_triggers()?;
        WATCHED.set(true);
    }
    // A change that arrives while we read makes it invalid again, so that the
    // next firing reads anew; as upstream's event trigger cache does.
    VALID.set(true);
    match guard::read_triggers(may_wait) {
        Ok(Some(triggers)) => {
            let triggers = (!triggers.is_empty()).then(|| TriggerSet::new(triggers));
            SET.with(|set| set.replace(triggers));
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

/// The triggers to run, in order; in a transaction. A copy, since the triggers
/// themselves may change the catalog.
pub(super) fn to_fire(event: Event, replica: bool) -> PgResult<Vec<Trigger>> {
    if !VALID.get() {
        load(true)?;
    }
    Ok(SET.with(|set| match &*set.borrow() {
        Some(set) => set.to_fire(event, replica).cloned().collect(),
        None => Vec::new(),
    }))
}
