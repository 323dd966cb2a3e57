//! Finds out whether a trigger whose owner is not a superuser fires in this session. What
//! decides is in [`crate::domain::session::delegation`].

use super::error::PgResult;
use super::{guard, session, settings};
use crate::domain::session::delegation::{self, Facts, Obstacle, Standing};
use crate::domain::session::trigger::{FunctionId, RoleId};
use std::cell::Cell;

thread_local! {
    /// Whether changes of roles make what is known of the triggers invalid.
    static WATCHED: Cell<bool> = const { Cell::new(false) };
}

/// Decides about triggers that are read one after the other, and remembers what it has
/// learned of the session. A transaction must be open.
#[derive(Default)]
pub(super) struct Judge {
    login_is_superuser: Cell<Option<bool>>,
}

impl Judge {
    /// In which firing of this session a trigger with this owner and function runs.
    pub(super) fn standing(&self, owner: RoleId, function: FunctionId) -> PgResult<Standing> {
        // Most triggers belong to this role.
        if owner == RoleId::BOOTSTRAP {
            return Ok(Standing::Superuser);
        }
        // First, so that no change of what is asked below is missed.
        if !WATCHED.get() {
            guard::watch_roles()?;
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
/// anything does. A transaction must be open.
///
/// # Errors
/// Returns the server's error if a catalog cannot be read.
pub(crate) fn obstacle(owner: RoleId, function: FunctionId) -> PgResult<Option<Obstacle>> {
    Ok(match Judge::default().standing(owner, function)? {
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
    type Error = super::error::PgError;

    fn owner_is_superuser(&self) -> PgResult<bool> {
        guard::role_is_superuser(self.owner)
    }

    fn creator_role_is_set(&self) -> bool {
        settings::creator_role_is_set()
    }

    fn login_is_superuser(&self) -> PgResult<bool> {
        if let Some(known) = self.judge.login_is_superuser.get() {
            return Ok(known);
        }
        let answer = session::current().is_none_or(|session| session.superuser_at_start)
            || guard::superuser()?;
        self.judge.login_is_superuser.set(Some(answer));
        Ok(answer)
    }

    fn owner_is_creator(&self) -> PgResult<bool> {
        guard::role_is_creator(self.owner)
    }

    fn owner_can_become_login(&self) -> PgResult<bool> {
        guard::role_can_become_login(self.owner)
    }

    fn owner_has_function(&self) -> PgResult<bool> {
        guard::role_owns_function(self.owner, self.function)
    }
}
