//! The server's variables that describe this process and its client. Nothing here
//! calls a function that can raise, or changes anything.

use crate::pg::server::sys;
use std::ffi::{CStr, CString, c_char, c_void};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether this process serves a client's session, the only kind in which events
/// fire (rule E7). That excludes walsenders, background processes and single-user
/// mode, and also a server that pg_upgrade has started, because pg_upgrade could
/// overwrite what a trigger writes there.
pub(in crate::pg) fn is_client() -> bool {
    // SAFETY: these are plain variables, and this process has only one thread.
    unsafe {
        sys::IsUnderPostmaster
            && !sys::IsBinaryUpgrade
            && sys::MyBackendType == sys::B_BACKEND
            && !sys::am_walsender
            && !sys::MyProcPort.is_null()
    }
}

/// Whether this process belongs to a server that serves clients, and is not standalone nor one
/// that pg_upgrade has started.
pub(in crate::pg) fn is_in_service() -> bool {
    // SAFETY: these are plain variables, and this process has only one thread.
    unsafe { sys::IsUnderPostmaster && !sys::IsBinaryUpgrade }
}

/// Whether this process serves a replication connection.
pub(in crate::pg) fn is_replication() -> bool {
    // SAFETY: these are plain variables, and this process has only one thread.
    unsafe { sys::IsUnderPostmaster && !sys::IsBinaryUpgrade && sys::am_walsender }
}

/// Whether this process has a client of its own, whatever it does for the client, and
/// also while it does not know yet who that is.
pub(in crate::pg) fn has_client() -> bool {
    // SAFETY: these are plain variables, and this process has only one thread.
    unsafe { sys::IsUnderPostmaster && !sys::IsBinaryUpgrade && !sys::MyProcPort.is_null() }
}

/// Whether a transaction is open, or has failed and has not been rolled back.
pub(in crate::pg) fn in_transaction() -> bool {
    // SAFETY: the function only reads variables, so it cannot raise.
    unsafe { sys::IsTransactionOrTransactionBlock() }
}

/// Sets whether what runs from now on may use what the client has proved who it is with to
/// log on to other servers.
pub(in crate::pg) fn lend_credentials(lend: bool) {
    // SAFETY: the function only sets variables, so it cannot raise.
    unsafe { sys::sesstrig_lend_credentials(lend) }
}

/// Whether `session_replication_role` is `replica`.
pub(in crate::pg) fn is_replica() -> bool {
    // SAFETY: this is a plain variable, and this process has only one thread.
    unsafe { sys::SessionReplicationRole == sys::SESSION_REPLICATION_ROLE_REPLICA as i32 }
}

/// The value of the `event_triggers` setting, or true on majors that lack it.
pub(in crate::pg) fn event_triggers_on() -> bool {
    // SAFETY: the function only reads a variable, so it cannot raise.
    unsafe { sys::sesstrig_event_triggers_on() }
}

/// The name of the role that logged on; `None` without a client.
pub(in crate::pg) fn login_user() -> Option<&'static CStr> {
    // SAFETY: MyProcPort and the strings that it points to are null or live as long
    // as the process, and the strings are terminated.
    unsafe {
        let name = sys::MyProcPort.as_ref()?.user_name;
        (!name.is_null()).then(|| CStr::from_ptr(name))
    }
}

/// The name of the database that the client logged on to; `None` without a client.
pub(in crate::pg) fn database_name() -> Option<&'static CStr> {
    // SAFETY: as for `login_user`.
    unsafe {
        let name = sys::MyProcPort.as_ref()?.database_name;
        (!name.is_null()).then(|| CStr::from_ptr(name))
    }
}

/// The client's address; `None` over a Unix socket, or without a client.
pub(in crate::pg) fn client_address() -> Option<IpAddr> {
    // SAFETY: the server has filled in `addr` as its family requires.
    unsafe { address_of((&raw const sys::MyProcPort.as_ref()?.raddr.addr).cast()) }
}

