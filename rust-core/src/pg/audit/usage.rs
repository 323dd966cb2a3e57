//! What a session has used, for the record of its end.

use crate::domain::audit::record::Usage;
use crate::pg::server::sys;

/// What this process has used so far.
pub(in crate::pg) fn usage() -> Usage {
    let (buffers, wal) = (&raw const sys::pgBufferUsage, &raw const sys::pgWalUsage);
    // SAFETY: these are plain variables, and this process has only one thread.
    let (buffers, wal) = unsafe { (buffers.read(), wal.read()) };
    Usage {
        cpu: processor_time(),
        blocks_hit: buffers.shared_blks_hit + buffers.local_blks_hit,
        blocks_read: buffers.shared_blks_read + buffers.local_blks_read,
        blocks_written: buffers.shared_blks_written + buffers.local_blks_written,
        temp_blocks: buffers.temp_blks_read + buffers.temp_blks_written,
        wal_bytes: wal.wal_bytes as i64,
    }
}

/// The processor time of this process, user's and system's, in microseconds.
fn processor_time() -> i64 {
    // SAFETY: the call writes to a local variable, for which zero is valid, and cannot fail
    // for the process itself.
    let used = unsafe {
        let mut used: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut used);
        used
    };
    let microseconds = |time: libc::timeval| time.tv_sec * 1_000_000 + time.tv_usec;
    microseconds(used.ru_utime) + microseconds(used.ru_stime)
}
