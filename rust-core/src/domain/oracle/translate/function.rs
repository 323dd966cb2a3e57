//! Functions that Oracle has and PostgreSQL has not, or has for other arguments.

use super::edit::Class;
use super::tok::Kind;
use super::{Names, Step, Translator};

/// What parentheses belong to, if their commas or their end are edited.
#[derive(Debug)]
pub(super) enum Call {
    /// Nothing that is edited.
    None,
    /// `CAST(… AS type)`
    Cast,
    /// A function of one argument, which becomes a cast to this type.
    To(&'static str),
    /// `NVL2(a, b, c)`, and the number of commas so far.
    Nvl2(usize),
    /// DECODE
    Decode(Decode),
}

/// DECODE, which becomes CASE.
#[derive(Debug)]
pub(super) struct Decode {
    /// The number of arguments.
    arguments: usize,
    /// The number of commas so far.
    commas: usize,
    /// The index of the first argument.
    start: usize,
    /// Each comparison must take two null values for the same. The first argument, once it
    /// is translated, is repeated for it.
    nulls: bool,
    value: Vec<u8>,
}

/// The first argument of DECODE is repeated if it has no more tokens than this.
const REPEATED: usize = 16;

impl<N: Names> Translator<'_, N> {
    /// A name and an opening parenthesis. Returns the index at which to go on.
    pub(super) fn function(&mut self, index: usize, word: &str, call: &mut Call) -> Step<N, usize> {
        let open = index + 1;
        match word {
            "cast" => *call = Call::Cast,
            "nvl" => {
                if self.is_missing(word, open, 2)? {
                    self.edits
                        .replace(self.at(index), &b"COALESCE"[..], Class::Needed);
                }
            }
            "nvl2" => {
                if self.is_missing(word, open, 3)? {
                    self.edits
                        .replace(self.at(index), &b"CASE WHEN "[..], Class::Needed);
                    *call = Call::Nvl2(0);
                }
            }
            "decode" => return self.decode(index, call),
            "instr" => self.instr(index, open)?,
            "to_number" => {
                if self.is_missing(word, open, 1)? {
                    self.edits
                        .replace(self.at(index), &b"CAST"[..], Class::Needed);
                    *call = Call::To("numeric");
                }
            }
            "to_char" => {
                if self.is_missing(word, open, 1)? {
                    self.edits
                        .replace(self.at(index), &b"CAST"[..], Class::Needed);
                    *call = Call::To("text");
                }
            }
            "numtodsinterval" | "numtoyminterval" => self.interval_of_number(index, open, word)?,
            "sys_context" => return self.context(index, false),
            "userenv" => return self.context(index, true),
            "trunc" => return self.trunc(index),
            _ => self.query_word(index, word)?,
        }
        Ok(open)
    }

    /// `NUMTODSINTERVAL(n, 'HOUR')`
    fn interval_of_number(&mut self, index: usize, open: usize, word: &str) -> Step<N> {
        const UNITS: [&str; 6] = ["day", "hour", "minute", "second", "year", "month"];
        let ends = self.arguments(open);
        let &[comma, close] = ends.as_slice() else {
            return Ok(());
        };
        let unit = self.setting_part(comma + 1, close);
        let unit = unit.and_then(|unit| UNITS.into_iter().find(|known| *known == unit));
        let Some(unit) = unit.filter(|_| close == comma + 2) else {
            return Ok(());
        };
        if self.takes(&[word.as_bytes().to_vec()], 2)? {
            return Ok(());
        }
        self.edits.replace(self.at(index), &b"("[..], Class::Needed);
        self.edits.replace(self.at(comma), &b")"[..], Class::Needed);
        let unit = format!("* interval '1 {unit}'").into_bytes();
        self.edits.replace(self.at(comma + 1), unit, Class::Needed);
        Ok(())
    }

    /// Whether a function is called with that number of arguments, and none takes them.
    pub(super) fn is_missing(
        &mut self,
        word: &str,
        open: usize,
        arguments: usize,
    ) -> Step<N, bool> {
        Ok(self.arguments(open).len() == arguments
            && !self.takes(&[word.as_bytes().to_vec()], arguments)?)
    }

