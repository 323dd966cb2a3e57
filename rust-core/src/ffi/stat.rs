//! The exports through which `shim/stat.c` shows statistics (rule T1).

use crate::domain::session::triggers::TriggerId;
use crate::ffi::server::boundary::answer;
use crate::pg::stat;
use std::ffi::c_char;
use std::mem::MaybeUninit;

/// The counters of a trigger. Times are in milliseconds.
#[repr(C)]
pub struct SesstrigCounters {
    /// The OID of the trigger's database.
    pub database: u32,
    /// The trigger's OID.
    pub trigger: u32,
    /// Its name when it last fired, in the encoding of its database.
    pub name: [c_char; 64],
    /// The name of its event, a constant.
    pub event: *const c_char,
    /// How often it has run.
    pub fired: i64,
    /// How many of these runs have failed.
    pub failed: i64,
    /// How many of these have reached the time limit.
    pub timed_out: i64,
    /// The time of all runs.
    pub total_time: f64,
    /// The time of the shortest one.
    pub min_time: f64,
    /// The time of the longest one.
    pub max_time: f64,
    /// When it last failed, in microseconds since 2000, if it has.
    pub last_failure_at: i64,
    /// The error's SQLSTATE, as the server encodes it.
    pub last_failure: i32,
}

/// How many slots for counters there are.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_stat_slots() -> i32 {
    answer(0, || i32::try_from(stat::slots()).unwrap_or(i32::MAX))
}

/// Sets `counters` to those in a slot; false if no trigger has it.
///
/// # Safety
/// `counters` must point to a writable struct.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_stat_read(
    slot: i32,
    counters: &mut MaybeUninit<SesstrigCounters>,
) -> bool {
    let read = answer(None, || {
        stat::read(usize::try_from(slot).ok()?).map(convert)
    });
    let Some(read) = read else {
        return false;
    };
    counters.write(read);
    true
}

fn convert(read: stat::Counters) -> SesstrigCounters {
    let bytes = read.name.map(u64::to_ne_bytes);
    let mut name = [0; 64];
    for (to, from) in name.iter_mut().zip(bytes.as_flattened()) {
        *to = *from as c_char;
    }
    let milliseconds = |nanoseconds: u64| nanoseconds as f64 / 1e6;
    let (last_failure_at, last_failure) = read.last_failure.unwrap_or_default();
    SesstrigCounters {
        database: read.key.database(),
        trigger: read.key.trigger().0,
        name,
        event: read.event.name().as_ptr(),
        fired: read.fired as i64,
        failed: read.failed as i64,
        timed_out: read.timed_out as i64,
        total_time: milliseconds(read.total),
        min_time: milliseconds(read.min),
        max_time: milliseconds(read.max),
        last_failure_at,
        last_failure,
    }
}

/// What has been counted for the whole server, by its number in the order of `Tally`; 0 if
/// there is no such count.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_stat_tally(number: i32) -> i64 {
    answer(None, || stat::tally(usize::try_from(number).ok()?)).unwrap_or(0) as i64
}

/// Since when that is counted, in microseconds since 2000.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_stat_since() -> i64 {
    answer(None, stat::since).unwrap_or(0)
}

/// Forgets all that has been counted.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_stat_reset() {
    answer((), stat::reset);
}

/// Forgets the counters of a trigger, or of all triggers of a database if `trigger` is 0.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_stat_forget(database: u32, trigger: u32) {
    answer((), || {
        stat::forget(|key| {
            key.database() == database && (trigger == 0 || key.trigger() == TriggerId(trigger))
        });
    });
}
