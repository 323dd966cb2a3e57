//! ALTER SESSION: its parameters, and the settings that do the same here.

use super::super::lexer::Lexer;
use super::super::token::Token;
use super::edit::Class;
use super::piece::quote;
use super::scope::Name;
use super::tok::Kind;
use super::{Names, Step, Translator};

/// A message and a hint.
type Refused = (String, &'static str);

/// Parameters of Oracle's optimizer and the like, which change no result.
const TUNING: [&str; 14] = [
    "cursor_sharing",
    "db_file_multiblock_read_count",
    "hash_area_size",
    "nls_calendar",
    "nls_language",
    "nls_length_semantics",
    "nls_territory",
    "nls_time_format",
    "nls_time_tz_format",
    "nls_timestamp_format",
    "nls_timestamp_tz_format",
    "session_cached_cursors",
    "sort_area_size",
    "statistics_level",
];

const LEAVE_OUT: &str = "Leave it out, or set what has that meaning here with SET.";

/// The value of a parameter.
struct Value<'a> {
    /// As it is written.
    text: &'a [u8],
    /// What it says: without quotes, in lower case if it had none.
    content: Vec<u8>,
}

/// The statements that do what an ALTER SESSION says. `None` if the text is none.
pub(super) fn translate(text: &[u8], standard_strings: bool) -> Option<Result<Vec<u8>, Refused>> {
    let mut lexer = Lexer::new(text, 0, true);
    let mut tokens = Vec::new();
    loop {
        let lexeme = lexer.next_token();
        if lexeme.token == Token::End {
            break;
        }
        tokens.push((
            lexeme.token,
            text.get(lexeme.start..lexeme.end).unwrap_or_default(),
        ));
    }
    let is = |index: usize, word: &str| {
        tokens
            .get(index)
            .is_some_and(|(_, text)| text.eq_ignore_ascii_case(word.as_bytes()))
    };
    if !is(0, "alter") || !is(1, "session") {
        return None;
    }
    if is(3, "parallel")
        && ["enable", "disable", "force"]
            .iter()
            .any(|word| is(2, word))
    {
        return Some(Ok(b"NULL".to_vec()));
    }
    if !is(2, "set") {
        return Some(Err((
            "this ALTER SESSION is not supported".into(),
            LEAVE_OUT,
        )));
    }
    let mut statements: Vec<Vec<u8>> = Vec::new();
    let mut at = 3;
    while let Some((_, name)) = tokens.get(at) {
        at += if is(at + 1, "=") { 2 } else { 1 };
        let Some(&(token, text)) = tokens.get(at) else {
            return Some(Err(("a parameter has no value".into(), LEAVE_OUT)));
        };
        let negative = text == b"-";
        at += if negative { 2 } else { 1 };
        // ISOLATION_LEVEL = READ COMMITTED
        let mut content = super::piece::fold(text);
        if token == Token::String {
            content = unquote(text);
        }
        if is(at, "committed") {
            content.extend_from_slice(b" committed");
            at += 1;
        }
        let name = name.to_ascii_lowercase();
        match set(&name, &Value { text, content }, standard_strings) {
            Ok(statement) => statements.push(statement),
            Err(refused) => return Some(Err(refused)),
        }
    }
    Some(if statements.is_empty() {
        Err(("a parameter is missing".into(), LEAVE_OUT))
    } else {
        Ok(statements.join(&b"; "[..]))
    })
}

fn unquote(text: &[u8]) -> Vec<u8> {
    let inner = text
        .strip_prefix(b"'")
        .and_then(|rest| rest.strip_suffix(b"'"));
    let mut content = Vec::new();
    let mut quote = false;
    for &byte in inner.unwrap_or(text) {
        quote = byte == b'\'' && !quote;
        if !quote {
            content.push(byte);
        }
    }
    content
}

