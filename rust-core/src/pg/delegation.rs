//! Finds out whether a trigger whose owner is not a superuser fires in this session. What
//! decides is in [`crate::domain::delegation`].

use super::server::error::{PgError, PgResult, ask};
use super::server::settings::Text;
use super::server::{guard, sys};
use crate::domain::delegation::{self, Facts, Obstacle, Standing};
use crate::domain::session::triggers::{FunctionId, RoleId};
use std::cell::Cell;
use std::ffi::{CStr, CString, c_char};
use std::ptr;
use std::sync::atomic::AtomicPtr;

/// The role whose members may create triggers (rule N1).
pub(super) static CREATOR_ROLE: Text = Text {
    name: c"session_triggers.creator_role",
    description: c"Sets the role whose members may create logon and logoff event triggers.",
    variable: AtomicPtr::new(ptr::null_mut()),
    context: sys::PGC_SIGHUP,
    check_hook: None,
    assign_hook: Some(sys::sesstrig_assign_creator_role),
};

/// `session_triggers.creator_role`, as the server keeps it; null if it is empty. The string
/// lives until the setting changes.
pub(crate) fn creator_role() -> *const c_char {
    CREATOR_ROLE.as_ptr()
}

thread_local! {
    /// Whether changes of roles make what is known of the triggers invalid.
    static WATCHED: Cell<bool> = const { Cell::new(false) };
}

/// Decides about triggers that are read one after the other, and remembers what it has
/// learned of the session. A transaction must be open.
pub(in crate::pg) struct Judge {
    was_superuser: bool,
    login_is_superuser: Cell<Option<bool>>,
}

impl Judge {
    /// Knows whether the role that logged on was a superuser when the session began.
    pub(in crate::pg) fn new(was_superuser: bool) -> Judge {
        Judge {
            was_superuser,
            login_is_superuser: Cell::new(None),
        }
    }

    /// In which firing of this session a trigger with this owner and function runs.
    pub(in crate::pg) fn standing(
        &self,
        owner: RoleId,
        function: FunctionId,
    ) -> PgResult<Standing> {
        // Most triggers belong to this role.
        if owner == RoleId::BOOTSTRAP {
            return Ok(Standing::Superuser);
        }
        // First, so that no change of what is asked below is missed.
        if !WATCHED.get() {
            watch_roles()?;
            WATCHED.set(true);
        }
        delegation::standing(&Trigger {
            judge: self,
            owner,
            function,
        })
    }
}

/// What keeps a trigger with this owner and function from firing in this session, if
/// anything does. `was_superuser` says whether the role that logged on was a superuser when
/// the session began. A transaction must be open.
///
/// # Errors
/// Returns the server's error if a catalog cannot be read.
pub(crate) fn obstacle(
    owner: RoleId,
    function: FunctionId,
    was_superuser: bool,
) -> PgResult<Option<Obstacle>> {
    Ok(match Judge::new(was_superuser).standing(owner, function)? {
        Standing::Barred(obstacle) => Some(obstacle),
        Standing::Superuser | Standing::Delegated => None,
    })
}

struct Trigger<'a> {
    judge: &'a Judge,
    owner: RoleId,
    function: FunctionId,
}

impl Facts for Trigger<'_> {
    type Error = crate::pg::server::error::PgError;

    fn owner_is_superuser(&self) -> PgResult<bool> {
        // SAFETY: this calls a guard.
        unsafe { ask(|answer| sys::sesstrig_try_role_is_superuser(self.owner.0, answer)) }
    }

    fn creator_role_is_set(&self) -> bool {
        !creator_role().is_null()
    }

    fn login_is_superuser(&self) -> PgResult<bool> {
        if let Some(known) = self.judge.login_is_superuser.get() {
            return Ok(known);
        }
        let answer = self.judge.was_superuser || guard::superuser()?;
        self.judge.login_is_superuser.set(Some(answer));
        Ok(answer)
    }

    fn owner_is_creator(&self) -> PgResult<bool> {
        // SAFETY: this calls a guard.
        unsafe { ask(|answer| sys::sesstrig_try_role_is_creator(self.owner.0, answer)) }
    }

    fn owner_can_become_login(&self) -> PgResult<bool> {
        // SAFETY: this calls a guard.
        unsafe { ask(|answer| sys::sesstrig_try_role_can_become_login(self.owner.0, answer)) }
    }

    fn owner_has_function(&self) -> PgResult<bool> {
        // SAFETY: this calls a guard.
        unsafe {
            ask(|answer| {
                sys::sesstrig_try_role_owns_function(self.owner.0, self.function.0, answer)
            })
        }
    }
}

/// The name of a role. A transaction must be open.
pub(in crate::pg) fn role_name(role: RoleId) -> PgResult<CString> {
    let mut name = sys::NameData { data: [0; 64] };
    // SAFETY: the call writes a terminated string to a local variable.
    unsafe {
        PgError::check(sys::sesstrig_try_role_name(role.0, &mut name))?;
        Ok(CStr::from_ptr(name.data.as_ptr()).to_owned())
    }
}

/// Has the cache of triggers become invalid whenever roles or owners change. The server
/// has room for few such callbacks, so call this only once per process.
fn watch_roles() -> PgResult<()> {
    // SAFETY: the call takes no arguments, and returns errors instead of raising them.
    unsafe { PgError::check(sys::sesstrig_try_watch_roles()) }
}
