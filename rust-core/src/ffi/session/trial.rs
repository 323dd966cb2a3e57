//! The export through which `shim/session/trial.c` tries a trigger.

use crate::domain::session::event::Event;
use crate::ffi::server::boundary::boundary;
use crate::pg::ErrorData;
use crate::pg::session::trial;
use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;

/// Prepares this transaction for a trial of a trigger on the event of that name, and sets
/// `tag` to the event's `CommandTag`.
///
/// # Safety
/// `event` must point to a terminated string, and `tag`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_trial_begin(
    event: *const c_char,
    tag: &mut MaybeUninit<u32>,
) -> *mut ErrorData {
    let begin = || {
        // SAFETY: the caller promises that `event` is terminated.
        if let Some(event) = Event::from_name(unsafe { CStr::from_ptr(event) }) {
            tag.write(trial::begin(event)?);
        }
        Ok(())
    };
    boundary(begin)
}
