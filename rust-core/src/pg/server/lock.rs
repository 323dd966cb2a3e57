//! A lock in shared memory, for processes that cannot wait for a lock of the server's,
//! and for what is done within microseconds.

use crate::pg::server::backend;
use std::sync::atomic::{
    AtomicBool,
    Ordering::{Acquire, Relaxed, Release},
};

/// How often a process tries to take a lock. A lock is held for microseconds, so it is
/// not free after that only if something is wrong. A logon must not wait for that.
pub(in crate::pg) const TRIES: u32 = 20_000;

/// A lock that one process at a time can hold.
#[derive(Default)]
pub(in crate::pg) struct Lock {
    taken: AtomicBool,
}

/// While it lives, its process has the lock, and receives no signals: a handler could end
/// the process without giving the lock back.
pub(in crate::pg) struct Held<'a> {
    lock: &'a Lock,
    signals: libc::sigset_t,
}

impl Lock {
    /// Takes the lock. Returns `None` if another process keeps it.
    pub(in crate::pg) fn take(&self) -> Option<Held<'_>> {
        let signals = backend::block_signals();
        for _ in 0..TRIES {
            if self
                .taken
                .compare_exchange_weak(false, true, Acquire, Relaxed)
                .is_ok()
            {
                return Some(Held {
                    lock: self,
                    signals,
                });
            }
            std::thread::yield_now();
        }
        backend::restore_signals(&signals);
        None
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.lock.taken.store(false, Release);
        backend::restore_signals(&self.signals);
    }
}
