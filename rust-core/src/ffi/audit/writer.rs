//! The exports through which `shim/audit/writer.c` runs the writer of the session audit (rules
//! A1 to A6).

use crate::ffi::server::boundary::{answer, boundary};
use crate::pg::ErrorData;
use crate::pg::audit::{settings, writer};
use std::mem::MaybeUninit;

/// Whether there is a session audit, and so a writer.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_writer_is_wanted() -> bool {
    answer(false, settings::is_on)
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
