//! Where a subject finds its part of the memory that all processes of the server share. Who
//! lays that memory out is `shared.rs`.

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

/// A part of the shared memory, once this process knows where it is.
pub(in crate::pg) struct Attached<T: 'static>(AtomicPtr<T>);

impl<T: Sync> Attached<T> {
    /// Nowhere yet.
    pub(in crate::pg) const fn none() -> Attached<T> {
        Attached(AtomicPtr::new(ptr::null_mut()))
    }

    /// Notes where it is.
    ///
    /// # Safety
    /// It must be initialized there, and valid as long as the process.
    pub(in crate::pg) unsafe fn attach(&self, place: *mut T) {
        self.0.store(place, Relaxed);
    }

    /// The part, if the server has shared memory: a standalone process may have none.
    pub(in crate::pg) fn get(&self) -> Option<&'static T> {
        // SAFETY: the pointer is null or was given to `attach`, whose caller has promised
        // that it is initialized and lives as long as the process; and it can be shared.
        unsafe { self.0.load(Relaxed).as_ref() }
    }
}
