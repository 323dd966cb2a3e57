//! The PROXY header of a connection, in version 1 or 2 of the PROXY protocol (rules P2 and P3).
//! Who must send one is decided elsewhere, see [`super::networks`].
//!
//! [`Reader`] takes one byte after the other, and says which is the last one: what follows may be
//! a TLS handshake, which is for others to read. What is no header is known by its first wrong
//! byte, without waiting for more, which may never come. It allocates nothing, and takes constant
//! time for each byte but the last.
//!
//! Version 1 is a line of text, version 2 a binary block. In what both leave open, nothing is
//! guessed:
//!
//! - A header that names no client (`UNKNOWN`, the command LOCAL, the family AF_UNSPEC) keeps
//!   the real address, and all else in it is skipped. Where its TLVs would begin is not known,
//!   as the protocol says nothing of the length of such addresses; so there is no checksum.
//! - A client must be one of TCP. The protocol lets a receiver take connections of Unix sockets
//!   and UDP for those of the proxy itself, but then pg_hba.conf would take the client for the
//!   proxy.
//! - An IPv4 address in the form of an IPv6 one (`::ffff:192.0.2.1`) becomes an IPv4 address.
//!   A proxy that listens on `::` sends these for all its clients of IPv4, and a line of
//!   pg_hba.conf for `192.0.2.1` would not match them, be it to let them in or to keep them out.
//!   So of two addresses one may be IPv6 and the other IPv4.

use super::crc32c::Crc32c;
use super::text;
use std::ffi::CStr;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// The length of the longest header of version 1, with CR and LF.
pub const LONGEST_LINE: usize = 107;

/// How many bytes may follow the 16 with which a header of version 2 begins. The protocol says
/// that a header always fits into a segment of TCP; what proxies add about TLS, a certificate's
/// names among it, has some hundred bytes.
pub const LONGEST_BLOCK: usize = 4096;

/// With what a header of version 1 begins.
const PREFIX: &[u8] = b"PROXY ";

/// With what a header of version 2 begins.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// How many bytes of a header of version 2 are before the addresses.
const FIXED: usize = 16;

/// The type of the TLV that has a checksum.
const TYPE_CRC32C: u8 = 3;

/// What a header says of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// It is the proxy's own, or the proxy does not know whose it is: the real address counts.
    Local,
    /// It is that of a client of the proxy.
    Client {
        /// The client's address.
        source: SocketAddr,
        /// The address to which the client connected.
        destination: SocketAddr,
    },
}

/// Why bytes are no header that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// They are something else.
    NotHeader,
    /// A line has no end.
    LongLine,
    /// CR or LF where the line does not end.
    LineEnd,
    /// A line has more or fewer parts.
    Parts,
    /// A version other than 2 in a binary block.
    Version,
    /// A command other than LOCAL and PROXY.
    Command,
    /// A family or transport protocol that is none.
    Family,
    /// A Unix socket.
    Unix,
    /// UDP.
    Datagram,
    /// An address of a line is not one of its family.
    Address,
    /// A port of a line is not one.
    Port,
    /// A block is too long.
    LongBlock,
    /// A block is too short for its addresses.
    ShortBlock,
    /// A TLV is not complete within the block.
    Tlv,
    /// The checksum's TLV has another length.
    ChecksumLength,
    /// There are two checksums.
    ChecksumTwice,
    /// The checksum is wrong.
    Checksum,
}

impl Fault {
    /// The fault in a sentence, for the detail of a message.
    pub const fn detail(self) -> &'static CStr {
        match self {
            Fault::NotHeader => c"The connection does not begin with a PROXY header.",
            Fault::LongLine => c"The PROXY header does not end within 107 bytes.",
            Fault::LineEnd => {
                c"The PROXY header has a carriage return or a newline that does not end it."
            }
            Fault::Parts => {
                c"The PROXY header is not made of its parts with one space between them."
            }
            Fault::Version => c"The PROXY header has a version other than 1 and 2.",
            Fault::Command => c"The PROXY header has a command other than LOCAL and PROXY.",
            Fault::Family => {
                c"The PROXY header has an unknown address family or transport protocol."
            }
            Fault::Unix => c"The PROXY header is for a connection over a Unix-domain socket.",
            Fault::Datagram => c"The PROXY header is for UDP.",
            Fault::Address => {
                c"The PROXY header has an invalid address, or one of another address family."
            }
            Fault::Port => c"The PROXY header has an invalid port.",
            Fault::LongBlock => {
                c"The PROXY header is longer than 4096 bytes after its first 16 bytes."
            }
            Fault::ShortBlock => c"The PROXY header is too short for its addresses.",
            Fault::Tlv => c"The PROXY header ends within one of its additional fields.",
            Fault::ChecksumLength => {
                c"The PROXY header has a checksum whose length is other than 4 bytes."
            }
            Fault::ChecksumTwice => c"The PROXY header has more than one checksum.",
            Fault::Checksum => c"The checksum of the PROXY header is wrong.",
        }
    }
}

