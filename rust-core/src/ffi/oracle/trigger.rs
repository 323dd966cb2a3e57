//! The functions that `shim/oracle/trigger.c` calls for what Oracle's CREATE TRIGGER makes, and
//! for procedures that session triggers run (rules D8 and D9).

use crate::domain::oracle::text;
use crate::domain::session::event;
use crate::ffi::server::boundary::answer;
use std::ffi::{CStr, c_char};
use std::slice;

/// Whether functions and procedures in that language can be run by an event trigger.
///
/// # Safety
/// `language` must point to a terminated string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_language_is_supported(language: *const c_char) -> bool {
    answer(false, || {
        // SAFETY: the caller promises that `language` is terminated.
        event::runs_language(unsafe { CStr::from_ptr(language) })
    })
}

/// Writes the source of the function behind a trigger to `buffer`, without a terminator,
/// if it fits into `capacity` bytes. Returns its length in any case.
///
/// `block` is the trigger's text. `role`, a string constant in SQL, and `condition`, an
/// expression in parentheses, can be null.
///
/// # Safety
/// `role`, `condition` and `block` must point to terminated strings, unless they are
/// null, as the first two can be. `buffer` must point to `capacity` writable bytes; it
/// can be null if `capacity` is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_trigger_source(
    role: *const c_char,
    condition: *const c_char,
    block: *const c_char,
    buffer: *mut c_char,
    capacity: usize,
) -> usize {
    answer(0, || {
        let text = |text: *const c_char| {
            // SAFETY: the caller promises that a string which is not null is terminated.
            (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_bytes())
        };
        let block = text(block).unwrap_or_default();
        let source = text::trigger_source(text(role), text(condition), block).concat();
        if !buffer.is_null() && source.len() <= capacity {
            // SAFETY: the caller promises that `buffer` has `capacity` writable bytes,
            // which is enough, and nobody else uses them during the call.
            let buffer = unsafe { slice::from_raw_parts_mut(buffer.cast::<u8>(), capacity) };
            buffer[..source.len()].copy_from_slice(&source);
        }
        source.len()
    })
}

/// Whether a function with this source was made by CREATE TRIGGER.
///
/// # Safety
/// `source` must point to a terminated string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_source_is_trigger(source: *const c_char) -> bool {
    answer(false, || {
        // SAFETY: the caller promises that `source` is terminated.
        let source = unsafe { CStr::from_ptr(source) };
        text::is_trigger_source(source.to_bytes())
    })
}
