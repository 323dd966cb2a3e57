//! Tests of the reader on whole headers.

use super::header::{Fault, Header, LONGEST_BLOCK, LONGEST_LINE, Reader};
use super::testing::{Outcome, crc32c, read, run, run_networks};
use proptest::prelude::*;
use std::net::SocketAddr;

const LOCAL: u8 = 0x20;
const PROXY: u8 = 0x21;
const TCP4: u8 = 0x11;
const TCP6: u8 = 0x21;

/// A header of version 2: the bytes 13 and 14, and what follows the length.
fn block(command: u8, family: u8, parts: &[&[u8]]) -> Vec<u8> {
    let block = parts.concat();
    let length = u16::try_from(block.len()).unwrap().to_be_bytes();
    let start: [&[u8]; 4] = [b"\r\n\r\n\0\r\nQUIT\n", &[command, family], &length, &block];
    start.concat()
}

/// The addresses of a header of version 2, from and to documentation's addresses.
const ADDRESSES_4: &[u8] = b"\xc0\x00\x02\x01\xc6\x33\x64\x02\xdc\x04\x15\x38";
const ADDRESSES_6: &[u8] = b"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\
    \x20\x01\x0d\xb8\0\x01\0\0\0\0\0\0\0\0\0\x02\xdc\x04\x15\x38";

/// IPv4 addresses in the form of IPv6 ones.
const ADDRESSES_MAPPED: &[u8] = b"\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x01\
    \0\0\0\0\0\0\0\0\0\0\xff\xff\xc6\x33\x64\x02\xdc\x04\x15\x38";

fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap().to_be_bytes();
    [&[kind], &length[..], value].concat()
}

/// Puts the right checksum where a header has `????`.
fn with_checksum(mut header: Vec<u8>) -> Vec<u8> {
    let at = header.windows(4).position(|four| four == b"????").unwrap();
    header[at..at + 4].fill(0);
    let sum = crc32c(&header).to_be_bytes();
    header[at..at + 4].copy_from_slice(&sum);
    header
}

fn client(source: &str, destination: &str) -> Header {
    Header::Client {
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
    }
}

/// Headers, and what they say.
fn headers() -> Vec<(Vec<u8>, Header)> {
    let lines = [
        // The example and the extremes of the protocol's specification.
        (
            "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443",
            client("192.168.0.1:56324", "192.168.0.11:443"),
        ),
        (
            "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535",
            client("255.255.255.255:65535", "255.255.255.255:65535"),
        ),
        (
            "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff \
             ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535",
            client(
                "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
                "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
            ),
        ),
        ("PROXY UNKNOWN", Header::Local),
        (
            "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff \
             ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535",
            Header::Local,
        ),
        // The shortest ones.
        (
            "PROXY TCP4 0.0.0.0 0.0.0.0 0 0",
            client("0.0.0.0:0", "0.0.0.0:0"),
        ),
        ("PROXY TCP6 :: :: 0 0", client("[::]:0", "[::]:0")),
        // Other ways of writing an IPv6 address.
        (
            "PROXY TCP6 2001:DB8::1 2001:0db8:0001:0:0:0:0:2 1 2",
            client("[2001:db8::1]:1", "[2001:db8:1::2]:2"),
        ),
        // IPv4 in the form of IPv6, as inet_ntop() writes it, and in hexadecimal.
        (
            "PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 1 2",
            client("192.0.2.1:1", "[2001:db8::2]:2"),
        ),
        (
            "PROXY TCP6 ::ffff:c000:201 ::192.0.2.2 1 2",
            client("192.0.2.1:1", "[::192.0.2.2]:2"),
        ),
        // What follows UNKNOWN is skipped, whatever it is.
        ("PROXY UNKNOWN ", Header::Local),
        ("PROXY UNKNOWN  TCP4 999.1.1.1 \0 \u{ff}", Header::Local),
    ];
    let client_4 = client("192.0.2.1:56324", "198.51.100.2:5432");
    let client_6 = client("[2001:db8::1]:56324", "[2001:db8:1::2]:5432");
    let (sum, noop) = (tlv(3, b"????"), tlv(4, b""));
    let tls = tlv(
        0x20,
        b"\x01\0\0\0\0\x21\0\x07TLSv1.3\x23\0\x16TLS_AES_256_GCM_SHA384",
    );
    let most = tlv(4, &vec![0; LONGEST_BLOCK - ADDRESSES_4.len() - 3]);
    let blocks = [
        (block(PROXY, TCP4, &[ADDRESSES_4]), client_4),
        (block(PROXY, TCP6, &[ADDRESSES_6]), client_6),
        (block(PROXY, TCP6, &[ADDRESSES_MAPPED]), client_4),
        (block(PROXY, TCP4, &[ADDRESSES_4, &noop]), client_4),
        (block(PROXY, TCP4, &[ADDRESSES_4, &tls]), client_4),
        (block(PROXY, TCP6, &[ADDRESSES_6, &noop, &tls]), client_6),
        (block(PROXY, TCP4, &[ADDRESSES_4, &most]), client_4),
        (
            with_checksum(block(PROXY, TCP4, &[ADDRESSES_4, &sum])),
            client_4,
        ),
        (
            with_checksum(block(PROXY, TCP6, &[ADDRESSES_6, &tls, &sum, &noop])),
            client_6,
        ),
        // A network load balancer's, with the checksum that it computed.
        (
            block(
                PROXY,
                TCP4,
                &[
                    b"\xac\x1f\x07\x71\xac\x1f\x0a\x1f\xc8\xf2\x00\x50",
                    &tlv(3, b"\xe8\xd6\x89\x2d"),
                    &tlv(0xea, b"\x01vpce-08d2bf15fac5001c9"),
                    &tlv(4, &[0; 36]),
                ],
            ),
            client("172.31.7.113:51442", "172.31.10.31:80"),
        ),
        // Health checks, without addresses and with something else.
        (block(LOCAL, 0, &[]), Header::Local),
        (block(LOCAL, TCP4, &[ADDRESSES_4]), Header::Local),
        (block(LOCAL, TCP6, &[b"garbage"]), Header::Local),
        (block(LOCAL, 0xff, &[&[0xff; 300]]), Header::Local),
        (
            block(LOCAL, 0x32, &[&tlv(3, b"wrong"), b"\xff"]),
            Header::Local,
        ),
        (block(PROXY, 0, &[]), Header::Local),
        (block(PROXY, 0, &[b"\x03\0\xff"]), Header::Local),
        (block(PROXY, 1, &[ADDRESSES_4]), Header::Local),
    ];
    lines
        .map(|(line, header)| ([line.as_bytes(), b"\r\n"].concat(), header))
        .into_iter()
        .chain(blocks)
        .collect()
}

