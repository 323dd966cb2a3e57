//! The value of `session_triggers.proxy_networks` (rule P1): the proxies whose connections must
//! begin with a PROXY header.
//!
//! It is a list, separated by commas, of addresses, networks such as `10.0.0.0/8`, and `unix`
//! for Unix-domain sockets; an empty list names nobody. The text itself is what is kept: to
//! search it allocates nothing, and takes about as long as to read it once.
//!
//! The addresses of a network must have zeros after its prefix. pg_hba.conf ignores other bits
//! there, but whoever writes `10.0.0.5/8` may mean one proxy, and not 16 million addresses.
//!
//! A socket that listens on `::` shows a peer of IPv4 as an IPv6 address, `::ffff:10.0.0.5`.
//! That is one of the networks of IPv4, and none of those of IPv6, not even of `::/0`.

use super::text;
use crate::domain::list::{self, Explain};
use std::ffi::CStr;
use std::net::IpAddr;

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Whoever it is came through a Unix-domain socket.
    Unix,
    /// This address.
    Address(IpAddr),
}

/// The addresses that have their first bits in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// The lowest of them.
    pub address: IpAddr,
    /// How many bits they have in common.
    pub prefix: u8,
}

/// An item of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// `unix`
    Unix,
    /// An address is a network, too.
    Network(Network),
}

/// What is wrong with an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There is nothing between two commas, or after the last one.
    Empty,
    /// It is nothing that can be listed.
    Unknown,
    /// The prefix is no number, or too large.
    Prefix,
    /// The address has bits after the prefix.
    Bits,
}

impl Explain for Reason {
    fn text(self) -> &'static CStr {
        match self {
            Reason::Empty => c"an item is missing",
            Reason::Unknown => c"this is neither an address, nor a network, nor \"unix\"",
            Reason::Prefix => {
                c"the length of a prefix is a number up to 32 for IPv4, or up to 128 for IPv6"
            }
            Reason::Bits => c"the address of a network must be zero after its prefix",
        }
    }
}

/// An item that is wrong.
pub type Fault<'a> = list::Fault<'a, Reason>;

impl Network {
    /// Those that have so many bits in common with an address, or only that address. A network
    /// of IPv4 is one, however it is written.
    fn new(address: IpAddr, prefix: Option<u16>) -> Result<Network, Reason> {
        let (width, zeros) = match address {
            IpAddr::V4(address) => (32, address.to_bits().trailing_zeros()),
            IpAddr::V6(address) => (128, address.to_bits().trailing_zeros()),
        };
        let prefix = prefix.map_or(width, u32::from);
        if prefix > width {
            return Err(Reason::Prefix);
        }
        if zeros < width - prefix {
            return Err(Reason::Bits);
        }
        let canonical = address.to_canonical();
        let removed = if canonical == address { 0 } else { 128 - 32 };
        Ok(Network {
            address: canonical,
            prefix: (prefix - removed) as u8,
        })
    }

    /// Whether this address is one of them.
    pub fn contains(self, address: IpAddr) -> bool {
        let common = match (self.address, address.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
            (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
            _ => return false,
        };
        common >= u32::from(self.prefix)
    }
}

/// The items of the list, or what is wrong with them.
pub fn items(value: &[u8]) -> impl Iterator<Item = Result<Item, Fault<'_>>> {
    list::items(value).map(|(offset, item)| {
        parse(item).map_err(|reason| Fault {
            item,
            offset,
            reason,
        })
    })
}

/// The first item that is wrong, if there is one; then the value must not be set.
pub fn check(value: &[u8]) -> Result<(), Fault<'_>> {
    items(value).try_for_each(|item| item.map(|_| ()))
}

/// Whether a peer is listed.
pub fn contains(value: &[u8], peer: Peer) -> bool {
    items(value).any(|item| match (item, peer) {
        (Ok(Item::Unix), Peer::Unix) => true,
        (Ok(Item::Network(network)), Peer::Address(address)) => network.contains(address),
        _ => false,
    })
}

fn parse(item: &[u8]) -> Result<Item, Reason> {
    match item {
        b"" => return Err(Reason::Empty),
        b"unix" => return Ok(Item::Unix),
        _ => {}
    }
    let slash = item.iter().position(|&byte| byte == b'/');
    let address = text::address(&item[..slash.unwrap_or(item.len())]).ok_or(Reason::Unknown)?;
    let prefix = match slash {
        Some(slash) => Some(text::number(&item[slash + 1..]).ok_or(Reason::Prefix)?),
        None => None,
    };
    Network::new(address, prefix).map(Item::Network)
}

/// Lists for the tests and as seeds for the fuzz target.
#[cfg(test)]
pub const LISTS: &[&[u8]] = &[
    b"",
    b"10.0.0.5",
    b"10.0.0.0/8, 192.0.2.0/24,2001:db8::/32 ,\t::1 , unix",
    b"::ffff:10.0.0.0/104",
    b"0.0.0.0/0, ::/0",
    b"unix,10.0.0.1/33",
    b"10.0.0.5/8",
    b",",
    b"localhost",
];

#[cfg(test)]
mod tests {
    use super::super::testing::run_networks;
    use super::*;

    fn peer(address: &str) -> Peer {
        Peer::Address(address.parse().unwrap())
    }

