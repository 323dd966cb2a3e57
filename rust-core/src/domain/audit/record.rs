//! What the session audit records of a session (section A): the columns of a row, the name of
//! each kind of end, and the line of the server log that takes the row's place where nothing
//! can be written. Where the values come from, and how the row is written, is not decided here.

use super::text::Text;
use std::collections::TryReserveError;
use std::ffi::{CStr, CString};
use std::fmt::Write;
use std::net::IpAddr;

/// How a session ended: the column `ended_by`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The client asked for it.
    Client,
    /// The connection was closed or broke without the client having asked.
    ClientLost,
    /// `pg_terminate_backend()`, or `DROP DATABASE … WITH (FORCE)`.
    Terminated,
    /// A shutdown of the server.
    Shutdown,
    /// `idle_session_timeout`
    IdleSessionTimeout,
    /// `idle_in_transaction_session_timeout`
    IdleInTransactionSessionTimeout,
    /// `transaction_timeout`
    TransactionTimeout,
    /// Any other error of level FATAL.
    Fatal,
    /// `DISCARD ALL`, after which the session goes on with its next use (rule R3).
    Reset,
    /// A crash, or an immediate shutdown, of the server (rule A7).
    Crash,
}

impl End {
    /// The end by a request, a timeout, or the loss of the client, which the server reports
    /// as a FATAL error with this SQLSTATE. Other errors can have the same ones, since RAISE
    /// takes any. The server reports its shutdown to its sessions as if somebody terminated
    /// each of them, so the caller says whether one is under way.
    pub fn from_interrupt(sqlstate: &[u8], shutdown: bool) -> End {
        match sqlstate {
            b"57P01" if shutdown => End::Shutdown,
            b"57P01" => End::Terminated,
            b"57P05" => End::IdleSessionTimeout,
            b"25P03" => End::IdleInTransactionSessionTimeout,
            b"25P04" => End::TransactionTimeout,
            b"08006" | b"08003" => End::ClientLost,
            _ => End::Fatal,
        }
    }

    /// The value of the column.
    pub const fn name(self) -> &'static CStr {
        match self {
            End::Client => c"client",
            End::ClientLost => c"client_lost",
            End::Terminated => c"terminated",
            End::Shutdown => c"shutdown",
            End::IdleSessionTimeout => c"idle_session_timeout",
            End::IdleInTransactionSessionTimeout => c"idle_in_transaction_session_timeout",
            End::TransactionTimeout => c"transaction_timeout",
            End::Fatal => c"fatal",
            End::Reset => c"reset",
            End::Crash => c"crash",
        }
    }
}

/// What a record is about: the column `event`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A session, or a use of one, begins.
    Logon,
    /// It ends.
    Logoff,
    /// A logon was refused (rule A8).
    Refused,
    /// A session has ended without having said so (rule A7).
    Lost,
    /// Something was done that weakens the audit, or takes rows from the log (rules A10 and A11).
    Changed,
}

impl Kind {
    /// The value of the column.
    pub const fn name(self) -> &'static CStr {
        match self {
            Kind::Logon => c"logon",
            Kind::Logoff => c"logoff",
            Kind::Refused => c"refused",
            Kind::Lost => c"lost",
            Kind::Changed => c"changed",
        }
    }
}

/// What a session, or a use of one, has used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Processor time, in microseconds.
    pub cpu: i64,
    /// Blocks found in the buffers.
    pub blocks_hit: i64,
    /// Blocks read.
    pub blocks_read: i64,
    /// Blocks written.
    pub blocks_written: i64,
    /// Blocks of temporary files, read or written.
    pub temp_blocks: i64,
    /// Bytes of WAL.
    pub wal_bytes: i64,
}

impl Usage {
    /// Of a process that has just started.
    pub const NONE: Usage = Usage {
        cpu: 0,
        blocks_hit: 0,
        blocks_read: 0,
        blocks_written: 0,
        temp_blocks: 0,
        wal_bytes: 0,
    };

