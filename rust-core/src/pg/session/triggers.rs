//! The session's cache of the triggers on session events (rule E9). Which of them
//! fire is decided in [`crate::domain::session::triggers`].
//!
//! The cache is filled in the transaction that starts the session, where that costs
//! little, and becomes invalid when pg_event_trigger changes. So a session that has
//! no trigger to fire at logoff can know that without starting a transaction.

use super::current;
use crate::domain::delegation::Standing;
use crate::domain::session::event::Event;
use crate::domain::session::known::Known;
use crate::domain::session::triggers::{
    Definition, Enabled, FunctionId, RoleId, Scope, Trigger, TriggerId, TriggerSet,
};
use crate::pg::delegation::{Judge, role_name};
use crate::pg::server::attached::Attached;
use crate::pg::server::backend;
use crate::pg::server::error::{PgError, PgResult};
use crate::pg::server::sys::{self, SesstrigTriggerRow};
use std::cell::{Cell, RefCell};
use std::ffi::{CStr, c_int};
use std::mem::ManuallyDrop;
use std::ptr;
use std::rc::Rc;

/// Where this process finds the triggers that sessions have read before it.
pub(in crate::pg) static KNOWN: Attached<Known> = Attached::none();

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

/// Notes that a change that could be one of triggers is about to be told to the other sessions.
/// Like [`invalidate`] it may be called at any time: it only changes a number.
pub(crate) fn count_change() {
    if let Some(known) = KNOWN.get() {
        known.count_change();
    }
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

/// Fills the cache for a session that starts, in a transaction that has changed nothing. If the
/// catalog is locked, the cache stays invalid. Where an earlier session has read the triggers,
/// and they are the same for all, the catalog is not read.
pub(super) fn load_first() -> PgResult<()> {
    watch_triggers()?;
    let Some(known) = KNOWN.get() else {
        return load(false).map(drop);
    };
    if let Some(triggers) = known.triggers(backend::database())? {
        VALID.set(true);
        keep(triggers);
        return Ok(());
    }
    let changes = known.changes();
    if load(false)? {
        known.note(backend::database(), changes, &cached());
    }
    Ok(())
}

/// Fills the cache. A transaction must be open. If `may_wait` is false and the catalog is
/// locked, the cache stays invalid. Returns whether it is filled with what every other session
/// of the database would fill it with.
fn load(may_wait: bool) -> PgResult<bool> {
    watch_triggers()?;
    // A change that arrives during the reading marks the cache as invalid again, and
    // the next firing reads anew, as with upstream's event trigger cache.
    VALID.set(true);
    let read = read_triggers(may_wait);
    UNREADABLE.set(read.is_err());
    match read {
        Ok(Some(Read {
            triggers,
            same_for_all,
        })) => {
            keep(triggers);
            Ok(same_for_all)
        }
        Ok(None) => {
            VALID.set(false);
            Ok(false)
        }
        Err(error) => {
            VALID.set(false);
            Err(error)
        }
    }
}

fn keep(triggers: TriggerSet) {
    SET.with(|set| set.replace((!triggers.is_empty()).then(|| Rc::new(triggers))));
}

/// Whether a trigger that was to fire still is. A transaction must be open. This costs
/// little as long as pg_event_trigger does not change, of which the end of each run learns.
pub(super) fn still_fires(trigger: Trigger, replica: bool) -> PgResult<bool> {
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

/// Has [`invalidate`] called whenever pg_event_trigger changes. The server has room for few such
/// callbacks, so this registers only one.
fn watch_triggers() -> PgResult<()> {
    if !WATCHED.get() {
        // SAFETY: the call takes no arguments, and returns errors instead of raising them.
        unsafe { PgError::check(sys::sesstrig_try_watch_triggers())? };
        WATCHED.set(true);
    }
    Ok(())
}

/// What has been read from the catalog.
struct Read {
    triggers: TriggerSet,
    /// Whether all sessions of the database would read the same, until a trigger changes: in
    /// which firing the triggers of some owners run depends on the session, and on roles.
    same_for_all: bool,
}

/// Reads the triggers on session events. A transaction must be open. The result is
/// `None` if `may_wait` is false and the catalog could not be locked at once.
fn read_triggers(may_wait: bool) -> PgResult<Option<Read>> {
    let events = Event::ALL.map(|event| event.name().as_ptr());
    let mut rows: *mut SesstrigTriggerRow = ptr::null_mut();
    let mut nrows = 0;
    let mut complete = false;
    // SAFETY: `events` has that many terminated strings, and the call writes to local
    // variables.
    unsafe {
        PgError::check(sys::sesstrig_try_read_triggers(
            may_wait,
            events.as_ptr(),
            events.len() as c_int,
            &mut rows,
            &mut nrows,
            &mut complete,
        ))?;
    }
    if !complete {
        return Ok(None);
    }
    let rows = match usize::try_from(nrows) {
        // SAFETY: the call has set `rows` to an array of `nrows` elements, which lives
        // as long as the transaction.
        Ok(count) if count > 0 => unsafe { std::slice::from_raw_parts(rows, count) },
        _ => &[],
    };
    // Triggers mostly share a function, and an owner.
    let mut last = None;
    let judge = Judge::new(current::was_superuser());
    let mut set = TriggerSet::try_with_capacity(rows.len())?;
    for row in rows {
        let (owner, function) = (RoleId(row.owner), FunctionId(row.function));
        let standing = match last {
            Some((known, standing)) if known == (owner, function) => standing,
            _ => judge.standing(owner, function)?,
        };
        last = Some(((owner, function), standing));
        if let Some(definition) = decode_row(row, standing) {
            // SAFETY: the server terminates the names in its catalogs.
            let name = unsafe { CStr::from_ptr(row.name.data.as_ptr()) };
            let owner = match standing {
                Standing::Delegated => Some(role_name(owner)?),
                Standing::Superuser | Standing::Barred(_) => None,
            };
            set.add(name, owner.as_deref(), definition)?;
            match standing {
                Standing::Barred(obstacle) if log::log_enabled!(log::Level::Debug) => log::debug!(
                    "event trigger \"{}\" does not fire. {}",
                    name.to_string_lossy(),
                    obstacle.detail().to_string_lossy()
                ),
                _ => {}
            }
        }
    }
    set.sort();
    Ok(Some(Read {
        triggers: set,
        same_for_all: rows
            .iter()
            .all(|row| RoleId(row.owner) == RoleId::BOOTSTRAP),
    }))
}

/// `None` if the trigger's state is unknown.
fn decode_row(row: &SesstrigTriggerRow, standing: Standing) -> Option<Definition> {
    Some(Definition {
        id: TriggerId(row.oid),
        event: *Event::ALL.get(usize::try_from(row.event).ok()?)?,
        function: FunctionId(row.function),
        enabled: Enabled::from_catalog(row.enabled as u8)?,
        standing,
    })
}