/// What the next byte after the addresses of a block is. A TLV is a type, a length of two bytes,
/// and a value of that length.
#[derive(Clone, Copy, Debug)]
enum Next {
    Type,
    Length { kind: u8 },
    LengthEnd { kind: u8, first: u8 },
    Value { kind: u8, left: u16 },
}

impl Next {
    /// What comes when so much is left of a value.
    fn of_value(kind: u8, left: u16) -> Next {
        match left {
            0 => Next::Type,
            left => Next::Value { kind, left },
        }
    }
}

/// Reads a header.
#[derive(Clone, Debug)]
pub struct Reader {
    /// The first bytes: a whole line, or of a block all that is before the TLVs.
    bytes: [u8; LONGEST_LINE],
    /// How many there were so far, with the TLVs.
    length: usize,
    /// The checksum of a block so far.
    crc: Crc32c,
    /// The checksum that the block has, as far as it was read.
    checksum: Option<u32>,
    /// Where in the TLVs it is.
    next: Next,
}

impl Default for Reader {
    fn default() -> Reader {
        Reader::new()
    }
}

impl Reader {
    /// A reader that has read nothing.
    pub const fn new() -> Reader {
        Reader {
            bytes: [0; LONGEST_LINE],
            length: 0,
            crc: Crc32c::new(),
            checksum: None,
            next: Next::Type,
        }
    }

    /// Takes the next byte. Returns the header when that was its last one. Nothing may be taken
    /// after that, or after a fault.
    ///
    /// # Errors
    /// Returns why this is no header that counts.
    pub fn take(&mut self, byte: u8) -> Result<Option<Header>, Fault> {
        let at = self.length;
        self.length += 1;
        if let Some(place) = self.bytes.get_mut(at) {
            *place = byte;
        }
        match self.bytes[0] {
            b'P' => self.take_of_line(),
            _ => self.take_of_block(at, byte),
        }
    }

    /// The line so far.
    fn line(&self) -> &[u8] {
        &self.bytes[..self.length.min(LONGEST_LINE)]
    }

    fn take_of_line(&self) -> Result<Option<Header>, Fault> {
        let line = self.line();
        let common = line.len().min(PREFIX.len());
        if line[..common] != PREFIX[..common] {
            return Err(Fault::NotHeader);
        }
        match line {
            [text @ .., b'\r', b'\n'] => return parse_line(text).map(Some),
            [.., b'\r', _] | [.., b'\n'] => return Err(Fault::LineEnd),
            _ => {}
        }
        if line.len() >= LONGEST_LINE - 1 && !line.ends_with(b"\r") {
            return Err(Fault::LongLine);
        }
        Ok(None)
    }

    /// How many bytes of the block are addresses: none if it names no client.
    fn addresses(&self) -> Result<usize, Fault> {
        match (self.bytes[12] & 0xf, self.bytes[13]) {
            (0, _) | (_, 0x00..=0x02) => Ok(0),
            (_, 0x11) => Ok(2 * (4 + 2)),
            (_, 0x21) => Ok(2 * (16 + 2)),
            (_, 0x30..=0x32) => Err(Fault::Unix),
            (_, 0x12 | 0x22) => Err(Fault::Datagram),
            _ => Err(Fault::Family),
        }
    }

