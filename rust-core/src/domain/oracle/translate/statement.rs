//! Statements: which kind each is, calls, loops, and what ends a transaction.

use super::super::construct::Construct;
use super::edit::Class;
use super::scope::Name;
use super::tok::Kind;
use super::{Failure, Names, Refusal, Routine, Step, Translator, UNDEFINED_FUNCTION};

/// Words that start a statement of PL/pgSQL or SQL, and so are no procedure's name.
const COMMANDS: [&str; 83] = [
    "abort",
    "alter",
    "analyse",
    "analyze",
    "assert",
    "begin",
    "call",
    "case",
    "checkpoint",
    "close",
    "cluster",
    "comment",
    "commit",
    "continue",
    "copy",
    "create",
    "deallocate",
    "declare",
    "delete",
    "discard",
    "do",
    "drop",
    "else",
    "elseif",
    "elsif",
    "end",
    "exception",
    "execute",
    "exit",
    "explain",
    "fetch",
    "for",
    "foreach",
    "get",
    "goto",
    "grant",
    "if",
    "import",
    "insert",
    "listen",
    "load",
    "lock",
    "loop",
    "merge",
    "move",
    "notify",
    "null",
    "open",
    "perform",
    "pragma",
    "prepare",
    "raise",
    "reassign",
    "refresh",
    "reindex",
    "release",
    "reset",
    "return",
    "revoke",
    "rollback",
    "savepoint",
    "security",
    "select",
    "set",
    "show",
    "start",
    "table",
    "truncate",
    "unlisten",
    "update",
    "vacuum",
    "values",
    "when",
    "while",
    "with",
    "forall",
    "pipe",
    "into",
    "from",
    "where",
    "then",
    "repack",
    "using",
];