/// What is no header, and why.
fn faults() -> Vec<(Vec<u8>, Fault)> {
    let lines = [
        ("PROXX TCP4 192.0.2.1 192.0.2.2 1 2\r\n", Fault::NotHeader),
        ("proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n", Fault::NotHeader),
        (" PROXY UNKNOWN\r\n", Fault::NotHeader),
        ("PROXY\tUNKNOWN\r\n", Fault::NotHeader),
        ("PROXY\r\n", Fault::NotHeader),
        ("PROXY \r\n", Fault::Family),
        ("PROXY  UNKNOWN\r\n", Fault::Family),
        ("PROXY UNKNOWNX\r\n", Fault::Family),
        ("PROXY TCP\r\n", Fault::Family),
        ("PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n", Fault::Family),
        ("PROXY tcp4 192.0.2.1 192.0.2.2 1 2\r\n", Fault::Family),
        ("PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n", Fault::Family),
        ("PROXY TCP4\r\n", Fault::Parts),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n", Fault::Parts),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n", Fault::Parts),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n", Fault::Parts),
        ("PROXY TCP4 192.0.2.1  192.0.2.2 1 2\r\n", Fault::Parts),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 1  2\r\n", Fault::Parts),
        // Without CR, without LF, and with both but not at the end.
        ("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n", Fault::LineEnd),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\rx", Fault::LineEnd),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\r\n", Fault::LineEnd),
        ("PROXY UNKNOWN\n", Fault::LineEnd),
        ("PROXY UNKNOWN a\nb\r\n", Fault::LineEnd),
        ("PROXY UNKNOWN a\rb\r\n", Fault::LineEnd),
        // Of another family, with a zero ahead, too short, too long, with a zone, in brackets.
        ("PROXY TCP4 ::1 192.0.2.2 1 2\r\n", Fault::Address),
        ("PROXY TCP4 192.0.2.1 ::1 1 2\r\n", Fault::Address),
        (
            "PROXY TCP4 ::ffff:192.0.2.1 192.0.2.2 1 2\r\n",
            Fault::Address,
        ),
        ("PROXY TCP6 192.0.2.1 ::1 1 2\r\n", Fault::Address),
        ("PROXY TCP6 ::1 192.0.2.1 1 2\r\n", Fault::Address),
        ("PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n", Fault::Address),
        ("PROXY TCP4 192.0.2.1 192.00.2.2 1 2\r\n", Fault::Address),
        ("PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n", Fault::Address),
        ("PROXY TCP4 192.0.2 192.0.2.2 1 2\r\n", Fault::Address),
        ("PROXY TCP4 192.0.2.1.1 192.0.2.2 1 2\r\n", Fault::Address),
        ("PROXY TCP4 0xc0.0.2.1 192.0.2.2 1 2\r\n", Fault::Address),
        ("PROXY TCP4 localhost 192.0.2.2 1 2\r\n", Fault::Address),
        ("PROXY TCP4 192.0.2.1\0 192.0.2.2 1 2\r\n", Fault::Address),
        ("PROXY TCP6 fe80::1%eth0 fe80::2 1 2\r\n", Fault::Address),
        ("PROXY TCP6 fe80::1 fe80::2%1 1 2\r\n", Fault::Address),
        ("PROXY TCP6 [::1] [::1] 1 2\r\n", Fault::Address),
        ("PROXY TCP6 ::1/64 ::1 1 2\r\n", Fault::Address),
        ("PROXY TCP6 1::2::3 ::1 1 2\r\n", Fault::Address),
        ("PROXY TCP6 00001::2 ::1 1 2\r\n", Fault::Address),
        ("PROXY TCP6 ::ffff:192.0.2.01 ::1 1 2\r\n", Fault::Address),
        ("PROXY TCP6 é ::1 1 2\r\n", Fault::Address),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n", Fault::Port),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n", Fault::Port),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 100000 2\r\n", Fault::Port),
        (
            "PROXY TCP4 192.0.2.1 192.0.2.2 4294967297 2\r\n",
            Fault::Port,
        ),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n", Fault::Port),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 1 00\r\n", Fault::Port),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n", Fault::Port),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n", Fault::Port),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 0x1 2\r\n", Fault::Port),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\t\r\n", Fault::Port),
    ];
    let (sum, noop) = (tlv(3, b"????"), tlv(4, b""));
    let long = vec![0; LONGEST_BLOCK + 1];
    let mut blocks = vec![
        // Signatures that are cut, or go on differently.
        (b"\r\n\r\n\0\r\nQUIT\r".to_vec(), Fault::NotHeader),
        (b"\r\n\r\nPROXY UNKNOWN\r\n".to_vec(), Fault::NotHeader),
        (b"\r\n".repeat(8), Fault::NotHeader),
        // Too short for the addresses, by all of them and by one byte.
        (block(PROXY, TCP4, &[]), Fault::ShortBlock),
        (block(PROXY, TCP4, &[&ADDRESSES_4[1..]]), Fault::ShortBlock),
        (block(PROXY, TCP6, &[]), Fault::ShortBlock),
        (block(PROXY, TCP6, &[ADDRESSES_4]), Fault::ShortBlock),
        (block(PROXY, TCP6, &[&ADDRESSES_6[1..]]), Fault::ShortBlock),
        (block(PROXY, TCP4, &[&long]), Fault::LongBlock),
        (block(LOCAL, 0, &[&long]), Fault::LongBlock),
        (block(PROXY, TCP4, &[&[0xff; 0xffff]]), Fault::LongBlock),
        // TLVs that lack the rest of the length, or a byte of the value, or have too many.
        (block(PROXY, TCP4, &[ADDRESSES_4, b"\x04"]), Fault::Tlv),
        (block(PROXY, TCP4, &[ADDRESSES_4, b"\x04\0"]), Fault::Tlv),
        (
            block(PROXY, TCP4, &[ADDRESSES_4, b"\x04\0\x01"]),
            Fault::Tlv,
        ),
        (
            block(PROXY, TCP4, &[ADDRESSES_4, b"\x04\xff\xff\0"]),
            Fault::Tlv,
        ),
        (
            block(PROXY, TCP4, &[ADDRESSES_4, &tlv(4, b"12"), b"\0"]),
            Fault::Tlv,
        ),
        (
            block(PROXY, TCP6, &[ADDRESSES_6, &noop, b"\x03\0\x04123"]),
            Fault::Tlv,
        ),
        // Checksums: none, too short, too long, wrong, of other bytes, two right ones.
        (
            block(PROXY, TCP4, &[ADDRESSES_4, &tlv(3, b"")]),
            Fault::ChecksumLength,
        ),
        (
            block(PROXY, TCP4, &[ADDRESSES_4, &tlv(3, b"123")]),
            Fault::ChecksumLength,
        ),
        (
            block(PROXY, TCP4, &[ADDRESSES_4, &tlv(3, b"12345")]),
            Fault::ChecksumLength,
        ),
        (block(PROXY, TCP4, &[ADDRESSES_4, &sum]), Fault::Checksum),
        (
            with_checksum(block(PROXY, TCP4, &[ADDRESSES_4, &sum, &tlv(3, &[0; 4])])),
            Fault::ChecksumTwice,
        ),
    ];
    for version in (0..=0xf).filter(|&version| version != 2) {
        blocks.push((
            block(version << 4 | 1, TCP4, &[ADDRESSES_4]),
            Fault::Version,
        ));
    }
    for command in 2..=0xf {
        blocks.push((block(0x20 | command, 0, &[]), Fault::Command));
    }
    for family in 3..=0xff {
        let fault = match family {
            TCP4 | TCP6 => continue,
            0x30..=0x32 => Fault::Unix,
            0x12 | 0x22 => Fault::Datagram,
            _ => Fault::Family,
        };
        blocks.push((block(PROXY, family, &[&[0; 216]]), fault));
    }
    lines
        .map(|(line, fault)| (line.as_bytes().to_vec(), fault))
        .into_iter()
        .chain(blocks)
        .collect()
}

