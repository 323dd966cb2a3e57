//! What kind of process this is, and who is at its other end.

use super::sys;
use std::ffi::CStr;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether this is a client's session (rule E7): no walsender, worker,
/// single-user server, or server that pg_upgrade started: what a trigger wrote
/// there could be overwritten.
pub(super) fn is_client() -> bool {
    // SAFETY: plain variables of this process, which has one thread.
    unsafe {
        sys::IsUnderPostmaster
            && !sys::IsBinaryUpgrade
            && sys::MyBackendType == sys::B_BACKEND
            && !sys::am_walsender
            && !sys::MyProcPort.is_null()
    }
}

/// Whether a transaction is open, or has failed and not been closed.
pub(super) fn in_transaction() -> bool {
    // SAFETY: it reads variables.
    unsafe { sys::IsTransactionOrTransactionBlock() }
}

/// Whether `session_replication_role` is `replica`.
pub(super) fn is_replica() -> bool {
    // SAFETY: as above.
    unsafe { sys::SessionReplicationRole == sys::SESSION_REPLICATION_ROLE_REPLICA as i32 }
}

/// The `event_triggers` setting; true on majors that lack it.
pub(super) fn event_triggers_on() -> bool {
    // SAFETY: it reads a variable.
    unsafe { sys::sesstrig_event_triggers_on() }
}

/// The role that logged on, as the client named it; `None` without a client.
pub(super) fn login_user() -> Option<&'static CStr> {
    // SAFETY: the port and its strings are never freed, and hold the names
    // that authentication accepted.
    unsafe {
        let name = sys::MyProcPort.as_ref()?.user_name;
        (!name.is_null()).then(|| CStr::from_ptr(name))
    }
}

/// The database that was logged on to; `None` without a client.
pub(super) fn database_name() -> Option<&'static CStr> {
    // SAFETY: as for `login_user`.
    unsafe {
        let name = sys::MyProcPort.as_ref()?.database_name;
        (!name.is_null()).then(|| CStr::from_ptr(name))
    }
}

/// The client's address; `None` over a Unix socket and without a client.
pub(super) fn client_address() -> Option<IpAddr> {
    // SAFETY: the kernel filled `addr` in for the family that it names, and
    // `sockaddr_storage` is aligned and large enough for both of these.
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
