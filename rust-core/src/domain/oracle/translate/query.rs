//! What Oracle writes in queries: DUAL, ROWNUM, MINUS, `v$session`.

use super::edit::Class;
use super::piece::Kind;
use super::{Names, Relation, Step, Translator};

/// The query that is directly in some parentheses.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Select {
    verb: Verb,
    /// WHERE has been read.
    condition: bool,
    /// OR has been read since.
    or: bool,
    /// It has a LIMIT that stands for ROWNUM.
    limited: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Verb {
    #[default]
    None,
    Select,
    Change,
}

/// Words that can follow a relation in FROM, and so are no alias.
const AFTER_RELATION: [&str; 31] = [
    "where",
    "join",
    "inner",
    "left",
    "right",
    "full",
    "cross",
    "natural",
    "on",
    "group",
    "order",
    "having",
    "union",
    "intersect",
    "except",
    "minus",
    "limit",
    "fetch",
    "for",
    "into",
    "connect",
    "start",
    "window",
    "using",
    "set",
    "when",
    "loop",
    "offset",
    "returning",
    "then",
    "tablesample",
];

/// The sessions, with the columns of Oracle's view that have a meaning here.
const SESSIONS: &str = "(SELECT pid AS sid, EXTRACT(EPOCH FROM DATE_TRUNC('second', backend_start))::bigint \
* 10000000 + pid AS audsid, usename::text AS username, usename::text AS schemaname, \
CASE state WHEN 'active' THEN 'ACTIVE' ELSE 'INACTIVE' END AS status, NULL::text AS osuser, \
COALESCE(client_hostname, HOST(client_addr)) AS machine, NULL::text AS terminal, \
application_name AS program, application_name AS module, NULL::text AS action, \
NULL::text AS client_info, backend_start::timestamp(0) AS logon_time, 'USER' AS type \
FROM pg_stat_activity WHERE backend_type = 'client backend')";

