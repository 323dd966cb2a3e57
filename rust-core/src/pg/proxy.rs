//! The client behind a proxy (section P): the list of proxies, and the header that is being
//! read.

use crate::domain::proxy::header::{Fault, Header, Reader};
use crate::domain::proxy::networks::{self, Peer};
use crate::pg::server::settings::Text;
use crate::pg::server::{backend, sys};
use std::cell::RefCell;
use std::ffi::c_void;
use std::net::IpAddr;
use std::ptr;
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

/// Whether a connection from this address must begin with a PROXY header.
///
/// # Safety
/// `storage` must point to a `sockaddr_storage` that is filled in as its family requires.
pub(crate) unsafe fn is_listed(storage: *const c_void) -> bool {
    // SAFETY: the caller promises that.
    let peer = unsafe { backend::address_of(storage) }.map_or(Peer::Unix, Peer::Address);
    PROXY_NETWORKS.read(|list| networks::contains(list.to_bytes(), peer)) == Some(true)
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
    // SAFETY: the call cannot raise. It returns null, or the address as the server has got it
    // from the kernel.
    unsafe {
        let storage = sys::sesstrig_proxy_address();
        (!storage.is_null())
            .then(|| backend::address_of(storage.cast()))
            .flatten()
    }
}