    /// What was used since then.
    pub fn since(self, then: Usage) -> Usage {
        Usage {
            cpu: self.cpu - then.cpu,
            blocks_hit: self.blocks_hit - then.blocks_hit,
            blocks_read: self.blocks_read - then.blocks_read,
            blocks_written: self.blocks_written - then.blocks_written,
            temp_blocks: self.temp_blocks - then.temp_blocks,
            wal_bytes: self.wal_bytes - then.wal_bytes,
        }
    }
}

/// How many bytes the context of a record has at the most.
pub const CONTEXT: usize = 500;

/// What a session leaves for the writer (rule A9). It is of fixed size, since it lies in
/// shared memory: longer texts are cut. Empty texts are NULL. Times are in microseconds since
/// 2000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// What it is about.
    pub kind: Kind,
    /// When that happened.
    pub at: i64,
    /// When the process started, in seconds since 1970, and its number, which make the
    /// identifier of the session.
    pub process: Option<(i64, i32)>,
    /// Whether it is a replication connection.
    pub replication: bool,
    /// The role that logged on.
    pub login_user: Text<63>,
    /// Its OID; 0 is NULL.
    pub login_user_id: u32,
    /// The database that it logged on to.
    pub database: Text<63>,
    /// Its OID; 0 is NULL.
    pub database_id: u32,
    /// How the client has authenticated.
    pub auth_method: Text<15>,
    /// As whom, if the method has an identity.
    pub system_identity: Text<255>,
    /// `None` over a Unix socket.
    pub client_addr: Option<IpAddr>,
    /// `None` over a Unix socket.
    pub client_port: Option<i32>,
    /// The address of the proxy that the client has come through, if it has one.
    pub proxy_addr: Option<IpAddr>,
    /// `application_name` at the time.
    pub application_name: Text<63>,
    /// The version of TLS, or `GSS`.
    pub encryption: Text<7>,
    /// `session_triggers.instance_num` at logon.
    pub instance_num: i32,
    /// When the session, or its present use, began.
    pub logon_at: Option<i64>,
    /// How it ended.
    pub end: Option<End>,
    /// The error with which it ended, or with which its logon triggers failed.
    pub sqlstate: Text<5>,
    /// What it has used, if it has ended.
    pub usage: Option<Usage>,
    /// For how many events it stands.
    pub count: u32,
    /// A JSON object with what else there is to say (rule A12).
    pub context: Text<CONTEXT>,
}

impl Record {
    /// A record that says nothing but what it is about, and when that was.
    pub const fn new(kind: Kind, at: i64) -> Record {
        Record {
            kind,
            at,
            process: None,
            replication: false,
            login_user: Text::EMPTY,
            login_user_id: 0,
            database: Text::EMPTY,
            database_id: 0,
            auth_method: Text::EMPTY,
            system_identity: Text::EMPTY,
            client_addr: None,
            client_port: None,
            proxy_addr: None,
            application_name: Text::EMPTY,
            encryption: Text::EMPTY,
            instance_num: 1,
            logon_at: None,
            end: None,
            sqlstate: Text::EMPTY,
            usage: None,
            count: 1,
            context: Text::EMPTY,
        }
    }

    /// The identifier of the session.
    pub fn session_id(&self) -> Option<String> {
        self.process
            .map(|(start, process)| session_id(start, process))
    }

