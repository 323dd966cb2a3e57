//! EXECUTE IMMEDIATE.

use super::edit::Class;
use super::tok::Kind;
use super::{Names, Step, Translator};

impl<N: Names> Translator<'_, N> {
    /// EXECUTE, with Oracle's IMMEDIATE or without.
    pub(super) fn execute(&mut self) -> Step<N> {
        let end = self.tokens.len().saturating_sub(1);
        if !self.is_immediate()? {
            return self.walk(1, end);
        }
        let into = self.clause(2, end, "into");
        let using = self.clause(2, end, "using");
        let returning = self.clause(2, end, "returning");
        let command = into.min(using).min(returning);
        if returning < end || self.clause(2, end, "return") < end {
            return self.refuse(
                returning.min(self.clause(2, end, "return")),
                "RETURNING INTO is not supported in EXECUTE IMMEDIATE",
                "Write RETURNING in the statement, without INTO, and INTO after the statement.",
            );
        }
        let bulk = self.clause(2, end, "bulk");
        if bulk < end {
            return self.refuse(
                bulk,
                "BULK COLLECT is not supported",
                "Use array_agg() in the query, or a FOR loop.",
            );
        }
        if into == end && using == end && self.alter_session(2, command)? {
            return Ok(());
        }
        self.delete(1);
        if into < end {
            if !self.is(into + 1, "strict") {
                self.edits
                    .insert_after(self.at(into), &b" STRICT"[..], Class::Follows);
            }
            let stop = if using > into { using } else { end };
            self.walk(into + 1, stop)?;
        }
        self.dynamic_text(2, command, using, end)?;
        self.count_rows(end);
        Ok(())
    }

    /// A query in a string, up to `end`, with USING or without.
    pub(super) fn dynamic(&mut self, from: usize, end: usize) -> Step<N> {
        let using = self.clause(from, end, "using");
        self.dynamic_text(from, using, using, end)
    }

    /// Whether the second word is Oracle's.
    fn is_immediate(&mut self) -> Step<N, bool> {
        let name = [b"immediate".to_vec()];
        let starts = match self.kind(2) {
            Kind::Word | Kind::Quoted => {
                !self.is_any(2, &["into", "using", "is", "collate", "at", "or", "and"])
            }
            Kind::String => !self.is_type(&name)?,
            Kind::Open => !self.takes(&name, 1)?,
            _ => false,
        };
        Ok(self.is(1, "immediate") && starts && self.scopes.get(b"immediate").is_none())
    }

    /// The index of a word outside of parentheses.
    fn clause(&self, from: usize, end: usize, word: &str) -> usize {
        let mut index = from;
        while index < end && !self.is(index, word) {
            if self.kind(index) == Kind::Open {
                index = self.mate(index).unwrap_or(index);
            }
            index += 1;
        }
        index.min(end)
    }

    /// The text of the statement, and what it uses.
    fn dynamic_text(&mut self, from: usize, to: usize, using: usize, end: usize) -> Step<N> {
        let constants = self.constants(from, to);
        if let Some(block) = constants.first().and_then(|&index| self.constant(index)) {
            let word = block.trim_ascii_start().get(..5).unwrap_or_default();
            if word.eq_ignore_ascii_case(b"begin") || word.eq_ignore_ascii_case(b"decla") {
                return self.refuse(
                    from,
                    "a block cannot be executed as a statement",
                    "Write the block here, or execute a CALL or SELECT of a routine.",
                );
            }
        }
        if using == end {
            if constants.is_empty() {
                if self.has_oracle_session()? {
                    return self.at_run_time(from, to);
                }
                if self.alters_session() {
                    return self.refuse(
                        from,
                        "ALTER SESSION is not supported in a statement that is not a constant",
                        "Write the constant after EXECUTE IMMEDIATE, or CREATE EXTENSION oracle_session, whose function statement() translates it.",
                    );
                }
            }
            return self.walk(from, to);
        }
        let uses = self.uses(using, end)?;
        if constants.is_empty() {
            if self.has_oracle_session()? {
                return self.at_run_time(from, to);
            }
            return self.refuse(
                from,
                "names of values are not known in a statement that is not a constant",
                "Write $1, $2 and so on in the statement, or CREATE EXTENSION oracle_session, whose function statement() replaces them.",
            );
        }
        let mut binds = Binds::default();
        for index in constants {
            let requoted = self.requoted(index);
            let constant = requoted.as_deref().unwrap_or(self.text(index));
            if let Some(text) = binds.replace(constant) {
                self.edits.replace(self.at(index), text, Class::Needed);
            }
        }
        if binds.count > 0 && binds.count != uses {
            return self.refuse(
                using,
                format!(
                    "the statement names {} values, but USING has {uses}",
                    binds.count
                ),
                "Each :name in the statement stands for the next value of USING.",
            );
        }
        self.walk(from, to)
    }

    /// Whether the text contains ALTER SESSION. Where a statement is not a constant, the one that
    /// is executed may be anywhere in the text, and would fail only when it is executed.
    fn alters_session(&mut self) -> bool {
        const WORDS: &[u8] = b"alter session";
        let body = self.body;
        *self.alters_session.get_or_insert_with(|| {
            body.windows(WORDS.len())
                .any(|text| text.eq_ignore_ascii_case(WORDS))
        })
    }

    /// Leaves the statement to the extension's function.
    fn at_run_time(&mut self, from: usize, to: usize) -> Step<N> {
        self.edits.insert_before(
            self.at(from),
            &b"oracle_session.statement("[..],
            Class::Needed,
        );
        self.edits
            .insert_after(self.at(to.saturating_sub(1)), &b")"[..], Class::Needed);
        self.walk(from, to)
    }

    /// The constants of a statement that is one or several, and other parts, joined with `||`.
    pub(super) fn constants(&self, from: usize, to: usize) -> Vec<usize> {
        let mut index = from;
        let mut constants = Vec::new();
        while index < to {
            match self.kind(index) {
                Kind::Open => index = self.mate(index).unwrap_or(index),
                Kind::String if self.constant(index).is_some() => constants.push(index),
                _ => {}
            }
            index += 1;
        }
        constants
    }

    /// USING. Returns the number of values.
    fn uses(&mut self, using: usize, end: usize) -> Step<N, usize> {
        let mut stop = self.clause(using + 1, end, "into");
        if stop == using {
            stop = end;
        }
        let mut count = 1;
        let mut index = using + 1;
        let mut first = true;
        while index < stop {
            if first && self.is(index, "in") {
                self.delete(index);
                index += 1;
            }
            if first
                && self.is(index, "out")
                && self.kind(index + 1) != Kind::Comma
                && index + 1 < stop
            {
                return self.refuse(
                    index,
                    "USING OUT is not supported",
                    "Use INTO for what the statement returns.",
                );
            }
            first = false;
            match self.kind(index) {
                Kind::Open => index = self.mate(index).unwrap_or(index),
                Kind::Comma => {
                    count += 1;
                    first = true;
                }
                _ => {}
            }
            index += 1;
        }
        self.walk(using + 1, stop)?;
        Ok(count)
    }
}