/// Rules P2 and P3: what follows a header is left alone.
#[test]
fn headers_say_whose_connection_it_is() {
    for (bytes, header) in headers() {
        for rest in [&b""[..], b"\0\0\0\x08\x04\xd2\x16\x2f", &bytes] {
            let outcome = run(&[&bytes, rest].concat());
            assert_eq!(outcome, Outcome::Header(header, bytes.len()), "{bytes:?}");
        }
    }
}

/// Rule P3.
#[test]
fn faults_are_told_apart() {
    for (bytes, fault) in faults() {
        let text = String::from_utf8_lossy(&bytes);
        assert_eq!(run(&bytes), Outcome::Fault(fault), "{text:?}");
    }
}

/// Rule P2: nothing is taken for a header before its last byte.
#[test]
fn a_part_of_a_header_is_none() {
    for (bytes, _) in headers() {
        for length in 0..bytes.len() {
            let outcome = read(&bytes[..length]);
            assert_eq!(outcome, Outcome::Unfinished, "{length} of {bytes:?}");
        }
    }
}

/// Rule P2: the invariants hold for a header in which any byte has any value. Longer headers have
/// no other parts.
#[test]
fn any_byte_can_be_wrong() {
    let headers = headers().into_iter().map(|(bytes, _)| bytes);
    for mut bytes in headers.filter(|bytes| bytes.len() < 60) {
        for at in 0..bytes.len() {
            let right = bytes[at];
            for byte in 0..=0xff {
                bytes[at] = byte;
                run(&bytes);
            }
            bytes[at] = right;
        }
    }
}

