//! The layout of the memory that all processes of the server share. It is made anew when the
//! server is started, and when it starts again after the crash of a process. Each subject
//! has its part, and finds it by itself; see [`Attached`].
//!
//! [`Attached`]: super::server::attached::Attached

use super::audit::keeper::{self, Passes, Start};
use super::audit::pool::{self, POOL, Pool};
use super::audit::refusals::{self, Queue};
use super::session::triggers::KNOWN;
use super::stat::{self, Slot, Stats};
use crate::domain::session::known::Known;
use std::ffi::c_void;

/// What the processes share. Behind it are the slots for the counters of triggers, and the
/// pool of records, whose sizes depend on settings.
struct Shared {
    passes: Passes,
    refusals: Queue,
    stats: Stats,
    known: Known,
}

/// Where the slots begin.
const SLOTS_AT: usize = size_of::<Shared>().next_multiple_of(align_of::<Slot>());

/// Where the pool of the audit's records begins.
fn pool_at() -> usize {
    (SLOTS_AT + stat::stat_max() * size_of::<Slot>()).next_multiple_of(align_of::<Pool>())
}

/// How many bytes this is, with the slots and the pool.
pub(crate) fn size() -> usize {
    pool_at() + pool::size()
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
    // SAFETY: the caller promises that there is room, and that nobody else uses what is
    // fresh before this has returned. So all is initialized before it is attached.
    unsafe {
        let slots = memory.byte_add(SLOTS_AT).cast();
        let pool = memory.byte_add(pool_at()).cast::<Pool>();
        if let Some(start) = fresh {
            Pool::initialize(pool, start.recovery);
            (&raw mut (*memory).passes).write(Passes::new(start));
            Queue::initialize(&raw mut (*memory).refusals);
            (&raw mut (*memory).stats).write(Stats::new(stat::stat_max()));
            (&raw mut (*memory).known).write(Known::default());
        }
        POOL.attach(pool);
        keeper::PASSES.attach(&raw mut (*memory).passes);
        refusals::QUEUE.attach(&raw mut (*memory).refusals);
        stat::STATS.attach(&raw mut (*memory).stats);
        KNOWN.attach(&raw mut (*memory).known);
        (*memory).stats.attach(slots, fresh.is_some());
    }
}
