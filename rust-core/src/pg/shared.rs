//! The memory that all processes of the server share. It is made anew when the server is
//! started, and when it starts again after the crash of a process.

use super::keeper::Passes;
use super::launcher::Launcher;
use super::refusals::Queue;
use super::settings;
use super::stat::{Place, Stats};
use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

/// What the processes share. Behind it are the places for the counters of triggers, whose
/// number is a setting.
pub(crate) struct Shared {
    pub(super) launcher: Launcher,
    pub(super) passes: Passes,
    pub(super) refusals: Queue,
    pub(super) stats: Stats,
}

/// Where the places begin.
const PLACES_AT: usize = size_of::<Shared>().next_multiple_of(align_of::<Place>());

/// How many bytes this is, with the places.
pub(crate) fn size() -> usize {
    PLACES_AT + settings::stat_max() * size_of::<Place>()
}

static SHARED: AtomicPtr<Shared> = AtomicPtr::new(ptr::null_mut());

/// How the server ended before it was started.
#[derive(Clone, Copy)]
pub(crate) struct Start {
    /// Whether it was shut down in order, so that each session had time for its logoff.
    pub(crate) clean: bool,
    /// Whether it starts in recovery, as a standby does.
    pub(crate) recovery: bool,
}

/// Uses the shared memory at `memory`. If it is fresh, `start` says how the server was
/// started.
///
/// # Safety
/// `memory` must have [`size`] bytes, be aligned to 64 of them, and be shared by all
/// processes of the server. It must be valid as long as the process, and, unless it is
/// fresh, initialized.
pub(crate) unsafe fn attach(memory: *mut c_void, fresh: Option<Start>) {
    let memory = memory.cast::<Shared>();
    if let Some(start) = fresh {
        // SAFETY: the caller promises that there is room, and no other process uses it
        // before this has returned.
        unsafe {
            (&raw mut (*memory).launcher).write(Launcher::default());
            (&raw mut (*memory).passes).write(Passes::new(start));
            Queue::initialize(&raw mut (*memory).refusals);
            (&raw mut (*memory).stats).write(Stats::new(settings::stat_max()));
        }
    }
    // SAFETY: the caller promises that there is room for what `size` counts, and all is
    // initialized now but the places.
    unsafe {
        let places = memory.byte_add(PLACES_AT).cast();
        (*memory).stats.attach(places, fresh.is_some());
    }
    SHARED.store(memory, Relaxed);
}

/// The memory, if the server has any: a standalone process may have none.
pub(super) fn get() -> Option<&'static Shared> {
    // SAFETY: the pointer is null or was given to `attach`, which has initialized all
    // members, and each of them can be shared.
    unsafe { SHARED.load(Relaxed).as_ref() }
}
