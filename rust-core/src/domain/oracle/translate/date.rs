//! SYSDATE and SYSTIMESTAMP, and their arithmetic in days.

use super::edit::Class;
use super::scope::Name;
use super::tok::Kind;
use super::{Names, Step, Translator};

/// Formats of TRUNC, and fields of `date_trunc()`.
const FIELDS: [(&str, &str); 18] = [
    ("DD", "day"),
    ("DDD", "day"),
    ("J", "day"),
    ("MM", "month"),
    ("MON", "month"),
    ("MONTH", "month"),
    ("RM", "month"),
    ("YYYY", "year"),
    ("YYY", "year"),
    ("YY", "year"),
    ("Y", "year"),
    ("YEAR", "year"),
    ("HH", "hour"),
    ("HH24", "hour"),
    ("HH12", "hour"),
    ("MI", "minute"),
    ("Q", "quarter"),
    ("IW", "week"),
];

const UNKNOWN: &str = "Write the number of days as an interval, such as n * interval '1 day', or the difference of two \
times as EXTRACT(EPOCH FROM a - b) / 86400.";

impl<N: Names> Translator<'_, N> {
    /// SYSDATE or SYSTIMESTAMP. Returns the index at which to go on.
    pub(super) fn now(&mut self, index: usize, seconds: bool) -> Step<N, usize> {
        let text: &'static [u8] = if seconds {
            b"LOCALTIMESTAMP(0)"
        } else {
            b"CURRENT_TIMESTAMP"
        };
        self.edits.replace(self.at(index), text, Class::Needed);
        self.days(index, index + 1)
    }

    /// TRUNC, of SYSDATE or of something else.
    pub(super) fn trunc(&mut self, index: usize) -> Step<N, usize> {
        let open = index + 1;
        let ends = self.arguments(open);
        let (Some(&first), Some(close)) = (ends.first(), self.mate(open)) else {
            return Ok(open);
        };
        let now = first == open + 2 && self.is_any(open + 1, &["sysdate", "systimestamp"]);
        if !now || self.scopes.get(&self.folded(open + 1)).is_some() || ends.len() > 2 {
            return Ok(open);
        }
        let field = match ends.get(1) {
            None => Some("day"),
            Some(&end) => self.setting_part(first + 1, end).and_then(|format| {
                let format = format.to_ascii_uppercase();
                FIELDS
                    .iter()
                    .find(|(oracle, _)| *oracle == format)
                    .map(|&(_, field)| field)
            }),
        };
        let Some(field) = field else {
            return self.refuse(
                first + 1,
                "this format of TRUNC has no counterpart",
                "Use date_trunc().",
            );
        };
        self.replace_range(
            index,
            close,
            format!("date_trunc('{field}', LOCALTIMESTAMP").into_bytes(),
        );
        self.days(index, close + 1)
    }

    /// What is added to a time, which is in the tokens from `start` up to `end`, or taken from
    /// it. Numbers are days.
    fn days(&mut self, start: usize, end: usize) -> Step<N, usize> {
        if start < self.dated {
            return Ok(end);
        }
        if self.is_symbol(start.wrapping_sub(1), "-") {
            self.difference_to(start, end)?;
            return Ok(end);
        }
        let mut at = end;
        loop {
            let minus = self.is_symbol(at, "-");
            if !minus && !self.is_symbol(at, "+") {
                return Ok(end);
            }
            let operand = at + 1;
            let behind = self.operand_end(operand);
            if self.is(operand, "interval")
                || self.is(operand, "numtodsinterval")
                || self.is(operand, "numtoyminterval")
            {
                return Ok(end);
            }
            match self.operand(operand, behind, minus, start) {
                Operand::Days => {
                    let last = self.at(behind.saturating_sub(1));
                    self.edits
                        .insert_after(last, &b" * interval '1 day'"[..], Class::Needed);
                }
                Operand::Moment if at == end => {
                    let first = self.at(start);
                    self.edits
                        .insert_before(first, &b"(EXTRACT(EPOCH FROM "[..], Class::Needed);
                    let last = self.at(behind.saturating_sub(1));
                    self.edits
                        .insert_after(last, &b") / 86400)"[..], Class::Needed);
                    return Ok(end);
                }
                Operand::Moment | Operand::Unknown => {
                    return self.refuse(
                        operand,
                        "it is not known whether a number or a time is meant",
                        UNKNOWN,
                    );
                }
            }
            at = self.term_end(behind);
            self.dated = at;
        }
    }

    /// The index after an operand: a constant, a name or a call, or parentheses.
    fn operand_end(&self, index: usize) -> usize {
        match self.kind(index) {
            Kind::Word | Kind::Quoted => {
                let end = self.chain_end(index);
                match self.kind(end) {
                    Kind::Open => self.mate(end).map_or(end, |close| close + 1),
                    _ => end,
                }
            }
            Kind::Open => self.mate(index).map_or(index + 1, |close| close + 1),
            _ => index + 1,
        }
    }

    /// The index after the factors that follow an operand.
    fn term_end(&self, mut at: usize) -> usize {
        while self.is_symbol(at, "*") || self.is_symbol(at, "/") {
            at = self.operand_end(at + 1);
        }
        at
    }

    fn operand(&self, index: usize, end: usize, minus: bool, start: usize) -> Operand {
        if self.is_number(index)
            || (self.kind(index) == Kind::Open && self.is_arithmetic(index + 1, end - 1))
        {
            return Operand::Days;
        }
        let factor = self.is_symbol(end, "*") || self.is_symbol(end, "/");
        if self.is_name(index) {
            match self.scopes.get(&self.folded(index)) {
                Some(Name::Number) => return Operand::Days,
                Some(Name::Moment) => return Operand::Moment,
                _ => {}
            }
            if !minus || factor {
                return Operand::Days;
            }
            // (SYSDATE - since) * 24, or SYSDATE - since > 30
            let scaled = self.kind(start.wrapping_sub(1)) == Kind::Open
                && self.kind(end) == Kind::Close
                && (self.is_symbol(end + 1, "*") || self.is_symbol(end + 1, "/"));
            let compared = [&b"<"[..], b">", b"<=", b">=", b"="].contains(&self.text(end))
                && self.is_number(end + 1);
            if scaled || compared {
                return Operand::Moment;
            }
        }
        Operand::Unknown
    }

    /// Whether all that is between two indexes is a calculation with numbers.
    fn is_arithmetic(&self, from: usize, to: usize) -> bool {
        const FAR: usize = 64;
        to > from
            && to - from <= FAR
            && (from..to).all(|index| match self.kind(index) {
                Kind::Open | Kind::Close => true,
                Kind::Other => {
                    self.is_number(index)
                        || [&b"+"[..], b"-", b"*", b"/"].contains(&self.text(index))
                }
                Kind::Word => self.scopes.get(&self.folded(index)) == Some(&Name::Number),
                _ => false,
            })
    }

    /// `x - SYSDATE` is a number of days, if `x` is a time.
    fn difference_to(&mut self, start: usize, end: usize) -> Step<N> {
        let minus = start - 1;
        let mut left = minus.wrapping_sub(1);
        if self.kind(left) == Kind::Close {
            left = self.mate(left).unwrap_or(left);
            if left > 0 && self.is_name(left - 1) {
                left -= 1;
            }
        }
        while left >= 2 && self.is_name(left) && self.kind(left - 1) == Kind::Dot {
            left -= 2;
        }
        let before = left.wrapping_sub(1);
        let starts = left == 0
            || match self.kind(before) {
                Kind::Open | Kind::Comma | Kind::Equals | Kind::Word => true,
                Kind::Other => {
                    ![&b"+"[..], b"-", b"*", b"/", b"||"].contains(&self.text(before))
                        && !self.is_number(before)
                }
                _ => false,
            };
        let follows = self.is_symbol(end, "+") || self.is_symbol(end, "-");
        if !(self.is_name(left) || self.kind(left) == Kind::Open) || !starts || follows {
            return self.refuse(
                start,
                "it is not known whether a number or a time is meant",
                UNKNOWN,
            );
        }
        let first = self.at(left);
        self.edits
            .insert_before(first, &b"(EXTRACT(EPOCH FROM "[..], Class::Needed);
        let last = self.at(end - 1);
        self.edits
            .insert_after(last, &b") / 86400)"[..], Class::Needed);
        Ok(())
    }
}

/// What is added or taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operand {
    /// A number of days.
    Days,
    /// Another time.
    Moment,
    /// One or the other.
    Unknown,
}