/// The statement that sets what a parameter sets in Oracle.
fn set(name: &[u8], value: &Value<'_>, standard_strings: bool) -> Result<Vec<u8>, Refused> {
    let name = String::from_utf8_lossy(name).into_owned();
    let constant = |content: &[u8]| quote(content, standard_strings);
    let content = value.content.as_slice();
    if content.iter().any(|byte| b"\n\r\0".contains(byte)) {
        return Err((format!("the value of {name} is not on one line"), LEAVE_OUT));
    }
    let on = [&b"true"[..], b"on"].contains(&content);
    Ok(match name.as_str() {
        "current_schema" => {
            let schema = if value.text.starts_with(b"'") {
                constant(content)
            } else {
                value.text.to_vec()
            };
            [b"SET search_path = ", &schema[..]].concat()
        }
        "time_zone" if content.starts_with(b"+") || content.starts_with(b"-") => [
            b"SET TIME ZONE INTERVAL ",
            &constant(content)[..],
            b" HOUR TO MINUTE",
        ]
        .concat(),
        "time_zone" if [&b"local"[..], b"dbtimezone"].contains(&content) => {
            b"SET TimeZone = DEFAULT".to_vec()
        }
        "time_zone" => [b"SET TimeZone = ", &constant(content)[..]].concat(),
        "nls_date_format" => {
            let Some(order) = order(content) else {
                return Err((
                    "the order of day, month and year is not known from the format".into(),
                    "Write SET DateStyle = 'ISO, DMY', 'ISO, MDY' or 'ISO, YMD'.",
                ));
            };
            [b"SET DateStyle = 'ISO, ", order, b"'"].concat()
        }
        "sql_trace" if on => b"SET log_statement = 'all'".to_vec(),
        "sql_trace" => b"SET log_statement = DEFAULT".to_vec(),
        "events" if content.starts_with(b"10046 ") => {
            if content.to_ascii_lowercase().ends_with(b" off") {
                b"SET log_min_duration_statement = DEFAULT".to_vec()
            } else {
                b"SET log_min_duration_statement = 0".to_vec()
            }
        }
        "events" => {
            return Err((
                "this event has no counterpart".into(),
                "Leave it out; SET log_statement = 'all' writes statements to the server log.",
            ));
        }
        "isolation_level" if content == b"serializable" || content == b"read committed" => [
            b"SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL ",
            content,
        ]
        .concat(),
        "nls_numeric_characters" => {
            return Err((
                "NLS_NUMERIC_CHARACTERS has no counterpart".into(),
                "Leave it out; numbers have a point, and TO_CHAR with D and G follows lc_numeric.",
            ));
        }
        "nls_sort" | "nls_comp" => {
            return Err((
                format!("{} has no counterpart", name.to_ascii_uppercase()),
                "Give the columns a collation, or write COLLATE in the query.",
            ));
        }
        _ if name.starts_with("optimizer_") || name.starts_with("parallel_") => b"NULL".to_vec(),
        _ if TUNING.contains(&name.as_str()) => b"NULL".to_vec(),
        _ => {
            return Err((
                format!("parameter \"{name}\" of ALTER SESSION has no counterpart"),
                LEAVE_OUT,
            ));
        }
    })
}

/// The order in which a format has day, month and year.
fn order(format: &[u8]) -> Option<&'static [u8]> {
    let format = format.to_ascii_uppercase();
    let find = |part: &[u8]| {
        format
            .windows(part.len().max(1))
            .position(|window| window == part)
    };
    let (day, month, year) = (
        find(b"DD")?,
        find(b"MM").or_else(|| find(b"MON"))?,
        find(b"Y").or_else(|| find(b"R"))?,
    );
    if year < month && month < day {
        Some(b"YMD")
    } else if month < day && day < year {
        Some(b"MDY")
    } else if day < month && month < year {
        Some(b"DMY")
    } else {
        None
    }
}