    /// INSTR with two arguments, or with the third that means the same.
    fn instr(&mut self, index: usize, open: usize) -> Step<N> {
        let ends = self.arguments(open);
        if !(2..=4).contains(&ends.len()) || self.takes(&[b"instr".to_vec()], ends.len())? {
            return Ok(());
        }
        let second = ends.get(1).copied().unwrap_or(open);
        for pair in ends.windows(2).skip(1) {
            let &[comma, end] = pair else { continue };
            if end != comma + 2 || !self.is_symbol(comma + 1, "1") {
                return self.refuse(
                    index,
                    "INSTR with a position or an occurrence is not supported",
                    "Use REGEXP_INSTR, or STRPOS of a part of the string.",
                );
            }
        }
        self.edits
            .replace(self.at(index), &b"STRPOS"[..], Class::Needed);
        if let Some(&last) = ends.last() {
            for at in second..last {
                self.delete(at);
            }
        }
        Ok(())
    }

    fn decode(&mut self, index: usize, call: &mut Call) -> Step<N, usize> {
        let open = index + 1;
        let ends = self.arguments(open);
        if ends.len() < 3 || self.takes(&[b"decode".to_vec()], ends.len())? {
            return Ok(open);
        }
        let Some(&first) = ends.first() else {
            return Ok(open);
        };
        // The arguments that are compared are the second, the fourth and so on.
        let mut constants = true;
        let mut null = false;
        for pair in ends.windows(2).step_by(2).take((ends.len() - 1) / 2) {
            let &[comma, end] = pair else { continue };
            let single = end == comma + 2;
            null |= single && self.is(comma + 1, "null");
            constants &= (single
                && (self.kind(comma + 1) == Kind::String || self.is_number(comma + 1)))
                || (end == comma + 3
                    && self.is_symbol(comma + 1, "-")
                    && self.is_number(comma + 2));
        }
        let short = first - open <= REPEATED;
        if null && !short {
            return self.refuse(
                index,
                "the first argument of DECODE is too long to be compared with NULL",
                "Write CASE, or assign the argument to a variable.",
            );
        }
        let nulls = !constants && short;
        let text: &'static [u8] = if nulls { b"CASE WHEN" } else { b"CASE" };
        self.edits.replace(self.at(index), text, Class::Needed);
        self.delete(open);
        *call = Call::Decode(Decode {
            arguments: ends.len(),
            commas: 0,
            start: open + 1,
            nulls,
            value: Vec::new(),
        });
        Ok(open)
    }

    /// A comma in parentheses.
    pub(super) fn comma(&mut self, index: usize) {
        let Some(frame) = self.frames.last_mut() else {
            return;
        };
        match &mut frame.call {
            Call::Nvl2(commas) => {
                *commas += 1;
                let text: &'static [u8] = if *commas == 1 {
                    b") IS NOT NULL THEN"
                } else {
                    b" ELSE"
                };
                self.edits.replace(self.tokens[index], text, Class::Needed);
            }
            Call::Decode(decode) => {
                decode.commas += 1;
                let (commas, nulls) = (decode.commas, decode.nulls);
                let last = commas + 1 == decode.arguments;
                if commas == 1 && nulls {
                    let start = decode.start;
                    let from = self.tokens[start].start;
                    let to = self.tokens[index - 1].end;
                    decode.value = self.edits.excerpt(self.body, from, to).unwrap_or_default();
                }
                let value = decode.value.clone();
                self.decode_comma(index, commas, last, nulls, &value);
            }
            _ => {}
        }
    }

    fn decode_comma(&mut self, index: usize, commas: usize, last: bool, nulls: bool, value: &[u8]) {
        let null =
            self.is(index + 1, "null") && matches!(self.kind(index + 2), Kind::Comma | Kind::Close);
        let comparison: &[u8] = match (nulls, null) {
            (false, _) => b"",
            (true, true) => b" IS",
            (true, false) => b" IS NOT DISTINCT FROM",
        };
        let text = if commas % 2 == 0 {
            b" THEN".to_vec()
        } else if last {
            b" ELSE".to_vec()
        } else if commas == 1 && nulls {
            comparison.to_vec()
        } else if nulls {
            [b" WHEN ", value, comparison].concat()
        } else {
            b" WHEN".to_vec()
        };
        self.edits.replace(self.at(index), text, Class::Needed);
    }

    /// The end of parentheses.
    pub(super) fn close_call(&mut self, index: usize, call: Call) {
        match call {
            Call::None | Call::Cast => {}
            Call::To(name) => {
                self.edits.insert_before(
                    self.at(index),
                    format!(" AS {name}").into_bytes(),
                    Class::Needed,
                );
            }
            Call::Nvl2(_) | Call::Decode(_) => {
                self.edits
                    .replace(self.at(index), &b" END"[..], Class::Needed);
            }
        }
    }
}
