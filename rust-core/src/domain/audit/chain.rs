//! The line of the server log with which whoever keeps it can tell whether the log was changed
//! (rule A10).

use super::record::{Value, json};
use std::collections::TryReserveError;
use std::ffi::CString;
use std::fmt::Write;

/// The last row of the log.
pub struct Head {
    /// The time, in ISO 8601.
    pub at: CString,
    /// The server's identifier, as SQL shows it.
    pub server: i64,
    /// The OID of the database that has the log.
    pub database_id: u32,
    /// The row's number.
    pub number: i64,
    /// The timeline that it was written on.
    pub timeline: i32,
    /// Its digest.
    pub digest: [u8; 32],
}

/// The line.
///
/// # Errors
/// Fails if there is no memory for it.
pub fn line(head: &Head) -> Result<CString, TryReserveError> {
    let mut digest = String::new();
    for byte in head.digest {
        // Writing to a String cannot fail.
        let _ = write!(digest, "{byte:02x}");
    }
    // As a text, since not every reader of JSON knows integers of this length.
    let server = head.server.to_string();
    let line = json(&[
        ("at", Value::Text(head.at.to_bytes())),
        ("event", Value::Text(b"digest")),
        ("system_identifier", Value::Text(server.as_bytes())),
        ("database_id", Value::Integer(head.database_id.into())),
        ("number", Value::Integer(head.number)),
        ("timeline", Value::Integer(head.timeline.into())),
        ("digest", Value::Text(digest.as_bytes())),
    ])?;
    Ok(CString::new(line).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule A10.
    #[test]
    fn the_line_has_what_verify_needs() {
        let line = line(&Head {
            at: c"2026".to_owned(),
            server: 7_000_000_000_000_000_001,
            database_id: 5,
            number: 12,
            timeline: 3,
            digest: std::array::from_fn(|index| index as u8),
        })
        .unwrap();
        assert_eq!(
            line.to_str(),
            Ok(concat!(
                r#"{"at": "2026", "event": "digest", "system_identifier": "7000000000000000001", "#,
                r#""database_id": 5, "number": 12, "timeline": 3, "#,
                r#""digest": "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"}"#
            ))
        );
    }
}
