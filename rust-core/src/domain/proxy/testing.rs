//! What the unit tests and the fuzz target share: a second parser of headers, to compare with,
//! and runs that check the invariants. It is no part of the library.

use super::header::{Fault, Header, LONGEST_BLOCK, LONGEST_LINE, Reader};
use super::networks::{self, Item, Peer};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What becomes of the bytes that somebody sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// They begin with a header of this length.
    Header(Header, usize),
    /// They do not.
    Fault(Fault),
    /// More bytes are needed to know.
    Unfinished,
}

/// Reads a header from bytes.
///
/// # Panics
/// Panics if the reader takes more bytes than a header can have.
pub fn read(bytes: &[u8]) -> Outcome {
    let mut reader = Reader::new();
    for (at, &byte) in bytes.iter().enumerate() {
        assert!(at < 16 + LONGEST_BLOCK);
        match reader.take(byte) {
            Ok(None) => {}
            Ok(Some(header)) => return Outcome::Header(header, at + 1),
            Err(fault) => return Outcome::Fault(fault),
        }
    }
    Outcome::Unfinished
}

/// Reads a header, and compares what comes of it with the other parser.
///
/// # Panics
/// Panics if the reader violates an invariant.
pub fn run(bytes: &[u8]) -> Outcome {
    let outcome = read(bytes);
    let expected = parse_line(bytes).or_else(|| parse_block(bytes));
    match outcome {
        Outcome::Header(header, length) => assert_eq!(expected, Some((header, length))),
        Outcome::Fault(_) | Outcome::Unfinished => assert_eq!(expected, None),
    }
    outcome
}

fn client(source: (IpAddr, u16), destination: (IpAddr, u16)) -> Header {
    let socket = |(address, port)| match address {
        IpAddr::V6(address) => match address.octets() {
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, a, b, c, d] => {
                SocketAddr::new(Ipv4Addr::new(a, b, c, d).into(), port)
            }
            _ => SocketAddr::new(address.into(), port),
        },
        address => SocketAddr::new(address, port),
    };
    Header::Client {
        source: socket(source),
        destination: socket(destination),
    }
}

/// The header of version 1 with which a text begins, and its length. A header of IPv4 can be
/// written in one way only.
fn parse_line(bytes: &[u8]) -> Option<(Header, usize)> {
    let length = bytes.windows(2).position(|two| two == b"\r\n")? + 2;
    let line = &bytes[..length - 2];
    if length > LONGEST_LINE || line.contains(&b'\r') || line.contains(&b'\n') {
        return None;
    }
    if line == b"PROXY UNKNOWN" || line.starts_with(b"PROXY UNKNOWN ") {
        return Some((Header::Local, length));
    }
    let line = std::str::from_utf8(line).ok()?;
    let words: Vec<&str> = line.split(' ').collect();
    let &[
        _,
        family,
        source,
        destination,
        source_port,
        destination_port,
    ] = &words[..]
    else {
        return None;
    };
    let ports: (u16, u16) = (source_port.parse().ok()?, destination_port.parse().ok()?);
    let (addresses, written): ((IpAddr, IpAddr), String) = if family == "TCP4" {
        let (from, to): (Ipv4Addr, Ipv4Addr) = (source.parse().ok()?, destination.parse().ok()?);
        ((from.into(), to.into()), format!("{from} {to}"))
    } else {
        let (from, to): (Ipv6Addr, Ipv6Addr) = (source.parse().ok()?, destination.parse().ok()?);
        ((from.into(), to.into()), format!("{source} {destination}"))
    };
    let written = format!("PROXY {family} {written} {} {}", ports.0, ports.1);
    (written == line && matches!(family, "TCP4" | "TCP6")).then(|| {
        (
            client((addresses.0, ports.0), (addresses.1, ports.1)),
            length,
        )
    })
}

/// The header of version 2 with which bytes begin, and its length.
fn parse_block(bytes: &[u8]) -> Option<(Header, usize)> {
    let rest = bytes.strip_prefix(b"\r\n\r\n\0\r\nQUIT\n")?;
    let &[command, family, high, low, ref rest @ ..] = rest else {
        return None;
    };
    let block = rest.get(..usize::from(high) << 8 | usize::from(low))?;
    let length = bytes.len() - rest.len() + block.len();
    if block.len() > LONGEST_BLOCK {
        return None;
    }
    fn read<const N: usize>(block: &mut &[u8]) -> Option<[u8; N]> {
        let (first, rest) = block.split_first_chunk()?;
        *block = rest;
        Some(*first)
    }
    let mut block = block;
    let addresses: [IpAddr; 2] = match (command, family) {
        (0x20, _) | (0x21, 0..=2) => return Some((Header::Local, length)),
        (0x21, 0x11) => [read::<4>(&mut block)?.into(), read::<4>(&mut block)?.into()],
        (0x21, 0x21) => [
            read::<16>(&mut block)?.into(),
            read::<16>(&mut block)?.into(),
        ],
        _ => return None,
    };
    let ports = [read(&mut block)?, read(&mut block)?].map(u16::from_be_bytes);
    let (mut zeroed, mut sums) = (bytes[..length].to_vec(), Vec::new());
    while !block.is_empty() {
        let [kind, high, low] = read(&mut block)?;
        let (value, rest) = block.split_at_checked(usize::from(high) << 8 | usize::from(low))?;
        if kind == 3 {
            sums.push(u32::from_be_bytes(value.try_into().ok()?));
            let at = length - block.len();
            zeroed[at..at + 4].fill(0);
        }
        block = rest;
    }
    match sums[..] {
        [] => {}
        [sum] if sum == crc32c(&zeroed) => {}
        _ => return None,
    }
    Some((
        client((addresses[0], ports[0]), (addresses[1], ports[1])),
        length,
    ))
}

/// The checksum CRC-32C, bit by bit.
pub fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc: u32, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ ((crc & 1) * 0x82f6_3b78)
        })
    })
}

/// Reads a list of networks.
///
/// # Panics
/// Panics if what is read is not in the list.
pub fn run_networks(value: &[u8]) {
    let commas = value.iter().filter(|&&byte| byte == b',').count();
    let items: Vec<_> = networks::items(value).collect();
    assert!(items.len() == commas + 1 || items.is_empty() && value.trim_ascii().is_empty());
    let wrong = items.iter().find_map(|item| item.err());
    assert_eq!(networks::check(value).err(), wrong);
    let unix = items.contains(&Ok(Item::Unix));
    assert_eq!(networks::contains(value, Peer::Unix), unix);
    for item in items {
        match item {
            Ok(Item::Unix) => {}
            Ok(Item::Network(network)) => {
                assert!(networks::contains(value, Peer::Address(network.address)));
                let written = format!("{}/{}", network.address, network.prefix);
                assert!(networks::items(written.as_bytes()).eq([item]), "{written}");
            }
            Err(fault) => {
                assert!(value[fault.offset..].starts_with(fault.item));
                assert!(!fault.item.contains(&b','));
                let before = value[..fault.offset].trim_ascii_end();
                assert!(before.is_empty() || before.ends_with(b","));
            }
        }
    }
}
