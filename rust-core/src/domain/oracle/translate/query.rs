//! What Oracle writes in queries: DUAL, ROWNUM, MINUS, `v$session`.

use super::edit::Class;
use super::tok::Kind;
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
    /// Its result has all columns, or DUAL's.
    all: bool,
    /// The index of the name of the relation that is changed.
    target: u32,
    /// What follows is assigned to its columns.
    sets: bool,
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

/// Views of Oracle's, with those of their columns that have a meaning here.
pub(super) const VIEWS: [(&str, &str); 3] = [
    (
        "v$session",
        "(SELECT pid AS sid, \
EXTRACT(EPOCH FROM DATE_TRUNC('second', backend_start))::bigint AS \"serial#\", \
EXTRACT(EPOCH FROM DATE_TRUNC('second', backend_start))::bigint * 10000000 + pid AS audsid, \
usename::text AS username, usename::text AS schemaname, \
CASE state WHEN 'active' THEN 'ACTIVE' ELSE 'INACTIVE' END AS status, NULL::text AS osuser, \
COALESCE(client_hostname, HOST(client_addr)) AS machine, NULL::text AS terminal, \
application_name AS program, application_name AS module, NULL::text AS action, \
NULL::text AS client_info, backend_start::timestamp(0) AS logon_time, 'USER' AS type \
FROM pg_stat_activity WHERE backend_type = 'client backend')",
    ),
    (
        "v$database",
        "(SELECT current_database()::text AS name, current_database()::text AS db_unique_name, \
CASE WHEN pg_is_in_recovery() THEN 'READ ONLY' ELSE 'READ WRITE' END AS open_mode)",
    ),
    (
        "v$instance",
        "(SELECT NULLIF(current_setting('cluster_name'), '') AS instance_name, \
NULL::text AS host_name, current_setting('server_version') AS version, \
pg_postmaster_start_time()::timestamp(0) AS startup_time, 'OPEN' AS status)",
    ),
];

/// The view that a name is, also by its own name and for all instances.
pub(super) fn view(name: &str) -> Option<(&'static str, &'static str)> {
    let name = name
        .strip_prefix('g')
        .unwrap_or(name)
        .replacen("v_$", "v$", 1);
    VIEWS.into_iter().find(|(view, _)| *view == name)
}

impl<N: Names> Translator<'_, N> {
    /// A word that may belong to the frame of a query.
    pub(super) fn query_word(&mut self, index: usize, word: &str) -> Step<N> {
        match word {
            "select" => self.select(Verb::Select, 0),
            "update" if self.is(index + 1, "set") => {
                let target = self.frames.last().map_or(0, |frame| frame.select.target);
                self.select(Verb::Change, target as usize);
            }
            "update" => self.select(Verb::Change, index + 1),
            "merge" => self.select(Verb::Change, index + 2),
            "delete" => self.select(Verb::Change, 0),
            "dummy" => self.takes_all(index),
            "set" => self.sets(true),
            "from" | "when" | "returning" => self.sets(false),
            "where" => {
                self.sets(false);
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

    fn select(&mut self, verb: Verb, target: usize) {
        let target = u32::try_from(target).unwrap_or(0);
        if let Some(frame) = self.frame() {
            frame.select = Select {
                verb,
                target,
                ..Select::default()
            };
        }
    }

    /// The columns of DUAL are in the result.
    pub(super) fn takes_all(&mut self, index: usize) {
        let before = index.wrapping_sub(1);
        let listed =
            self.kind(before) == Kind::Comma || self.is_any(before, &["select", "distinct", "all"]);
        if let Some(frame) = self.frame() {
            frame.select.all |= listed;
        }
    }

    fn sets(&mut self, sets: bool) {
        if let Some(frame) = self.frame() {
            frame.select.sets = sets;
        }
    }

    /// `UPDATE t x SET x.column = …`: the column is not qualified here. The name is in the
    /// tokens from `index` up to `end`.
    pub(super) fn assigned(&mut self, index: usize, end: usize) {
        let Some(select) = self.frames.last().map(|frame| frame.select) else {
            return;
        };
        let target = select.target as usize;
        let starts = self.is(index.wrapping_sub(1), "set")
            || self.kind(index.wrapping_sub(1)) == Kind::Comma;
        if !select.sets
            || target == 0
            || !starts
            || end != index + 3
            || self.kind(end) != Kind::Equals
        {
            return;
        }
        let mut name = self.chain_end(target);
        let mut alias = name - 1;
        if self.is(name, "as") {
            name += 1;
        }
        if self.is_name(name) && !self.is_any(name, &["set", "using"]) {
            alias = name;
        }
        if self.folded(index) == self.folded(alias) {
            for token in [self.at(index), self.at(index + 1)] {
                self.edits.replace(token, &b""[..], Class::Needed);
            }
        }
    }

    /// A relation that Oracle has. Returns the index at which to go on, if it is one.
    pub(super) fn relation_item(&mut self, index: usize, end: usize) -> Step<N, Option<usize>> {
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
        let view = view(word);
        if word != "dual" && view.is_none() {
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
        if let Some((name, query)) = view {
            let alias = if alias {
                String::new()
            } else {
                format!(" AS {name}")
            };
            self.replace_range(index, end, format!("{query}{alias}").into_bytes());
        } else {
            self.dual(index, end, alias);
        }
        Ok(Some(end))
    }

    /// DUAL, the relation with one row.
    fn dual(&mut self, index: usize, end: usize, alias: bool) {
        let before = index - 1;
        let all = self.frames.last().is_some_and(|frame| frame.select.all);
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
