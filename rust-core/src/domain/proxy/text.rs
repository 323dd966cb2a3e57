//! Numbers and addresses in text that others write: each has one form that everybody reads the
//! same way, and any other is refused.

use std::str::FromStr;

/// A decimal number without a sign, and without zeros at its start.
pub fn number(text: &[u8]) -> Option<u16> {
    match text {
        [b'0'] => Some(0),
        [b'1'..=b'9', ..] => text.iter().try_fold(0_u16, |number, digit| {
            let digit = digit.is_ascii_digit().then(|| u16::from(digit - b'0'))?;
            number.checked_mul(10)?.checked_add(digit)
        }),
        _ => None,
    }
}

/// An IPv4 or IPv6 address, or either. Rust's library takes neither zones nor brackets, nor
/// zeros at the start of a number of IPv4, which others take for a sign of an octal one.
pub fn address<A: FromStr>(text: &[u8]) -> Option<A> {
    std::str::from_utf8(text).ok()?.parse().ok()
}