    /// The value of the column `kind`; `None` if no connection did this.
    pub fn connection(&self) -> Option<&'static CStr> {
        match (self.kind, self.process) {
            (Kind::Changed, None) => None,
            _ if self.replication => Some(c"replication"),
            _ => Some(c"client"),
        }
    }

    /// The record as a line of the server log, which is a JSON object (rule A5).
    /// `format_time` makes ISO 8601 of a time.
    ///
    /// # Errors
    /// Fails if there is no memory for it.
    pub fn line(&self, format_time: fn(i64) -> CString) -> Result<CString, TryReserveError> {
        fn optional<T: AsRef<[u8]>>(text: &Option<T>) -> Value<'_> {
            text.as_ref()
                .map_or(Value::Null, |text| Value::Text(text.as_ref()))
        }
        fn number(number: u32) -> Value<'static> {
            match number {
                0 => Value::Null,
                number => Value::Integer(number.into()),
            }
        }
        fn text<const N: usize>(text: &Text<N>) -> Value<'_> {
            match text.bytes() {
                [] => Value::Null,
                bytes => Value::Text(bytes),
            }
        }
        let at = format_time(self.at);
        let logon_at = self.logon_at.map(format_time);
        let session_id = self.session_id();
        let client_addr = self.client_addr.map(|address| address.to_string());
        let proxy_addr = self.proxy_addr.map(|address| address.to_string());
        let usage = self.usage.as_ref();
        let counter =
            |get: fn(&Usage) -> i64| usage.map_or(Value::Null, |usage| Value::Integer(get(usage)));
        let line = json(&[
            ("at", Value::Text(at.to_bytes())),
            ("event", Value::Text(self.kind.name().to_bytes())),
            ("session_id", optional(&session_id)),
            ("login_user", text(&self.login_user)),
            ("login_user_id", number(self.login_user_id)),
            ("database", text(&self.database)),
            ("database_id", number(self.database_id)),
            (
                "kind",
                self.connection()
                    .map_or(Value::Null, |kind| Value::Text(kind.to_bytes())),
            ),
            ("auth_method", text(&self.auth_method)),
            ("system_identity", text(&self.system_identity)),
            ("client_addr", optional(&client_addr)),
            (
                "client_port",
                self.client_port
                    .map_or(Value::Null, |port| Value::Integer(port.into())),
            ),
            ("proxy_addr", optional(&proxy_addr)),
            ("application_name", text(&self.application_name)),
            ("encryption", text(&self.encryption)),
            ("instance_num", Value::Integer(self.instance_num.into())),
            (
                "logon_at",
                optional(&logon_at.as_deref().map(CStr::to_bytes)),
            ),
            (
                "ended_by",
                self.end
                    .map_or(Value::Null, |end| Value::Text(end.name().to_bytes())),
            ),
            ("sqlstate", text(&self.sqlstate)),
            (
                "cpu",
                usage.map_or(Value::Null, |usage| Value::Microseconds(usage.cpu)),
            ),
            ("blocks_hit", counter(|usage| usage.blocks_hit)),
            ("blocks_read", counter(|usage| usage.blocks_read)),
            ("blocks_written", counter(|usage| usage.blocks_written)),
            ("temp_blocks", counter(|usage| usage.temp_blocks)),
            ("wal_bytes", counter(|usage| usage.wal_bytes)),
            (
                "count",
                number(if self.count == 1 { 0 } else { self.count }),
            ),
            (
                "context",
                match self.context.bytes() {
                    [] => Value::Null,
                    object => Value::Json(object),
                },
            ),
        ])?;
        Ok(CString::new(line).unwrap_or_default())
    }
}

/// The identifier of a session, as `%c` of `log_line_prefix` shows it: the time at
/// which the process started, in seconds since 1970, and its number.
pub fn session_id(start: i64, pid: i32) -> String {
    format!("{start:x}.{pid:x}")
}

/// When a process started, in seconds since 1970, and its number, of such an identifier.
pub fn parse_session_id(text: &[u8]) -> Option<(i64, i32)> {
    let (start, process) = std::str::from_utf8(text).ok()?.split_once('.')?;
    Some((
        i64::from_str_radix(start, 16).ok()?,
        i32::from_str_radix(process, 16).ok()?,
    ))
}

/// The five characters of a SQLSTATE that the server encodes so, as `unpack_sql_state()` does.
pub fn decode_sqlstate(code: i32) -> Text<5> {
    let letters = [0, 6, 12, 18, 24].map(|shift| b'0' + (code >> shift & 0x3f) as u8);
    Text::new(&letters)
}

/// Whether an error with this SQLSTATE tells of the server's state, and not of the record that
/// could not be written: a lock, a resource, an operator, a broken disk.
pub fn is_of_server(sqlstate: i32) -> bool {
    let text = decode_sqlstate(sqlstate);
    [b"40", b"53", b"55", b"57", b"58"].contains(&text.bytes().first_chunk().unwrap_or(b"00"))
}

