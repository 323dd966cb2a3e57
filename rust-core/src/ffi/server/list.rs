//! What the check hook of a setting that is a list says of a wrong item.

use crate::domain::list::{Explain, Fault};
use crate::ffi::server::boundary::answer;
use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;

/// What is wrong with a list.
#[repr(C)]
pub struct SesstrigListFault {
    /// How many bytes are before the wrong item.
    pub offset: usize,
    /// How long the item is.
    pub length: usize,
    /// Why it is wrong, without a period.
    pub reason: *const c_char,
}

/// Whether a value passes this check; otherwise sets `fault`.
///
/// # Safety
/// `value` must point to a terminated string.
pub(in crate::ffi) unsafe fn check_list<R: Explain>(
    value: *const c_char,
    fault: &mut MaybeUninit<SesstrigListFault>,
    check: impl FnOnce(&[u8]) -> Result<(), Fault<'_, R>>,
) -> bool {
    fault.write(SesstrigListFault {
        offset: 0,
        length: 0,
        reason: c"the list could not be read".as_ptr(),
    });
    answer(false, || {
        // SAFETY: the caller promises that it is terminated.
        let value = unsafe { CStr::from_ptr(value) }.to_bytes();
        let Err(found) = check(value) else {
            return true;
        };
        fault.write(SesstrigListFault {
            offset: found.offset,
            length: found.item.len(),
            reason: found.reason.text().as_ptr(),
        });
        false
    })
}