    /// How many bytes follow the first 16.
    fn block(&self) -> usize {
        u16::from_be_bytes(self.array(14)).into()
    }

    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        std::array::from_fn(|index| self.bytes[at + index])
    }

    fn take_of_block(&mut self, at: usize, byte: u8) -> Result<Option<Header>, Fault> {
        match at {
            ..12 if byte != SIGNATURE[at] => return Err(Fault::NotHeader),
            12 if byte >> 4 != 2 => return Err(Fault::Version),
            12 if byte & 0xf > 1 => return Err(Fault::Command),
            13 => {
                self.addresses()?;
            }
            15 if self.block() > LONGEST_BLOCK => return Err(Fault::LongBlock),
            15 if self.block() < self.addresses()? => return Err(Fault::ShortBlock),
            _ => {}
        }
        if at < FIXED - 1 {
            self.crc.add(byte);
            return Ok(None);
        }
        let (addresses, left) = (self.addresses()?, FIXED + self.block() - self.length);
        let mut counted = byte;
        if addresses > 0 && at >= FIXED + addresses {
            counted = self.take_of_tlv(byte, left)?;
        }
        self.crc.add(counted);
        if left > 0 {
            return Ok(None);
        }
        if self.checksum.is_some_and(|sum| sum != self.crc.value()) {
            return Err(Fault::Checksum);
        }
        Ok(Some(self.header(addresses)))
    }

    /// Takes a byte of the TLVs, after which so many are left. Returns the byte that counts for
    /// the checksum: the checksum itself counts as zeros.
    fn take_of_tlv(&mut self, byte: u8, left: usize) -> Result<u8, Fault> {
        let mut counted = byte;
        self.next = match self.next {
            Next::Type if left < 2 => return Err(Fault::Tlv),
            Next::Type => Next::Length { kind: byte },
            Next::Length { kind } => Next::LengthEnd { kind, first: byte },
            Next::LengthEnd { kind, first } => {
                let length = u16::from_be_bytes([first, byte]);
                if usize::from(length) > left {
                    return Err(Fault::Tlv);
                }
                if kind == TYPE_CRC32C {
                    if length != 4 {
                        return Err(Fault::ChecksumLength);
                    }
                    if self.checksum.replace(0).is_some() {
                        return Err(Fault::ChecksumTwice);
                    }
                }
                Next::of_value(kind, length)
            }
            Next::Value { kind, left } => {
                if kind == TYPE_CRC32C {
                    self.checksum = self.checksum.map(|sum| sum << 8 | u32::from(byte));
                    counted = 0;
                }
                Next::of_value(kind, left - 1)
            }
        };
        Ok(counted)
    }

    /// What a block with so many bytes of addresses says.
    fn header(&self, addresses: usize) -> Header {
        let port = |at| u16::from_be_bytes(self.array(at));
        match addresses {
            0 => Header::Local,
            12 => client(
                (Ipv4Addr::from(self.array(16)), port(24)),
                (Ipv4Addr::from(self.array(20)), port(26)),
            ),
            _ => client(
                (Ipv6Addr::from(self.array::<16>(16)), port(48)),
                (Ipv6Addr::from(self.array::<16>(32)), port(50)),
            ),
        }
    }
}

fn client<A: Into<IpAddr>>(source: (A, u16), destination: (A, u16)) -> Header {
    let socket = |(address, port): (A, u16)| SocketAddr::new(address.into().to_canonical(), port);
    Header::Client {
        source: socket(source),
        destination: socket(destination),
    }
}

/// What a line says, without its CR and LF.
fn parse_line(line: &[u8]) -> Result<Header, Fault> {
    let mut parts = line.split(|&byte| byte == b' ').skip(1);
    let mut next = || parts.next().ok_or(Fault::Parts);
    let family = next()?;
    if family == b"UNKNOWN" {
        return Ok(Header::Local);
    }
    if !matches!(family, b"TCP4" | b"TCP6") {
        return Err(Fault::Family);
    }
    let (source, destination) = (next()?, next()?);
    let (source_port, destination_port) = (next()?, next()?);
    if parts.next().is_some() {
        return Err(Fault::Parts);
    }
    fn address<A: FromStr>(text: &[u8]) -> Result<A, Fault> {
        text::address(text).ok_or(Fault::Address)
    }
    let port = |text| text::number(text).ok_or(Fault::Port);
    let (source_port, destination_port) = (port(source_port)?, port(destination_port)?);
    if family == b"TCP4" {
        Ok(client(
            (address::<Ipv4Addr>(source)?, source_port),
            (address(destination)?, destination_port),
        ))
    } else {
        Ok(client(
            (address::<Ipv6Addr>(source)?, source_port),
            (address(destination)?, destination_port),
        ))
    }
}