/// A value of a record, as the line of the log shows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// SQL's NULL, which the line leaves out.
    Null,
    /// A text in whatever encoding.
    Text(&'a [u8]),
    /// What is JSON already, and ASCII.
    Json(&'a [u8]),
    /// A number.
    Integer(i64),
    /// A number of microseconds, shown as seconds.
    Microseconds(i64),
}

impl Value<'_> {
    /// How many bytes the line needs for it at the most.
    fn room(&self) -> usize {
        match self {
            Value::Null => 0,
            // A byte can become one character, as \u0000.
            Value::Text(text) => 2 + 6 * text.len(),
            Value::Json(json) => json.len(),
            // The digits and signs of an i64, and the point.
            Value::Integer(_) | Value::Microseconds(_) => 28,
        }
    }
}

/// Whether a message for the server log could be taken for a record (rule A13): the first
/// column of a record is the time. Who reads lines as JSON passes over white space.
pub fn is_like_record(message: &[u8]) -> bool {
    fn after_space(text: &[u8]) -> &[u8] {
        let start = text.iter().position(|&byte| byte > b' ');
        start.map_or(&[], |start| &text[start..])
    }
    after_space(message)
        .strip_prefix(b"{")
        .is_some_and(|object| after_space(object).starts_with(b"\"at\""))
}

/// Formats a record as one line that is a JSON object (rule A5).
///
/// The line is pure ASCII whatever the values: the log's encoding may be another one
/// than JSON's, and names may be hostile. Bytes that are not UTF-8 are shown as the
/// characters of Latin-1 with these codes, so that no two values look the same.
///
/// # Errors
/// Fails if there is no memory for the line: the identity of a client can be of any length
/// (rule F13).
pub fn json(fields: &[(&str, Value)]) -> Result<String, TryReserveError> {
    const PUNCTUATION: usize = "\"\": , ".len();
    let room = fields
        .iter()
        .map(|(name, value)| name.len() + PUNCTUATION + value.room());
    let mut line = String::new();
    // And a terminator, which the caller may add.
    line.try_reserve_exact(room.sum::<usize>() + "{}\0".len())?;
    line.push('{');
    for &(name, value) in fields {
        if value == Value::Null {
            continue;
        }
        if line.len() > 1 {
            line.push_str(", ");
        }
        // Writing to a String cannot fail.
        let _ = match value {
            Value::Null => Ok(()),
            Value::Text(text) => {
                let _ = write!(line, "\"{name}\": ");
                push_string(&mut line, text);
                Ok(())
            }
            Value::Json(json) => {
                let _ = write!(line, "\"{name}\": ");
                line.extend(json.iter().map(|&byte| char::from(byte)));
                Ok(())
            }
            Value::Integer(number) => write!(line, "\"{name}\": {number}"),
            Value::Microseconds(number) => write!(
                line,
                "\"{name}\": {}.{:06}",
                number / 1_000_000,
                (number % 1_000_000).abs()
            ),
        };
    }
    line.push('}');
    Ok(line)
}

fn push_string(line: &mut String, text: &[u8]) {
    line.push('"');
    for chunk in text.utf8_chunks() {
        chunk.valid().chars().for_each(|c| push_char(line, c));
        chunk
            .invalid()
            .iter()
            .for_each(|&byte| push_char(line, char::from(byte)));
    }
    line.push('"');
}

