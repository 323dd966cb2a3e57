//! What psql's lexer calls: the feature `frontend`, which knows no server. A
//! panic here ends the program, as an assertion of its own would.

use crate::domain::oracle::Scan;
use std::ffi::{c_char, c_int};
use std::mem::{align_of, size_of};
use std::slice;

/// The lexer's memory for a [`Scan`]; as in `include/sesstrig_frontend.h`.
#[repr(C)]
pub struct SesstrigScan {
    opaque: [u64; 258],
}

const _: () = assert!(size_of::<Scan>() <= size_of::<SesstrigScan>());
const _: () = assert!(align_of::<Scan>() <= align_of::<SesstrigScan>());

/// Makes a lexer's memory one that has read nothing.
///
/// # Safety
/// `scan` may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_scan_start(scan: *mut SesstrigScan) {
    // SAFETY: the caller's promise, and the sizes compared above.
    unsafe { scan.cast::<Scan>().write(Scan::new()) };
}

/// # Safety
/// `scan` was started, and nobody else uses it for as long as the result does.
unsafe fn started<'a>(scan: *mut SesstrigScan) -> &'a mut Scan {
    // SAFETY: the caller's promise.
    unsafe { &mut *scan.cast::<Scan>() }
}

/// Takes what the lexer matched outside of quotes and comments. Says whether
/// the statement is a routine in the form of section D.
///
/// # Safety
/// `scan` was started; `text` points to `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_scan_take(
    scan: *mut SesstrigScan,
    text: *const c_char,
    length: c_int,
) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        let scan = started(scan);
        scan.take(slice::from_raw_parts(
            text.cast(),
            usize::try_from(length).unwrap_or(0),
        ));
        scan.is_routine()
    }
}

/// Whether the statement goes on behind a semicolon.
///
/// # Safety
/// `scan` was started.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_scan_is_open(scan: *mut SesstrigScan) -> bool {
    // SAFETY: the caller's promise.
    unsafe { started(scan).is_open() }
}

/// The lexer took a semicolon for the end of the statement.
///
/// # Safety
/// `scan` was started.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_scan_end(scan: *mut SesstrigScan) {
    // SAFETY: the caller's promise.
    unsafe { started(scan).end() }
}

/// The query buffer was thrown away or sent.
///
/// # Safety
/// `scan` was started.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_scan_reset(scan: *mut SesstrigScan) {
    // SAFETY: the caller's promise.
    unsafe { started(scan).reset() }
}

/// Changes a line that has only a slash, where that belongs to a routine.
///
/// # Safety
/// `scan` was started; `line` points to `length` bytes that may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_scan_slash_line(
    scan: *mut SesstrigScan,
    line: *mut c_char,
    length: usize,
) {
    // SAFETY: the caller's promise.
    unsafe { started(scan).slash_line(slice::from_raw_parts_mut(line.cast(), length)) }
}