/// An address of a socket; `None` if it is that of a Unix socket.
///
/// # Safety
/// `storage` must point to a `sockaddr_storage` that is filled in as its family requires.
pub(in crate::pg) unsafe fn address_of(storage: *const c_void) -> Option<IpAddr> {
    // SAFETY: the caller promises that; `sockaddr_storage` is large enough and aligned for
    // either family.
    unsafe {
        match libc::c_int::from((*storage.cast::<libc::sockaddr>()).sa_family) {
            libc::AF_INET => {
                let address = (*storage.cast::<libc::sockaddr_in>()).sin_addr.s_addr;
                Some(Ipv4Addr::from(u32::from_be(address)).into())
            }
            libc::AF_INET6 => {
                let address = (*storage.cast::<libc::sockaddr_in6>()).sin6_addr.s6_addr;
                Some(Ipv6Addr::from(address).into())
            }
            _ => None,
        }
    }
}

/// The current time, in microseconds since 2000.
pub(in crate::pg) fn now() -> i64 {
    // SAFETY: the function reads the clock, and cannot raise.
    let now = unsafe { sys::GetCurrentTimestamp() };
    #[cfg(feature = "faults")]
    let now = now + crate::pg::server::fault::clock_offset();
    now
}

/// A time in nanoseconds, which says nothing by itself, and never goes back. Unlike that of
/// the standard library, it costs no more than the call.
pub(in crate::pg) fn clock() -> u64 {
    // SAFETY: the call writes to a local variable, for which zero is valid, and cannot
    // fail with this clock.
    let time = unsafe {
        let mut time: libc::timespec = std::mem::zeroed();
        libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time);
        time
    };
    (time.tv_sec as u64).wrapping_mul(1_000_000_000) + time.tv_nsec as u64
}

/// The OID of the database that this process is connected to; 0 if there is none.
pub(in crate::pg) fn database() -> u32 {
    // SAFETY: this is a plain variable, and this process has only one thread.
    unsafe { sys::MyDatabaseId }
}

/// The number of this process among those of the server that have a latch; -1 if it has none.
pub(in crate::pg) fn process_number() -> i32 {
    // SAFETY: the function only reads variables, and cannot raise.
    unsafe { sys::sesstrig_process_number() }
}

/// Sets the latch of the process that has that number, or had it.
pub(in crate::pg) fn wake_process(number: i32) {
    if number >= 0 {
        // SAFETY: the places of processes stay where they are, and to wake another process
        // than was meant does no harm.
        unsafe { sys::sesstrig_wake_process(number) }
    }
}

/// The OID of the role that has logged on.
pub(in crate::pg) fn login_role() -> u32 {
    // SAFETY: the function only reads a variable, and cannot raise.
    unsafe { sys::sesstrig_login_role() }
}

/// The number of this process.
pub(in crate::pg) fn process() -> i32 {
    // SAFETY: this is a plain variable, and this process has only one thread.
    unsafe { sys::MyProcPid }
}

/// Whether there is a process with that number; 0 is none. The process may be another one
/// than the one that had the number when it was noted.
pub(in crate::pg) fn is_running(process: i32) -> bool {
    // SAFETY: signal 0 is not sent, and only asks whether it could be.
    process != 0 && unsafe { libc::kill(process, 0) } == 0
}

/// Whether the writer has been asked to end.
pub(in crate::pg) fn stop_requested() -> bool {
    // SAFETY: the function only reads a variable, and cannot raise.
    unsafe { sys::sesstrig_stop_requested() }
}

/// Has this process receive no signals. Returns those that it did not receive before.
pub(in crate::pg) fn block_signals() -> libc::sigset_t {
    // SAFETY: the calls write to local variables, for which zero is valid, and change
    // nothing but the mask of this process, which has only one thread.
    unsafe {
        let (mut all, mut before) = (std::mem::zeroed(), std::mem::zeroed());
        libc::sigfillset(&mut all);
        libc::sigprocmask(libc::SIG_SETMASK, &all, &mut before);
        before
    }
}

/// Has this process not receive these signals, and receive all others.
pub(in crate::pg) fn restore_signals(signals: &libc::sigset_t) {
    // SAFETY: the call reads the set, and changes nothing but the mask of this process.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, signals, std::ptr::null_mut()) };
}

/// The time in ISO 8601, in UTC.
pub(in crate::pg) fn format_time(time: i64) -> CString {
    let mut buffer: [c_char; 129] = [0; 129];
    // SAFETY: the buffer is longer than MAXDATELEN, and the function terminates what it
    // writes.
    unsafe {
        sys::sesstrig_format_time(time, buffer.as_mut_ptr());
        CStr::from_ptr(buffer.as_ptr()).to_owned()
    }
}

