//! The functions that `shim/proxy.c` calls for a client behind a proxy (section P).

use crate::domain::proxy::header::Header;
use crate::domain::proxy::networks;
use crate::ffi::server::boundary::answer;
use crate::ffi::server::list::{SesstrigListFault, check_list};
use crate::pg::proxy;
use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;
use std::net::IpAddr;

/// Where a client is, as a header says.
#[repr(C)]
pub struct SesstrigClientAddress {
    /// The first `length` bytes are its address.
    pub bytes: [u8; 16],
    /// 4 or 16
    pub length: usize,
    /// Its port.
    pub port: u16,
}

/// What a byte of a header leads to.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SesstrigProxyStep {
    /// The header goes on.
    More,
    /// The header is complete, and names a client.
    Client,
    /// The header is complete, and leaves the real address as it is.
    Local,
    /// This is no header.
    Fault,
}

/// Whether any proxy is listed.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_proxy_is_used() -> bool {
    answer(false, proxy::is_used)
}

/// Whether a connection from this address must begin with a header.
///
/// # Safety
/// `storage` must point to a `sockaddr_storage` that is filled in as its family requires.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_proxy_is_listed(storage: *const c_void) -> bool {
    // A connection for which this cannot be told gets no other address.
    answer(false, || {
        // SAFETY: the caller promises that.
        unsafe { proxy::is_listed(storage) }
    })
}

/// Takes the next byte of this process's header. Sets `client` if that completes it and it names
/// one; sets `fault` to a sentence if it is no header. Nothing may be taken after either.
#[unsafe(no_mangle)]
pub extern "C" fn sesstrig_proxy_take(
    byte: u8,
    client: &mut MaybeUninit<SesstrigClientAddress>,
    fault: &mut *const c_char,
) -> SesstrigProxyStep {
    answer(SesstrigProxyStep::Fault, || match proxy::take(byte) {
        Ok(None) => SesstrigProxyStep::More,
        Ok(Some(Header::Local)) => SesstrigProxyStep::Local,
        Ok(Some(Header::Client { source, .. })) => {
            let mut address = SesstrigClientAddress {
                bytes: [0; 16],
                length: 0,
                port: source.port(),
            };
            let (v4, v6);
            let bytes: &[u8] = match source.ip() {
                IpAddr::V4(ip) => {
                    v4 = ip.octets();
                    &v4
                }
                IpAddr::V6(ip) => {
                    v6 = ip.octets();
                    &v6
                }
            };
            address.bytes[..bytes.len()].copy_from_slice(bytes);
            address.length = bytes.len();
            client.write(address);
            SesstrigProxyStep::Client
        }
        Err(reason) => {
            *fault = reason.detail().as_ptr();
            SesstrigProxyStep::Fault
        }
    })
}

/// Whether a value of `session_triggers.proxy_networks` can be set; otherwise sets `fault`.
///
/// # Safety
/// `value` must point to a terminated string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sesstrig_proxy_check_list(
    value: *const c_char,
    fault: &mut MaybeUninit<SesstrigListFault>,
) -> bool {
    // SAFETY: the caller promises that it is terminated.
    unsafe { check_list(value, fault, networks::check) }
}
