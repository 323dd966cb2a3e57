//! The exports through which `shim/keeper.c` sets up the memory that the server's processes
//! share, and runs the workers of the session audit (rule A6).

use super::boundary::{SesstrigStatus, answer, boundary};
use crate::pg::ErrorData;
use crate::pg::keeper::{self, Shared, Start};
use std::ffi::c_void;

/// How many bytes of shared memory the core needs.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_shared_size() -> usize {
    size_of::<Shared>()
}

/// Uses this shared memory, which is initialized here if it is fresh. `clean` says whether
/// the server's last sessions had ended in order when it was started, and `recovery`
/// whether it starts in recovery.
///
/// # Safety
/// `memory` must have `sesstrig_shared_size()` bytes, be aligned for any type, and be
/// shared by all processes and valid as long as this one. If it is not fresh, this
/// function has been called on it before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_shared_attach(
    memory: *mut c_void,
    fresh: bool,
    clean: bool,
    recovery: bool,
) {
    let start = fresh.then_some(Start { clean, recovery });
    // SAFETY: the caller promises what `attach` asks for.
    answer((), || unsafe { keeper::attach(memory, start) });
}

/// Does the work of a worker: the keeper's in a database, or the launcher's if that is 0.
///
/// # Safety
/// `error` must point to a writable pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_keeper_run(
    database: u32,
    error: *mut *mut ErrorData,
) -> SesstrigStatus {
    // SAFETY: the caller promises that `error` is writable.
    unsafe { boundary(error, || keeper::run((database != 0).then_some(database))) }
}
