//! Cursors, and what is asked about them and about the last statement: `c%NOTFOUND`,
//! `SQL%ROWCOUNT`.

use super::edit::Class;
use super::piece::fold;
use super::scope::Name;
use super::tok::Kind;
use super::{Names, Step, Translator};

impl<N: Names> Translator<'_, N> {
    /// OPEN. A query that is not a constant needs EXECUTE.
    pub(super) fn open_cursor(&mut self) -> Step<N> {
        let end = self.tokens.len().saturating_sub(1);
        let name = self.chain_end(1);
        if self.is(name, "for")
            && !self.is_any(name + 1, &["select", "with", "execute", "values", "table"])
        {
            let open = self.kind(name + 1) == Kind::Open;
            if !(open && self.is_any(name + 2, &["select", "with", "values"])) {
                let at = self.at(name + 1);
                self.edits
                    .insert_before(at, &b"EXECUTE "[..], Class::Needed);
                return self.dynamic(name + 1, end);
            }
        }
        self.walk(1, end)
    }

    /// FETCH
    pub(super) fn fetch(&mut self) -> Step<N> {
        let end = self.tokens.len().saturating_sub(1);
        let mut name = 1;
        while name < end && !self.is(name + 1, "into") && !self.is(name + 1, "bulk") {
            name += 1;
        }
        if self.is(name + 1, "bulk") {
            return self.refuse(
                name + 1,
                "BULK COLLECT is not supported",
                "Fetch row by row in a loop, or use array_agg() in the query.",
            );
        }
        if name == 1 && self.is_name(1) {
            let cursor = self.folded(1);
            if self.kept.contains(&cursor) {
                self.keep_found(&cursor, self.at(end).end);
            } else if self.fetches.len() < FETCHES {
                let at = self.at(end).end;
                self.fetches.entry(cursor.clone()).or_default().push(at);
            }
            self.fetched = Some(cursor);
        }
        self.walk(name + 1, end)
    }

    fn keep_found(&mut self, cursor: &[u8], at: u32) {
        let variable = found_variable(cursor);
        self.edits.insert_at(
            at,
            format!(" {variable} := FOUND;").into_bytes(),
            Class::Needed,
        );
    }

    /// An attribute of a cursor, or of the last statement, whose name is at `index`. The
    /// result is the index after it, if it is one.
    pub(super) fn attribute(&mut self, index: usize) -> Step<N, Option<usize>> {
        if !self.is_symbol(index + 1, "%") || self.kind(index + 2) != Kind::Word {
            return Ok(None);
        }
        let word = self.lower(index + 2);
        let word = word.as_str();
        let name = self.folded(index);
        let declared = self.scopes.get(&name);
        let sql = name == b"sql" && declared.is_none();
        if !sql && declared != Some(&Name::Cursor) {
            return Ok(None);
        }
        let text = match (sql, word) {
            (true, "rowcount") => self.row_count("")?,
            (true, "found") => self.row_count(" > 0")?,
            (true, "notfound") => self.row_count(" = 0")?,
            (true, "isopen") => "FALSE".to_owned(),
            (true, "bulk_rowcount" | "bulk_exceptions") => {
                return self.refuse(
                    index,
                    "FORALL is not supported",
                    "Use GET DIAGNOSTICS in a loop.",
                );
            }
            (false, "found") => self.found(&name, ""),
            (false, "notfound") => self.found(&name, "NOT "),
            (false, "isopen") => {
                let shown = String::from_utf8_lossy(self.text(index)).into_owned();
                format!("EXISTS (SELECT FROM pg_cursors WHERE name = {shown}::text)")
            }
            (false, "rowcount") => {
                return self.refuse(
                    index,
                    "the number of rows that a cursor has returned is not known",
                    "Count them in a variable, in the loop that fetches them.",
                );
            }
            _ => return Ok(None),
        };
        self.edits
            .replace(self.at(index), text.into_bytes(), Class::Needed);
        self.delete(index + 1);
        self.delete(index + 2);
        Ok(Some(index + 3))
    }

    /// The number of rows of the last statement, in a variable of the routine.
    fn row_count(&mut self, test: &str) -> Step<N, String> {
        if !std::mem::replace(&mut self.counts_rows, true) {
            self.edits.want_rows();
            if let Some(block) = self.scopes.routine() {
                self.declare(block, "sql_rowcount", "bigint");
            }
        }
        Ok(if test.is_empty() {
            "sql_rowcount".to_owned()
        } else {
            format!("(sql_rowcount{test})")
        })
    }

    /// Whether the last FETCH from a cursor has found a row: FOUND, if nothing came between,
    /// or else a variable of the routine.
    fn found(&mut self, cursor: &[u8], not: &str) -> String {
        if self.last_fetch.as_deref() == Some(cursor) {
            return format!("{not}FOUND");
        }
        let variable = found_variable(cursor);
        if self.kept.insert(cursor.to_vec()) {
            if let Some(block) = self.scopes.routine() {
                self.declare(block, &variable, "boolean");
            }
            for at in self.fetches.remove(cursor).unwrap_or_default() {
                self.keep_found(cursor, at);
            }
        }
        format!("{not}{variable}")
    }
}

/// The number of cursors that are remembered.
const FETCHES: usize = 4096;

/// The name of the variable that keeps what FETCH has found.
fn found_variable(cursor: &[u8]) -> String {
    let simple = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let mut name: String = cursor
        .iter()
        .take(50)
        .map(|&byte| if simple(byte) { char::from(byte) } else { '_' })
        .collect();
    if !name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_') {
        name.insert(0, '_');
    }
    debug_assert!(fold(name.as_bytes()) == name.as_bytes());
    name + "_found"
}
