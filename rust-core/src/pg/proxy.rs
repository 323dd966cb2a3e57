//! The client behind a proxy (section P): the list of proxies, and the header that is being
//! read.

use crate::domain::proxy::header::{Fault, Header, Reader};
use crate::domain::proxy::networks::{self, Peer};
use crate::pg::server::settings::Text;
use crate::pg::server::sys;
use std::cell::RefCell;
use std::net::IpAddr;
use std::ptr;
use std::slice;
use std::sync::atomic::AtomicPtr;

/// The proxies whose connections begin with a PROXY header (rule P1).
pub(super) static PROXY_NETWORKS: Text = Text {
    name: c"session_triggers.proxy_networks",
    description: c"Sets the addresses from which connections must begin with a PROXY header.",
    variable: AtomicPtr::new(ptr::null_mut()),
    context: sys::PGC_SIGHUP,
    check_hook: Some(sys::sesstrig_check_proxy_networks),
    assign_hook: None,
};

thread_local! {
    /// Reads the header of this process's connection, of which there is one at most.
    static READER: RefCell<Reader> = const { RefCell::new(Reader::new()) };
}

/// Whether there is a proxy at all.
pub(crate) fn is_used() -> bool {
    !PROXY_NETWORKS.as_ptr().is_null()
}

/// Whether a connection from there must begin with a PROXY header.
pub(crate) fn is_listed(peer: Peer) -> bool {
    PROXY_NETWORKS
        .get()
        .is_some_and(|list| networks::contains(list.as_bytes(), peer))
}

/// Takes the next byte of the header, as [`Reader::take`] does.
///
/// # Errors
/// Returns what is wrong with the header.
pub(crate) fn take(byte: u8) -> Result<Option<Header>, Fault> {
    READER.with_borrow_mut(|reader| reader.take(byte))
}

/// The address of the proxy through which the client has come; `None` without one, or if that
/// is on a Unix-domain socket.
pub(in crate::pg) fn address() -> Option<IpAddr> {
    let mut length = 0;
    // SAFETY: the call writes to a local variable, and cannot raise. The bytes that it returns
    // are in a static variable of C, which nothing changes meanwhile.
    let bytes = unsafe {
        let bytes = sys::sesstrig_proxy_address(&mut length);
        (!bytes.is_null()).then(|| slice::from_raw_parts(bytes, length))
    };
    bytes.and_then(from_bytes)
}

/// The address with these bytes; `None` if there is none.
pub(crate) fn from_bytes(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(bytes) = <[u8; 4]>::try_from(bytes) {
        return Some(bytes.into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from)
}
