//! What a session has used, for the record of its end.

use crate::pg::server::sys;

/// What this process has used so far, or since some time.
#[derive(Clone, Copy)]
pub(in crate::pg) struct Usage {
    /// Processor time, in microseconds.
    pub(in crate::pg) cpu: i64,
    /// Blocks found in the buffers.
    pub(in crate::pg) blocks_hit: i64,
    /// Blocks read.
    pub(in crate::pg) blocks_read: i64,
    /// Blocks written.
    pub(in crate::pg) blocks_written: i64,
    /// Blocks of temporary files, read or written.
    pub(in crate::pg) temp_blocks: i64,
    /// Bytes of WAL.
    pub(in crate::pg) wal_bytes: i64,
}

impl Usage {
    /// Of a process that has just started.
    pub(in crate::pg) const NONE: Usage = Usage {
        cpu: 0,
        blocks_hit: 0,
        blocks_read: 0,
        blocks_written: 0,
        temp_blocks: 0,
        wal_bytes: 0,
    };

    /// What was used since then.
    pub(in crate::pg) fn since(self, then: Usage) -> Usage {
        Usage {
            cpu: self.cpu - then.cpu,
            blocks_hit: self.blocks_hit - then.blocks_hit,
            blocks_read: self.blocks_read - then.blocks_read,
            blocks_written: self.blocks_written - then.blocks_written,
            temp_blocks: self.temp_blocks - then.temp_blocks,
            wal_bytes: self.wal_bytes - then.wal_bytes,
        }
    }
}

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
