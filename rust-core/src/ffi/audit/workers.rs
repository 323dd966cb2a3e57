//! The exports through which `shim/audit/worker.c` sets up the memory that the server's processes
//! share, and runs the workers of the session audit (rules A1 and A7).

use crate::ffi::server::boundary::{answer, boundary};
use crate::pg::ErrorData;
use crate::pg::audit::keeper::{self, Start};
use crate::pg::audit::settings::is_on;
use crate::pg::audit::writer;
use crate::pg::session::lifecycle;
use crate::pg::shared;
use std::ffi::c_void;
use std::mem::MaybeUninit;

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

/// Whether there is a session audit, and so a writer.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_audit_is_on() -> bool {
    answer(false, is_on)
}

/// Does the work of the writer. Sets `code` to the exit code of its process.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_writer_run(code: &mut MaybeUninit<i32>) -> *mut ErrorData {
    boundary(|| {
        code.write(writer::run()?);
        Ok(())
    })
}

/// Notes that the process of the writer is about to end.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_writer_left() {
    answer((), writer::left);
}

/// Does the work of the keeper.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_keeper_run() -> *mut ErrorData {
    boundary(keeper::run)
}

/// Has the keeper come soon, for what this session has just committed.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_keeper_want() {
    answer((), keeper::want);
}

/// Notes that this process sends its client away by an error of level FATAL (rule A8).
/// The process is about to exit.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_refusal_note() {
    answer((), lifecycle::note_refusal);
}