/// Rule P3: with a checksum, no byte of a client's header can change unnoticed.
#[test]
fn a_checksum_protects_the_header() {
    let sum = tlv(3, b"????");
    let header = with_checksum(block(PROXY, TCP4, &[ADDRESSES_4, &sum]));
    for at in 16..header.len() {
        let mut changed = header.clone();
        changed[at] ^= 1;
        // The TLV can become one of another type or length.
        let outcome = run(&changed);
        match at {
            28 => assert!(matches!(outcome, Outcome::Header(..)), "{at}"),
            29 => assert_eq!(outcome, Outcome::Fault(Fault::Tlv), "{at}"),
            30 => assert_eq!(outcome, Outcome::Fault(Fault::Tlv), "{at}"),
            _ => assert_eq!(outcome, Outcome::Fault(Fault::Checksum), "{at}"),
        }
    }
}

/// Rule P1: what clients without a proxy send is no header, which shows at its first byte.
#[test]
fn clients_without_a_header_are_noticed_at_once() {
    let openings: [&[u8]; 5] = [
        b"\0\0\0\x08\x04\xd2\x16\x2f", // SSLRequest
        b"\0\0\0\x10\x04\xd2\x16\x2e", // CancelRequest
        b"\0\0\0\x25\0\x03\0\0",       // startup
        b"\x16\x03\x01\x02\0",         // a TLS handshake
        b"GET / HTTP/1.1\r\n",
    ];
    for opening in openings {
        let fault = Reader::new().take(opening[0]);
        assert_eq!(fault, Err(Fault::NotHeader), "{opening:?}");
        assert_eq!(run(opening), Outcome::Fault(Fault::NotHeader));
    }
}

