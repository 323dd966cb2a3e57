//! The functions that `shim/delegation.c` and `shim/session/trial.c` call for delegated triggers
//! (rules N2 and N3).

use crate::domain::delegation::{Ownership, Transfer, ownership};
use crate::domain::session::triggers::{FunctionId, RoleId};
use crate::ffi::server::boundary::{answer, boundary};
use crate::pg::session::{current, lifecycle};
use crate::pg::{ErrorData, delegation};
use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;
use std::ptr;

/// Fires the delegated logon triggers, after those of superusers and in a transaction of
/// their own. An error must end the session.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_delegation_fire() -> *mut ErrorData {
    boundary(lifecycle::delegated_logon)
}

/// Sets `detail` to a sentence that says why a trigger with this owner and function does not
/// fire in this session; to null if nothing keeps it from firing. A transaction must be open.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_delegation_obstacle(
    owner: u32,
    function: u32,
    detail: &mut MaybeUninit<*const c_char>,
) -> *mut ErrorData {
    let ask = || {
        let obstacle = delegation::obstacle(
            RoleId(owner),
            FunctionId(function),
            current::was_superuser(),
        )?;
        let text = obstacle.map_or(ptr::null(), |obstacle| CStr::as_ptr(obstacle.detail()));
        detail.write(text);
        Ok(())
    };
    boundary(ask)
}

/// The name of the role whose members may create triggers; null if there is none. It is valid
/// until the setting changes.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_creator_role() -> *const c_char {
    answer(ptr::null(), delegation::creator_role)
}

/// What comes of giving a trigger to another owner.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SesstrigOwnership {
    /// The new owner may not own it.
    Refused,
    /// The new owner has it.
    Given,
    /// The new owner has it, but it will not fire.
    Barred,
    /// The new owner has it, and it must be disabled.
    Disabled,
}

/// Decides what comes of giving a trigger on a session event to another owner (rule N4).
/// `restored` says whether this is what the restore of a dump does.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_delegation_ownership(
    to_superuser: bool,
    to_creator: bool,
    from_superuser: bool,
    enabled: bool,
    restored: bool,
) -> SesstrigOwnership {
    answer(SesstrigOwnership::Refused, || {
        match ownership(&Transfer {
            to_superuser,
            to_creator,
            from_superuser,
            enabled,
            restored,
        }) {
            Ownership::Refused => SesstrigOwnership::Refused,
            Ownership::Given => SesstrigOwnership::Given,
            Ownership::Barred => SesstrigOwnership::Barred,
            Ownership::Disabled => SesstrigOwnership::Disabled,
        }
    })
}
