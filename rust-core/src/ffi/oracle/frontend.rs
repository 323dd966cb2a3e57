//! The functions that psql's lexer calls; `include/sesstrig_frontend.h` declares them.
//! They belong to the feature `frontend` and do not need the server. No panic is
//! caught: it would abort psql, as a failed assertion would.

use crate::domain::oracle::Scan;
use std::ffi::{c_char, c_int};
use std::mem::{align_of, size_of};
use std::slice;

/// The lexer's memory for a [`Scan`]. The declaration must agree with the one in
/// `include/sesstrig_frontend.h`.
#[repr(C)]
pub struct SesstrigScan {
    opaque: [u64; 258],
}

const _: () = assert!(size_of::<Scan>() <= size_of::<SesstrigScan>());
const _: () = assert!(align_of::<Scan>() <= align_of::<SesstrigScan>());

/// Initializes the state of a lexer that has read nothing.
///
/// # Safety
/// `scan` must point to a writable `SesstrigScan`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_scan_start(scan: *mut SesstrigScan) {
    // SAFETY: the caller promises that `scan` is writable, and the assertions above
    // show that it is large enough and aligned for a `Scan`.
    unsafe { scan.cast::<Scan>().write(Scan::new()) };
}

/// The state in a lexer's memory.
///
/// # Safety
/// `scan` must have been started, and must not be used otherwise as long as the
/// result is in use.
unsafe fn started<'a>(scan: *mut SesstrigScan) -> &'a mut Scan {
    // SAFETY: the caller promises that `scan` holds a `Scan` that nobody else uses.
    unsafe { &mut *scan.cast::<Scan>() }
}

/// Takes a piece of text that the lexer matched outside of quotes and comments, and
/// returns whether the statement is known to be a routine.
///
/// # Safety
/// `scan` must have been started, and `text` must point to `length` readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_scan_take(
    scan: *mut SesstrigScan,
    text: *const c_char,
    length: c_int,
) -> bool {
    // SAFETY: the caller promises that `scan` was started and that `text` points to
    // `length` bytes.
    unsafe {
        let scan = started(scan);
        scan.take(slice::from_raw_parts(
            text.cast(),
            usize::try_from(length).unwrap_or(0),
        ));
        scan.is_routine()
    }
}

/// Whether the statement goes on after a semicolon.
///
/// # Safety
/// `scan` must have been started.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_scan_is_open(scan: *mut SesstrigScan) -> bool {
    // SAFETY: the caller promises that `scan` was started.
    unsafe { started(scan).is_open() }
}

/// Notes that a semicolon has ended the statement.
///
/// # Safety
/// `scan` must have been started.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_scan_end(scan: *mut SesstrigScan) {
    // SAFETY: the caller promises that `scan` was started.
    unsafe { started(scan).end() }
}

/// Notes that the query buffer was discarded or sent.
///
/// # Safety
/// `scan` must have been started.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_scan_reset(scan: *mut SesstrigScan) {
    // SAFETY: the caller promises that `scan` was started.
    unsafe { started(scan).reset() }
}

/// Rewrites a line that consists of a slash alone, if it belongs to a routine.
///
/// # Safety
/// `scan` must have been started, and `line` must point to `length` bytes that are
/// initialized and writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_scan_slash_line(
    scan: *mut SesstrigScan,
    line: *mut c_char,
    length: usize,
) {
    // SAFETY: the caller promises that `scan` was started and that `line` points to
    // `length` writable bytes.
    unsafe { started(scan).slash_line(slice::from_raw_parts_mut(line.cast(), length)) }
}