impl<N: Names> Translator<'_, N> {
    /// Translates the statement or the declaration that the tokens are.
    pub(super) fn piece(&mut self) -> Step<N> {
        let depth = u32::try_from(self.automaton.depth()).unwrap_or(u32::MAX);
        let fetched = self.fetched.take();
        if std::mem::take(&mut self.behind_end) {
            // A label may stand there.
            self.scopes.leave(depth);
            return Ok(());
        }
        let first = self.lower(0);
        let first = first.as_str();
        if self.construct == Construct::Declarations && first != "begin" {
            return self.declarations(first, depth);
        }
        if self.construct == Construct::SqlBody || self.kind(0) == Kind::LabelOpen {
            return Ok(());
        }
        match first {
            "begin" => {
                let seen = std::mem::take(&mut self.declare_seen);
                let declares = self.construct == Construct::Declarations
                    && (seen || (self.declares && depth == 1));
                self.scopes.open_block(depth, self.at(0).start, declares);
                return Ok(());
            }
            "end" => {
                self.behind_end = self.tokens.len() == 2 && self.kind(1) == Kind::Word;
                self.scopes.leave(depth);
                return Ok(());
            }
            "declare" => {
                self.declare_seen = true;
                return Ok(());
            }
            "else" | "exception" | "loop" | "null" => return Ok(()),
            _ => {}
        }
        self.match_parentheses();
        self.statement(first, depth, fetched)
    }

    fn declarations(&mut self, first: &str, depth: u32) -> Step<N> {
        match first {
            "declare" => self.declare_seen = true,
            "end" => self.scopes.leave(depth),
            _ if self.kind(0) == Kind::LabelOpen => {}
            _ => self.declaration(depth)?,
        }
        Ok(())
    }

    fn statement(&mut self, first: &str, depth: u32, fetched: Option<Vec<u8>>) -> Step<N> {
        let end = self.tokens.len().saturating_sub(1);
        let declared = self.is_name(0) && self.scopes.get(&self.folded(0)).is_some();
        // The condition of WHILE is also evaluated behind the loop's last statement.
        self.last_fetch = fetched.filter(|_| first != "while");
        if self.is_assignment(self.chain_end(0)) || declared {
            return self.walk(0, end);
        }
        match first {
            "when" if self.construct == Construct::Block => return self.handler(depth),
            "for" => return self.for_loop(depth),
            "raise" => return self.raise(),
            "execute" => return self.execute(),
            "commit" | "rollback" => return self.transaction(first),
            "open" => return self.open_cursor(),
            "fetch" => return self.fetch(),
            "pragma" if self.kind(1) == Kind::Word => return self.pragma(),
            "goto" => {
                return self.refuse(
                    0,
                    "GOTO is not supported",
                    "Use a loop, or EXIT or CONTINUE with a label.",
                );
            }
            "forall" => {
                return self.refuse(
                    0,
                    "FORALL is not supported",
                    "Use a FOR loop, or one statement for all rows.",
                );
            }
            "pipe" => {
                return self.refuse(
                    0,
                    "PIPE ROW is not supported",
                    "Use RETURN NEXT in a function that returns a set.",
                );
            }
            "select" | "with" | "insert" | "update" | "delete" | "merge" => {
                return self.query(first);
            }
            "if" | "elsif" | "elseif" | "while" | "case" | "when" | "exit" | "continue"
            | "return" | "assert" | "perform" | "call" | "get" | "move" | "values" | "foreach" => {
                return self.walk(0, end);
            }
            _ => {}
        }
        if COMMANDS.contains(&first) || !self.is_name(0) {
            self.requote(0, end);
            return Ok(());
        }
        let name = self.chain_end(0);
        match self.kind(name) {
            Kind::Semicolon => self.call(name, None),
            Kind::Open
                if self
                    .mate(name)
                    .is_some_and(|close| self.kind(close + 1) == Kind::Semicolon) =>
            {
                self.call(name, Some(name))
            }
            _ => self.walk(0, end),
        }
    }

    /// A query or a change of rows.
    fn query(&mut self, first: &str) -> Step<N> {
        let end = self.tokens.len().saturating_sub(1);
        if first == "delete" && self.is_name(1) && !self.is_any(1, &["from", "only"]) {
            self.edits
                .insert_before(self.at(1), &b"FROM "[..], Class::Needed);
        }
        self.strict = first == "select" || first == "with";
        self.walk(0, end)?;
        let into = !std::mem::take(&mut self.strict);
        if first != "select" || into {
            self.count_rows(end);
        }
        Ok(())
    }

    /// Keeps the number of rows of the statement that ends at `end`.
    pub(super) fn count_rows(&mut self, end: usize) {
        self.edits.insert_after(
            self.at(end),
            &b" GET DIAGNOSTICS sql_rowcount = ROW_COUNT;"[..],
            Class::Rows,
        );
    }

    /// A call without CALL: a name up to an index, and maybe arguments.
    fn call(&mut self, name: usize, open: Option<usize>) -> Step<N> {
        if self.package_call(name, open)? {
            return Ok(());
        }
        let chain = self.chain(0, name);
        match self.routine(&chain)? {
            // Mostly a word that is misspelled, which only CREATE can say in time.
            Routine::None => self.refuse_call(&chain),
            routine => self.call_routine(name, open, routine),
        }
    }

    /// Has PL/pgSQL call a function or a procedure, whose name ends before an index.
    pub(super) fn call_routine(
        &mut self,
        name: usize,
        open: Option<usize>,
        routine: Routine,
    ) -> Step<N> {
        let word: &'static [u8] = match routine {
            Routine::Function => b"PERFORM ",
            Routine::Procedure | Routine::None => b"CALL ",
        };
        self.edits.insert_before(self.at(0), word, Class::Needed);
        match open {
            Some(open) => {
                let close = self.mate(open).unwrap_or(open);
                self.walk(open, close + 1)
            }
            None => {
                self.edits
                    .insert_after(self.at(name - 1), &b"()"[..], Class::Needed);
                Ok(())
            }
        }
    }

    /// Refuses the call of what does not exist.
    fn refuse_call<T>(&self, name: &[Vec<u8>]) -> Step<N, T> {
        let spelled = String::from_utf8_lossy(&name.join(&b'.')).into_owned();
        Err(Failure::Refused(Refusal {
            sqlstate: UNDEFINED_FUNCTION,
            message: format!("procedure {spelled} does not exist"),
            detail: None,
            hint: Some(format!("Create it first, or write CALL {spelled}(...).")),
            position: self.tokens.first().map_or(0, |token| token.start as usize),
        }))
    }

    /// The head of a FOR loop.
    fn for_loop(&mut self, depth: u32) -> Step<N> {
        let end = self.tokens.len().saturating_sub(1);
        if !self.is_name(1) || !self.is(2, "in") {
            return self.walk(1, end);
        }
        let name = self.folded(1);
        let mut query = 3;
        while self.kind(query) == Kind::Open {
            query += 1;
        }
        let rows = query > 3 && self.is_any(query, &["select", "with"]);
        let cursor = self.is_name(3) && self.scopes.get(&self.folded(3)) == Some(&Name::Cursor);
        if rows {
            self.loop_record(&name)?;
        }
        if !self.reverse(end)? {
            self.walk(3, end)?;
        }
        let what = if rows || cursor {
            Name::LoopRecord
        } else if self.is_any(3, &["select", "with", "execute"]) {
            Name::Record
        } else {
            Name::Number
        };
        self.scopes.add(depth, name, what);
        Ok(())
    }

    /// `FOR i IN REVERSE 1..10` counts down from 10 in Oracle, and from 1 here. The result is
    /// false if the loop is another one.
    fn reverse(&mut self, end: usize) -> Step<N, bool> {
        let dots = (4..end).find(|&index| self.is_symbol(index, ".."));
        let (Some(dots), true) = (dots, self.is(3, "reverse")) else {
            return Ok(false);
        };
        if dots == 4 || dots + 1 == end {
            return Ok(false);
        }
        let number = |from: usize, to: usize| {
            let text = std::str::from_utf8(self.text(from))
                .ok()
                .filter(|_| to == from + 1)?;
            text.parse::<u64>().ok()
        };
        if let (Some(low), Some(high)) = (number(4, dots), number(dots + 1, end)) {
            if low > high {
                return Ok(false);
            }
        }
        let low = self.translated(4, dots)?;
        let high = self.translated(dots + 1, end)?;
        let (Some(low), Some(high)) = (low, high) else {
            return self.refuse(
                3,
                "the bounds of this loop cannot be exchanged",
                "Write REVERSE, the higher bound, two dots and the lower bound.",
            );
        };
        for (from, to, text) in [(4, dots, high), (dots + 1, end, low)] {
            self.edits.replace(self.at(from), text, Class::Follows);
            for index in from + 1..to {
                self.delete_as(index, Class::Follows);
            }
        }
        Ok(true)
    }

    /// The translation of what is between two indexes, if that is on one line.
    pub(super) fn translated(&mut self, from: usize, to: usize) -> Step<N, Option<Vec<u8>>> {
        let mark = self.edits.mark();
        self.walk(from, to)?;
        let (start, end) = (self.at(from).start, self.at(to.saturating_sub(1)).end);
        let text = self.edits.excerpt(self.body, start, end);
        self.edits.drop_from(mark);
        Ok(text)
    }

    /// Declares the variable of a loop over a query, unless the text does.
    fn loop_record(&mut self, name: &[u8]) -> Step<N> {
        match self.scopes.get(name) {
            None => {
                if let Some(block) = self.scopes.block() {
                    let written = String::from_utf8(self.text(1).to_vec()).ok();
                    let Some(written) = written.filter(|written| !written.contains('\n')) else {
                        return self.refuse(
                            1,
                            "the loop's variable is not declared",
                            "Declare it as record.",
                        );
                    };
                    self.declare(block, &written, "record");
                    self.scopes.add(block.depth, name.to_vec(), Name::Record);
                }
                Ok(())
            }
            Some(Name::LoopRecord) => self.refuse(
                1,
                format!(
                    "loop variable \"{}\" has the name of that of a loop around it",
                    String::from_utf8_lossy(name)
                ),
                "Give one of them another name.",
            ),
            Some(_) => Ok(()),
        }
    }

    /// COMMIT and ROLLBACK, which a trigger cannot execute.
    fn transaction(&mut self, first: &str) -> Step<N> {
        if !self.source.trigger {
            if self.is(1, "work") {
                self.delete(1);
            }
            return Ok(());
        }
        if first == "rollback" {
            if self.kind(1) != Kind::Semicolon && !self.is(1, "work") {
                return Ok(());
            }
            return self.refuse(
                0,
                "a trigger cannot roll back the transaction",
                "Raise an exception, or do the work in a block of its own whose exception is handled.",
            );
        }
        // What the trigger did is committed when all triggers have run.
        self.edits.replace(self.at(0), &b"NULL"[..], Class::Needed);
        for index in 1..self.tokens.len().saturating_sub(1) {
            self.delete(index);
        }
        Ok(())
    }
}