impl<N: Names> Translator<'_, N> {
    /// EXECUTE IMMEDIATE of an ALTER SESSION. The result is false if it is none.
    pub(super) fn alter_session(&mut self, from: usize, to: usize) -> Step<N, bool> {
        let Some(text) = self.constant(from) else {
            return Ok(false);
        };
        if to != from + 1 {
            return self.alter_session_parts(from, to, &text);
        }
        match translate(&text, self.source.standard_strings) {
            None => Ok(false),
            Some(Err((message, hint))) => self.refuse(from, message, hint),
            Some(Ok(statement)) => {
                self.replace_statement(statement);
                Ok(true)
            }
        }
    }

    /// Replaces all tokens but the semicolon.
    pub(super) fn replace_statement(&mut self, statement: Vec<u8>) {
        self.edits.replace(self.at(0), statement, Class::Needed);
        for index in 1..self.tokens.len().saturating_sub(1) {
            self.delete(index);
        }
    }

    /// `'ALTER SESSION SET ' || name || ' = ' || value`, or with the name in the constant.
    fn alter_session_parts(&mut self, from: usize, to: usize, text: &[u8]) -> Step<N, bool> {
        let lower = text.to_ascii_lowercase();
        let words: Vec<&[u8]> = lower
            .split(|byte| byte.is_ascii_whitespace() || *byte == b'=')
            .filter(|word| !word.is_empty())
            .collect();
        if words.first() != Some(&&b"alter"[..]) || words.get(1) != Some(&&b"session"[..]) {
            return Ok(false);
        }
        let parts = self.parts(from, to);
        let supported = words.get(2) == Some(&&b"set"[..]) && words.len() <= 5;
        let value = match (words.get(3), parts.as_slice()) {
            (None, [_, _, middle, rest @ ..]) if supported && !rest.is_empty() => {
                Some((*middle, true))
            }
            (Some(&b"current_schema"), [first, rest @ ..]) if supported && !rest.is_empty() => {
                Some((*first, false))
            }
            _ => None,
        };
        let Some((equals, named)) = value else {
            return self.alter_session_later(from, to);
        };
        let Some(sign) = self.constant(equals.0) else {
            return self.alter_session_later(from, to);
        };
        let sign = sign
            .rsplit(|&byte| byte == b'=')
            .next()
            .unwrap_or_default()
            .trim_ascii();
        let quoted = sign == b"'" || sign == b"\"";
        let mut last = to;
        if quoted {
            let closing = parts.last().and_then(|&(start, _)| self.constant(start));
            if closing.as_deref().map(<[u8]>::trim_ascii) != Some(sign) {
                return self.alter_session_later(from, to);
            }
            last = parts
                .last()
                .map_or(to, |&(start, _)| start.saturating_sub(1));
        } else if !sign.is_empty() && Some(&sign) != words.get(3) {
            return self.alter_session_later(from, to);
        }
        let start = equals.1 + 1;
        if start >= last {
            return self.alter_session_later(from, to);
        }
        self.set_config(from, equals, start, last, named)?;
        Ok(true)
    }

    /// Writes the statement that calls set_config().
    fn set_config(
        &mut self,
        from: usize,
        equals: (usize, usize),
        start: usize,
        last: usize,
        named: bool,
    ) -> Step<N> {
        let call: &'static [u8] = if named {
            b"PERFORM set_config("
        } else {
            b"PERFORM set_config('search_path',"
        };
        self.edits.replace(self.at(0), call, Class::Needed);
        let end = self.tokens.len().saturating_sub(1);
        for index in 1..end {
            let name = named && index > from + 1 && index < equals.0.saturating_sub(1);
            let value = index >= start && index < last;
            if named && index + 1 == equals.0 {
                self.edits.replace(self.at(index), &b","[..], Class::Needed);
            } else if !name && !value {
                self.delete(index);
            }
        }
        let number =
            last == start + 1 && self.scopes.get(&self.folded(start)) == Some(&Name::Number);
        let closing = if number {
            &b"::text, false)"[..]
        } else {
            &b", false)"[..]
        };
        self.edits
            .insert_after(self.at(last - 1), closing, Class::Needed);
        if named {
            self.walk(from + 2, equals.0.saturating_sub(1))?;
        }
        self.walk(start, last)
    }

    /// What is only known when the statement is run.
    fn alter_session_later(&mut self, from: usize, _to: usize) -> Step<N, bool> {
        if self.has_oracle_session()? {
            return Ok(false);
        }
        self.refuse(
            from,
            "what this ALTER SESSION sets is not known",
            "Write PERFORM set_config(name, value, false), or CREATE EXTENSION oracle_session, whose function statement() translates it when it is run.",
        )
    }

    /// The parts that are joined with `||`: the indexes of their first tokens, and those
    /// behind their last.
    fn parts(&self, from: usize, to: usize) -> Vec<(usize, usize)> {
        let mut parts = Vec::new();
        let (mut start, mut index) = (from, from);
        while index < to {
            if self.kind(index) == Kind::Open {
                index = self.mate(index).unwrap_or(index);
            } else if self.is_symbol(index, "||") {
                parts.push((start, index));
                start = index + 1;
            }
            index += 1;
        }
        parts.push((start, to));
        parts
    }
}