/// When this process started, in seconds since 1970, and its number.
pub(in crate::pg) fn start_and_number() -> (i64, i32) {
    // SAFETY: these are plain variables, and this process has only one thread.
    unsafe { (sys::MyStartTime, sys::MyProcPid) }
}

/// By which method the client has to authenticate, if that is known. It is forgotten when
/// the session has started.
pub(in crate::pg) fn client_auth_method() -> Option<&'static CStr> {
    // SAFETY: the function returns null or a constant, and cannot raise.
    unsafe { optional(sys::sesstrig_client_auth_method()) }
}

/// The identity with which the client has authenticated, if its method has one.
pub(in crate::pg) fn client_identity() -> Option<&'static CStr> {
    // SAFETY: the function returns null or a string that lives as long as the process.
    unsafe { optional(sys::sesstrig_client_identity()) }
}

/// The version of TLS, or `GSS`; `None` if the connection is not encrypted.
pub(in crate::pg) fn client_encryption() -> Option<&'static CStr> {
    // SAFETY: the function returns null or a constant, and cannot raise.
    unsafe { optional(sys::sesstrig_client_encryption()) }
}

/// The client's port; `None` over a Unix socket.
pub(in crate::pg) fn client_port() -> Option<i32> {
    client_address()?;
    // SAFETY: the port is null or a terminated string that lives as long as the process.
    let port = unsafe { optional(sys::MyProcPort.as_ref()?.remote_port)? };
    port.to_str().ok()?.parse().ok()
}

/// What `read`, which must not change it, makes of the session's `application_name`. The session
/// decides how long that is, so there may be no memory for a copy.
pub(in crate::pg) fn application_name<T>(read: impl FnOnce(&CStr) -> T) -> Option<T> {
    // SAFETY: the setting is null or a terminated string, which the server frees only when the
    // setting changes.
    unsafe { optional(sys::application_name.cast_const()).map(read) }
}

/// The `application_name` that the client has asked for when it connected.
pub(in crate::pg) fn client_application_name() -> Option<&'static CStr> {
    // SAFETY: as for `login_user`.
    unsafe { optional(sys::MyProcPort.as_ref()?.application_name) }
}

/// Whether the server is in recovery, so that nothing can be written.
pub(in crate::pg) fn in_recovery() -> bool {
    // SAFETY: the function only reads variables, and cannot raise.
    unsafe { sys::sesstrig_in_recovery() }
}

/// Whether the client has ended the session without having asked for it.
pub(in crate::pg) fn client_is_lost() -> bool {
    // SAFETY: the function only reads a variable, and cannot raise.
    unsafe { sys::sesstrig_client_is_lost() }
}

/// The SQLSTATE of the error that ends the session, if one does.
pub(in crate::pg) fn exit_sqlstate() -> Option<&'static CStr> {
    // SAFETY: the function returns null or a string in static memory, which does not
    // change any more when a session ends.
    unsafe { optional(sys::sesstrig_exit_sqlstate()) }
}

/// Whether that error was raised because the session was told to end, has waited for too
/// long, or has lost its client, rather than by what it has executed.
pub(in crate::pg) fn exit_is_interrupt() -> bool {
    // SAFETY: the function only reads a variable, and cannot raise.
    unsafe { sys::sesstrig_exit_is_interrupt() }
}

/// Whether the server is shutting down. The postmaster signals its sessions in the same way
/// as `pg_terminate_backend()` does, so they cannot tell one from the other. But before it
/// does, it notes in its PID file, which is in the data directory, that it is stopping.
pub(in crate::pg) fn is_shutdown() -> bool {
    let status = sys::PM_STATUS_STOPPING.strip_suffix(b"\0");
    let line = sys::LOCK_FILE_LINE_PM_STATUS as usize - 1;
    std::fs::read("postmaster.pid").is_ok_and(|file| {
        file.split(|&byte| byte == b'\n')
            .nth(line)
            .zip(status)
            .is_some_and(|(line, status)| line.starts_with(status))
    })
}

/// The string at `text`, or `None` if that is null.
///
/// # Safety
/// `text` must be null, or point to a terminated string that lives for `'a`.
unsafe fn optional<'a>(text: *const c_char) -> Option<&'a CStr> {
    // SAFETY: the caller promises that a string which is not null is terminated.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) })
}