/// Adds a character to a string of JSON, in ASCII.
pub(super) fn push_char(line: &mut String, c: char) {
    match c {
        '"' | '\\' => line.extend(['\\', c]),
        ' '..='~' => line.push(c),
        _ => {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(line, "\\u{unit:04x}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule A4.
    #[test]
    fn ends_are_named_by_their_sqlstate() {
        let table = [
            ("57P01", false, "terminated"),
            ("57P01", true, "shutdown"),
            ("57P05", false, "idle_session_timeout"),
            ("25P03", false, "idle_in_transaction_session_timeout"),
            ("25P04", true, "transaction_timeout"),
            ("08006", false, "client_lost"),
            ("08P01", false, "fatal"),
            ("53200", true, "fatal"),
        ];
        for (sqlstate, shutdown, name) in table {
            let end = End::from_interrupt(sqlstate.as_bytes(), shutdown);
            assert_eq!(end.name().to_str(), Ok(name), "{sqlstate} {shutdown}");
        }
    }

    /// Rule R3.
    #[test]
    fn a_use_ends_by_a_reset() {
        assert_eq!(End::Reset.name(), c"reset");
    }

    #[test]
    fn sqlstates_are_decoded() {
        use crate::domain::stat::encode_sqlstate;
        for text in [b"57014", b"P0001", b"XX000"] {
            assert_eq!(decode_sqlstate(encode_sqlstate(text)).bytes(), text);
        }
    }

    /// Rule A6: a record is not given up for a reason that will pass.
    #[test]
    fn errors_of_the_server_are_known() {
        use crate::domain::stat::encode_sqlstate;
        for text in [b"55P03", b"53100", b"57014", b"40P01", b"58030"] {
            assert!(is_of_server(encode_sqlstate(text)));
        }
        for text in [b"22012", b"P0001", b"XX000", b"42501"] {
            assert!(!is_of_server(encode_sqlstate(text)));
        }
    }

    /// Rule A9: what `%c` shows.
    #[test]
    fn session_identifiers_are_those_of_the_log() {
        assert_eq!(session_id(0x6745_a1b2, 0x1f4), "6745a1b2.1f4");
        assert_eq!(
            parse_session_id(b"6745a1b2.1f4"),
            Some((0x6745_a1b2, 0x1f4))
        );
        assert_eq!(parse_session_id(b"6745a1b2"), None);
        assert_eq!(parse_session_id(b"x.1"), None);
    }

    /// Rule A5.
    #[test]
    fn lines_are_json_and_ascii() {
        let line = json(&[
            ("a", Value::Text(b"x \"\\\n\x01\x7f")),
            ("b", Value::Null),
            ("c", Value::Integer(-5)),
            ("d", Value::Microseconds(1_000_020)),
            ("e", Value::Text("é€😀".as_bytes())),
            ("f", Value::Text(b"\xe9\xff")),
            ("g", Value::Json(b"{\"x\": 1}")),
        ])
        .unwrap();
        assert_eq!(
            line,
            r#"{"a": "x \"\\\u000a\u0001\u007f", "c": -5, "d": 1.000020, "e": "\u00e9\u20ac\ud83d\ude00", "f": "\u00e9\u00ff", "g": {"x": 1}}"#
        );
        assert_eq!(json(&[]).as_deref(), Ok("{}"));
        assert!(line.is_ascii());
    }

    /// Rule A13: what is like a record is known by the way in which all of them begin.
    #[test]
    fn records_are_known_by_their_start() {
        let line = json(&[("at", Value::Text(b"2026")), ("event", Value::Text(b"x"))]).unwrap();
        assert!(is_like_record(line.as_bytes()));
        for imitation in ["\t {\"at\": \"x\"}", "\n{ \"at\" :1}", "\u{b}{\"at\":"] {
            assert!(is_like_record(imitation.as_bytes()), "{imitation:?}");
        }
        for other in ["{", " ", "x {\"at\": \"x\"}", "{\"att\": 1}"] {
            assert!(!is_like_record(other.as_bytes()), "{other:?}");
        }
        assert!(!is_like_record(b"{\"event\": \"x\"}"));
        assert!(!is_like_record(b""));
    }

    /// Rule F13: what a line needs is known before, whatever the values.
    #[test]
    fn lines_have_room() {
        let values = [
            Value::Null,
            Value::Text("é€😀".as_bytes()),
            Value::Text(&[0xff; 100]),
            Value::Text(b"\"\\\x01"),
            Value::Json(b"{}"),
            Value::Integer(i64::MIN),
            Value::Microseconds(i64::MIN),
        ];
        for value in values {
            let line = json(&[("name", value), ("name", value)]).unwrap();
            let room = 2 * ("\"name\": , ".len() + value.room()) + "{}\0".len();
            assert!(line.len() < room, "{line}");
            assert_eq!(line.capacity(), room);
        }
    }
}