/// Replaces the names of values in the constants of one statement.
#[derive(Default)]
struct Binds {
    count: usize,
    within: Within,
}

/// What surrounds a place in the statement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Within {
    #[default]
    Nothing,
    String,
    Quotes,
    Line,
    Comment,
}

impl Binds {
    /// A constant with `$n` in place of each `:name`. `None` if there is none.
    fn replace(&mut self, constant: &[u8]) -> Option<Vec<u8>> {
        let inner = constant.strip_prefix(b"'")?.strip_suffix(b"'")?;
        let mut text = vec![b'\''];
        let before = self.count;
        let mut at = 0;
        while let Some(rest) = inner.get(at..).filter(|rest| !rest.is_empty()) {
            let (length, within) = self.piece(rest);
            let name = rest.get(1..).map_or(0, bind_length);
            let bind = rest.first() == Some(&b':')
                && self.within == Within::Nothing
                && name > 0
                && (at == 0 || inner.get(at - 1) != Some(&b':'));
            if bind {
                self.count += 1;
                text.extend_from_slice(format!("${}", self.count).as_bytes());
                at += 1 + name;
            } else {
                text.extend_from_slice(rest.get(..length).unwrap_or(rest));
                at += length;
            }
            self.within = within;
        }
        if self.within == Within::Line {
            self.within = Within::Nothing;
        }
        text.push(b'\'');
        (self.count > before).then_some(text)
    }

    /// The length of what starts a text, and what surrounds the place after it.
    fn piece(&self, rest: &[u8]) -> (usize, Within) {
        match (self.within, rest) {
            (Within::Nothing, [b'\'', b'\'', ..]) => (2, Within::String),
            (Within::Nothing, [b'"', ..]) => (1, Within::Quotes),
            (Within::Nothing, [b'-', b'-', ..]) => (2, Within::Line),
            (Within::Nothing, [b'/', b'*', ..]) => (2, Within::Comment),
            (Within::String, [b'\'', b'\'', ..]) => (2, Within::Nothing),
            (Within::Quotes, [b'"', ..]) => (1, Within::Nothing),
            (Within::Line, [b'\n', ..]) => (1, Within::Nothing),
            (Within::Comment, [b'*', b'/', ..]) => (2, Within::Nothing),
            (within, _) => (1, within),
        }
    }
}

/// The length of the name of a value.
fn bind_length(text: &[u8]) -> usize {
    text.iter()
        .position(|&byte| {
            !(byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'#' || byte >= 0x80)
        })
        .unwrap_or(text.len())
}