    /// Rule P1.
    #[test]
    fn who_must_send_a_header() {
        let unix = Peer::Unix;
        let table: [(&str, &[Peer], &[Peer]); 9] = [
            ("", &[], &[unix, peer("127.0.0.1"), peer("::1")]),
            (" \t", &[], &[unix, peer("0.0.0.0"), peer("::")]),
            ("unix", &[unix], &[peer("127.0.0.1"), peer("::1")]),
            (
                "10.0.0.5",
                &[peer("10.0.0.5"), peer("::ffff:10.0.0.5")],
                &[unix, peer("10.0.0.4"), peer("::10.0.0.5"), peer("::5")],
            ),
            (
                "192.0.2.0/25,10.0.0.0/8 , unix\n",
                &[
                    unix,
                    peer("192.0.2.0"),
                    peer("192.0.2.127"),
                    peer("10.255.255.255"),
                ],
                &[peer("192.0.2.128"), peer("11.0.0.0"), peer("9.255.255.255")],
            ),
            (
                "2001:db8::/33",
                &[peer("2001:db8::"), peer("2001:db8:7fff:ffff::1")],
                &[
                    peer("2001:db8:8000::"),
                    peer("2001:db7::"),
                    peer("32.1.13.184"),
                ],
            ),
            // All of a family, and nothing of the other.
            (
                "0.0.0.0/0",
                &[peer("0.0.0.0"), peer("255.0.0.1"), peer("::ffff:1.2.3.4")],
                &[unix, peer("::"), peer("::1")],
            ),
            (
                "::/0",
                &[peer("::"), peer("ffff::"), peer("::1.2.3.4")],
                &[unix, peer("1.2.3.4"), peer("::ffff:1.2.3.4")],
            ),
            // Networks of IPv4 in the form of IPv6.
            (
                "::ffff:10.0.0.0/104,::ffff:192.0.2.1",
                &[peer("10.1.1.1"), peer("::ffff:10.1.1.1"), peer("192.0.2.1")],
                &[peer("11.1.1.1"), peer("192.0.2.2"), peer("::1")],
            ),
        ];
        for (list, listed, others) in table {
            assert_eq!(check(list.as_bytes()), Ok(()), "{list:?}");
            for &peer in listed {
                assert!(contains(list.as_bytes(), peer), "{list:?} {peer:?}");
            }
            for &peer in others {
                assert!(!contains(list.as_bytes(), peer), "{list:?} {peer:?}");
            }
        }
    }

    /// Rule P1: nothing is guessed. `§` marks where the item begins that is wrong.
    #[test]
    fn wrong_items_are_refused() {
        let table = [
            ("§,", Reason::Empty),
            ("unix,§", Reason::Empty),
            ("unix, §,10.0.0.1", Reason::Empty),
            ("§,10.0.0.1/33", Reason::Empty),
            ("§localhost", Reason::Unknown),
            ("unix, §UNIX", Reason::Unknown),
            ("§10.0.0", Reason::Unknown),
            ("§10.0.0.01", Reason::Unknown),
            ("§10.0.0.0.0/8", Reason::Unknown),
            ("10.0.0.1, \t§10.0.0.1 10.0.0.2", Reason::Unknown),
            ("§10.0.0.1:5432", Reason::Unknown),
            ("§*", Reason::Unknown),
            ("§/8", Reason::Unknown),
            ("§unix/8", Reason::Unknown),
            ("§fe80::1%eth0", Reason::Unknown),
            ("§[::1]", Reason::Unknown),
            ("§\"10.0.0.1\"", Reason::Unknown),
            ("unix ,2001:db8::1,§10.0.0.1/33", Reason::Prefix),
            ("§10.0.0.0/", Reason::Prefix),
            ("§10.0.0.0/08", Reason::Prefix),
            ("§10.0.0.0/+8", Reason::Prefix),
            ("§10.0.0.0/ 8", Reason::Prefix),
            ("§10.0.0.0/8/8", Reason::Prefix),
            ("§10.0.0.0/255.0.0.0", Reason::Prefix),
            ("§10.0.0.0/4294967304", Reason::Prefix),
            ("§10.0.0.0/264", Reason::Prefix),
            ("§::/129", Reason::Prefix),
            ("§10.0.0.5/8", Reason::Bits),
            ("§128.0.0.0/0", Reason::Bits),
            ("§10.0.0.5/31", Reason::Bits),
            ("§2001:db8::1/127", Reason::Bits),
            ("§::1/0", Reason::Bits),
            ("§::ffff:0.0.0.0/95", Reason::Bits),
            ("§::ffff:10.0.0.0/102", Reason::Bits),
        ];
        for (case, reason) in table {
            let offset = case.find('§').unwrap();
            let list = case.replace('§', "");
            let fault = check(list.as_bytes()).unwrap_err();
            assert_eq!((fault.offset, fault.reason), (offset, reason), "{case}");
            let item = case[offset..].trim_start_matches('§').split(',').next();
            assert_eq!(fault.item, item.unwrap().as_bytes(), "{case}");
            run_networks(list.as_bytes());
        }
    }

    /// An item that is wrong names nobody, and the others still do.
    #[test]
    fn wrong_items_name_nobody() {
        let list = b"10.0.0.5/8, 192.0.2.1\xff, ::1";
        assert!(!contains(list, peer("10.0.0.5")) && !contains(list, peer("192.0.2.1")));
        assert!(contains(list, peer("::1")));
    }

    #[test]
    fn lists_keep_the_invariants() {
        LISTS.iter().for_each(|list| run_networks(list));
    }
}