/// Rule P2: an endless line, or an endless block, is refused as soon as that can be known.
#[test]
fn lengths_are_bounded() {
    let line = |length: usize| format!("PROXY UNKNOWN {:<1$}\r\n", "", length - 16).into_bytes();
    assert_eq!(
        run(&line(LONGEST_LINE)),
        Outcome::Header(Header::Local, LONGEST_LINE)
    );
    assert_eq!(run(&line(108)), Outcome::Fault(Fault::LongLine));
    let endless = [&b"PROXY "[..], &[b'x'; 1000]].concat();
    assert_eq!(run(&endless), Outcome::Fault(Fault::LongLine));
    assert_eq!(run(&endless[..LONGEST_LINE - 2]), Outcome::Unfinished);
    assert_eq!(
        run(&endless[..LONGEST_LINE - 1]),
        Outcome::Fault(Fault::LongLine)
    );
    let endless = block(LOCAL, 0, &[&[0; 0xffff]]);
    assert_eq!(run(&endless[..16]), Outcome::Fault(Fault::LongBlock));
    assert!(size_of::<Reader>() <= 256);
}

/// Rule P3: each fault that there is occurs above, and has a detail of its own.
#[test]
fn details_are_sentences() {
    let mut details: Vec<&str> = faults()
        .iter()
        .map(|(_, fault)| fault.detail().to_str().unwrap())
        .chain([Fault::LongLine.detail().to_str().unwrap()])
        .collect();
    details.sort_unstable();
    details.dedup();
    assert_eq!(details.len(), 17);
    for detail in &details {
        assert!(detail.starts_with("The ") && detail.ends_with('.'));
    }
    let named = |number: usize| format!(" {number} bytes");
    for limit in [LONGEST_LINE, LONGEST_BLOCK] {
        let names = |detail: &&&str| detail.contains(&named(limit));
        assert_eq!(details.iter().filter(names).count(), 1, "{limit}");
    }
}

/// The inputs that the fuzzer has found to reach different code.
#[test]
fn the_fuzz_corpus_passes() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/proxy");
    let texts: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
        .collect();
    assert!(texts.len() > 50);
    for text in texts {
        run(&text);
        run_networks(&text);
    }
}

/// Writes the cases of the tables as seeds for the fuzz target.
#[test]
#[ignore = "writes files; run it when the tables have changed"]
fn write_fuzz_seeds() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/proxy");
    std::fs::create_dir_all(directory).unwrap();
    let headers = headers().into_iter().map(|(bytes, _)| bytes);
    let faults = faults().into_iter().map(|(bytes, _)| bytes);
    let lists = super::networks::LISTS.iter().map(|list| list.to_vec());
    for (number, bytes) in headers.chain(faults).chain(lists).enumerate() {
        std::fs::write(format!("{directory}/seed-{number:03}"), bytes).unwrap();
    }
}

proptest! {
    /// Rule P3: what a proxy writes is what is read.
    #[test]
    fn addresses_are_those_of_the_proxy(source: SocketAddr, to: u128, port: u16) {
        let (family, destination): (_, SocketAddr) = match source {
            SocketAddr::V4(_) => (4, ((to as u32).to_be_bytes(), port).into()),
            SocketAddr::V6(_) => (6, (to.to_be_bytes(), port).into()),
        };
        // Proxies send neither the zone nor the flow label of IPv6.
        let source = SocketAddr::new(source.ip(), source.port());
        let mut addresses = Vec::new();
        for socket in [source, destination] {
            match socket.ip() {
                std::net::IpAddr::V4(address) => addresses.extend(address.octets()),
                std::net::IpAddr::V6(address) => addresses.extend(address.octets()),
            }
        }
        for socket in [source, destination] {
            addresses.extend(socket.port().to_be_bytes());
        }
        let line = format!(
            "PROXY TCP{family} {} {} {} {}\r\n",
            source.ip(), destination.ip(), source.port(), destination.port()
        );
        let header = Header::Client {
            source: SocketAddr::new(source.ip().to_canonical(), source.port()),
            destination: SocketAddr::new(destination.ip().to_canonical(), port),
        };
        let block = block(PROXY, if family == 4 { TCP4 } else { TCP6 }, &[&addresses]);
        prop_assert_eq!(run(line.as_bytes()), Outcome::Header(header, line.len()));
        prop_assert_eq!(run(&block), Outcome::Header(header, block.len()));
    }

    /// Rule P2: whatever is sent, the invariants hold.
    #[test]
    fn anything_can_be_sent(
        start in prop::sample::select(
            vec![&b""[..], b"PROXY ", b"PROXY TCP4 ", b"\r\n\r\n\0\r\nQUIT\n!"],
        ),
        rest in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        run(&[start, &rest].concat());
    }
}
