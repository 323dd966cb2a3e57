//! The exports through which `shim/audit/worker.c` sets up the memory that the server's processes
//! share, and runs the workers of the session audit (rules A6 and A7).

use crate::ffi::server::boundary::{answer, boundary};
use crate::pg::ErrorData;
use crate::pg::audit::keeper::Start;
use crate::pg::audit::launcher;
use crate::pg::audit::refusals;
use crate::pg::audit::worker::Task;
use crate::pg::session::{current, settings};
use crate::pg::shared;
use std::ffi::c_void;

/// How many bytes of shared memory the core needs.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_shared_size() -> usize {
    shared::size()
}

/// Uses this shared memory, which is initialized here if it is fresh. `clean` says whether
/// the server's last sessions had ended in order when it was started, and `recovery`
/// whether it starts in recovery.
///
/// # Safety
/// `memory` must have `sesstrig_shared_size()` bytes, be aligned to 64 of them, and be
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
    answer((), || unsafe { shared::attach(memory, start) });
}

/// Does the work of a worker: the launcher's if `database` is 0, and otherwise, in that
/// database, what there is to do about refused logons, or else the keeper's.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_worker_run(database: u32, refusals: bool) -> *mut ErrorData {
    let task = match database {
        0 => Task::Launch,
        _ if refusals => Task::Write(database),
        _ => Task::Keep(database),
    };
    boundary(|| launcher::run(task))
}

/// Notes that this process sends its client away by an error of level FATAL (rule A7).
/// The process is about to exit.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_refusal_note() {
    answer((), || {
        if current::is_starting() && settings::enabled() {
            refusals::note(current::auth_method());
        }
    });
}

/// How many different refused logons wait for being written.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_refusals_waiting() -> i32 {
    answer(0, || i32::try_from(refusals::waiting()).unwrap_or(i32::MAX))
}

/// How many refused logons have not been recorded since the server was started.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_refusals_dropped() -> i64 {
    answer(0, || i64::try_from(refusals::dropped()).unwrap_or(i64::MAX))
}
