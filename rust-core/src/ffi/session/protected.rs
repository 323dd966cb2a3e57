//! Lets `shim/session/protected.c` read the list of protected settings (rule K1).

use crate::domain::session::protected;
use crate::ffi::server::boundary::answer;
use crate::ffi::server::list::{SesstrigListFault, check_list};
use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;
use std::ptr;

/// Whether a value of `session_triggers.protected_settings` can be set; otherwise sets `fault`.
///
/// # Safety
/// `value` must point to a terminated string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_protected_check_list(
    value: *const c_char,
    fault: &mut MaybeUninit<SesstrigListFault>,
) -> bool {
    // SAFETY: the caller promises that it is terminated.
    unsafe { check_list(value, fault, protected::check) }
}

/// The next name in a list that has passed the check, which is not terminated, or null. `place`
/// is 0 before the first call.
///
/// # Safety
/// `list` must point to a terminated string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_protected_next(
    list: *const c_char,
    place: &mut usize,
    length: &mut MaybeUninit<usize>,
) -> *const c_char {
    answer(ptr::null(), || {
        // SAFETY: the caller promises that it is terminated.
        let list = unsafe { CStr::from_ptr(list) }.to_bytes();
        let Some((name, after)) = protected::next(list, *place) else {
            return ptr::null();
        };
        *place = after;
        length.write(name.len());
        name.as_ptr().cast()
    })
}