impl<N: Names> Translator<'_, N> {
    /// A word that may belong to the frame of a query.
    pub(super) fn query_word(&mut self, index: usize, word: &str) -> Step<N> {
        match word {
            "select" => self.select(Verb::Select),
            "update" | "delete" | "merge" => self.select(Verb::Change),
            "where" => {
                if let Some(frame) = self.frame() {
                    frame.select.condition = true;
                    frame.select.or = false;
                }
            }
            "or" => {
                if let Some(frame) = self.frame() {
                    frame.select.or = true;
                }
            }
            "into"
                if self.strict
                    && self.frames.len() == 1
                    && !self.is_any(index.wrapping_sub(1), &["insert", "merge"]) =>
            {
                self.strict = false;
                if !self.is(index + 1, "strict") {
                    self.edits
                        .insert_after(self.at(index), &b" STRICT"[..], Class::Follows);
                }
            }
            "minus" => {
                let query = self.is(index + 1, "select")
                    || (self.kind(index + 1) == Kind::Open
                        && self.is_any(index + 2, &["select", "with"]));
                if query && index > 0 {
                    self.edits
                        .replace(self.at(index), &b"EXCEPT"[..], Class::Needed);
                }
            }
            "bulk" if self.is(index + 1, "collect") => {
                return self.refuse(
                    index,
                    "BULK COLLECT is not supported",
                    "Use array_agg() in the query, or a FOR loop.",
                );
            }
            "connect" if self.is(index + 1, "by") => {
                return self.refuse(
                    index,
                    "CONNECT BY is not supported",
                    "Use WITH RECURSIVE, or generate_series().",
                );
            }
            _ => {}
        }
        Ok(())
    }

    fn select(&mut self, verb: Verb) {
        if let Some(frame) = self.frame() {
            // In a MERGE, UPDATE follows; SELECT follows INSERT.
            frame.select = Select {
                verb,
                ..Select::default()
            };
        }
    }

    /// A relation that Oracle has. Returns the index at which to go on, if it is one.
    pub(super) fn from_item(&mut self, index: usize, end: usize) -> Step<N, Option<usize>> {
        let first = if self.is(index, "sys") && end == index + 3 {
            index + 2
        } else {
            index
        };
        if end != first + 1 {
            return Ok(None);
        }
        let word = self.lower(first);
        let word = word.as_str();
        if !matches!(
            word,
            "dual" | "v$session" | "v_$session" | "gv$session" | "gv_$session"
        ) {
            return Ok(None);
        }
        let Some(before) = index.checked_sub(1) else {
            return Ok(None);
        };
        let listed = self.kind(before) == Kind::Comma
            && self
                .frames
                .last()
                .is_some_and(|frame| frame.select.verb == Verb::Select && !frame.select.condition);
        if !listed && !self.is_any(before, &["from", "join", "using"]) {
            return Ok(None);
        }
        let chain = self.chain(index, end);
        if self.relation(&chain)? != Relation::None
            || self.relation(&[word.as_bytes().to_vec()])? != Relation::None
        {
            return Ok(None);
        }
        let alias = self.is_name(end) && !AFTER_RELATION.contains(&self.lower(end).as_str());
        if word == "dual" {
            self.dual(index, end, alias);
        } else {
            let name: &[u8] = if alias { b"" } else { b" AS v$session" };
            self.replace_range(index, end, [SESSIONS.as_bytes(), name].concat());
        }
        Ok(Some(end))
    }

    /// DUAL, the relation with one row.
    fn dual(&mut self, index: usize, end: usize, alias: bool) {
        let before = index - 1;
        let all =
            self.is_symbol(before.wrapping_sub(1), "*") || self.is(before.wrapping_sub(1), "dummy");
        let more = self.kind(end) == Kind::Comma
            || self.is_any(
                end,
                &[
                    "join", "inner", "left", "right", "full", "cross", "natural", "connect",
                ],
            );
        if self.is(before, "from") && !alias && !all && !more {
            self.delete(before);
            for at in index..end {
                self.delete(at);
            }
            return;
        }
        let query: &[u8] = if self.is(before, "using") {
            b"(SELECT)"
        } else {
            b"(SELECT 'X'::text AS dummy)"
        };
        let name: &[u8] = if alias { b"" } else { b" AS dual" };
        self.replace_range(index, end, [query, name].concat());
    }

    /// ROWNUM in a condition, which becomes LIMIT. Returns the index at which to go on.
    pub(super) fn rownum(&mut self, index: usize) -> Step<N, usize> {
        const HINT: &str = "Write LIMIT, or number the rows with row_number() OVER ().";
        const MESSAGE: &str =
            "ROWNUM is only supported as a condition of a simple query, such as ROWNUM <= 10";
        let Some(frame) = self.frames.last() else {
            return Ok(index + 1);
        };
        let (select, close) = (frame.select, frame.close);
        let before = index.wrapping_sub(1);
        let operator = self.text(index + 1);
        let simple = select.verb == Verb::Select
            && select.condition
            && !select.or
            && !select.limited
            && self.is_any(before, &["where", "and"])
            && [&b"="[..], b"<=", b"<"].contains(&operator)
            && (self.is_number(index + 2) || self.is_name(index + 2));
        let end = self.chain_end(index + 2);
        let one = operator != b"=" || self.is_symbol(index + 2, "1");
        if !simple || !one || !self.is_last(end, close) {
            return self.refuse(index, MESSAGE, HINT);
        }
        let mut limit = Vec::new();
        for at in index + 2..end {
            limit.extend_from_slice(self.text(at));
        }
        if operator == b"<" {
            limit.extend_from_slice(b" - 1");
        }
        if limit.iter().any(|byte| b"\n\r".contains(byte)) {
            return self.refuse(index, MESSAGE, HINT);
        }
        if let Some(frame) = self.frame() {
            frame.select.limited = true;
        }
        for at in index..end {
            self.delete(at);
        }
        if self.is(before, "and") {
            self.delete(before);
        } else if self.is(end, "and") {
            self.delete(end);
        } else {
            self.delete(before);
        }
        let last = self.at(close.saturating_sub(1));
        self.edits
            .insert_after(last, [b" LIMIT ", &limit[..]].concat(), Class::Needed);
        Ok(if self.is(before, "where") && self.is(end, "and") {
            end + 1
        } else {
            end
        })
    }

    /// Whether nothing follows but conditions that are joined with AND.
    fn is_last(&self, end: usize, close: usize) -> bool {
        const OTHERS: [&str; 14] = [
            "or",
            "group",
            "order",
            "having",
            "union",
            "intersect",
            "except",
            "minus",
            "fetch",
            "limit",
            "for",
            "offset",
            "window",
            "into",
        ];
        if end < close && !self.is(end, "and") {
            return false;
        }
        let mut at = end;
        while at < close {
            if self.is_any(at, &OTHERS) {
                return false;
            }
            if self.kind(at) == Kind::Open {
                at = self.mate(at).unwrap_or(at);
            }
            at += 1;
        }
        true
    }
}
