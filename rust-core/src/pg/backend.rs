//! The server's variables that describe this process and its client. Nothing here
//! calls a function that can raise, or changes anything.

use super::sys;
use std::ffi::CStr;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether this process serves a client's session, the only kind in which events
/// fire (rule E7). That excludes walsenders, background processes and single-user
/// mode, and also a server that pg_upgrade has started, because pg_upgrade could
/// overwrite what a trigger writes there.
pub(super) fn is_client() -> bool {
    // SAFETY: these are plain variables, and this process has only one thread.
    unsafe {
        sys::IsUnderPostmaster
            && !sys::IsBinaryUpgrade
            && sys::MyBackendType == sys::B_BACKEND
            && !sys::am_walsender
            && !sys::MyProcPort.is_null()
    }
}

/// Whether a transaction is open, or has failed and has not been rolled back.
pub(super) fn in_transaction() -> bool {
    // SAFETY: the function only reads variables, so it cannot raise.
    unsafe { sys::IsTransactionOrTransactionBlock() }
}

/// Whether `session_replication_role` is `replica`.
pub(super) fn is_replica() -> bool {
    // SAFETY: this is a plain variable, and this process has only one thread.
    unsafe { sys::SessionReplicationRole == sys::SESSION_REPLICATION_ROLE_REPLICA as i32 }
}

/// The value of the `event_triggers` setting, or true on majors that lack it.
pub(super) fn event_triggers_on() -> bool {
    // SAFETY: the function only reads a variable, so it cannot raise.
    unsafe { sys::sesstrig_event_triggers_on() }
}

/// The name of the role that logged on; `None` without a client.
pub(super) fn login_user() -> Option<&'static CStr> {
    // SAFETY: MyProcPort and the strings that it points to are null or live as long
    // as the process, and the strings are terminated.
    unsafe {
        let name = sys::MyProcPort.as_ref()?.user_name;
        (!name.is_null()).then(|| CStr::from_ptr(name))
    }
}

/// The name of the database that the client logged on to; `None` without a client.
pub(super) fn database_name() -> Option<&'static CStr> {
    // SAFETY: as for `login_user`.
    unsafe {
        let name = sys::MyProcPort.as_ref()?.database_name;
        (!name.is_null()).then(|| CStr::from_ptr(name))
    }
}

/// The client's address; `None` over a Unix socket, or without a client.
pub(super) fn client_address() -> Option<IpAddr> {
    // SAFETY: the kernel has filled in `addr` as its family requires, and
    // `sockaddr_storage` is large enough and aligned for either family.
    unsafe {
        let storage = &raw const sys::MyProcPort.as_ref()?.raddr.addr;
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
