//! Oracle's types that have another name here.

use super::edit::Class;
use super::query::view;
use super::scope::Name;
use super::tok::Kind;
use super::{Names, Relation, Step, Translator};

/// What becomes of the numbers in parentheses after a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    /// They stay.
    Keep,
    /// They are left out.
    Drop,
}

/// Oracle's name, the name here, and what becomes of the length.
const TYPES: [(&str, &str, Length); 30] = [
    ("number", "numeric", Length::Keep),
    ("pls_integer", "integer", Length::Drop),
    ("binary_integer", "integer", Length::Drop),
    ("simple_integer", "integer", Length::Drop),
    ("natural", "integer", Length::Drop),
    ("naturaln", "integer", Length::Drop),
    ("positive", "integer", Length::Drop),
    ("positiven", "integer", Length::Drop),
    ("signtype", "integer", Length::Drop),
    ("binary_float", "real", Length::Drop),
    ("simple_float", "real", Length::Drop),
    ("binary_double", "double precision", Length::Drop),
    ("simple_double", "double precision", Length::Drop),
    ("clob", "text", Length::Drop),
    ("nclob", "text", Length::Drop),
    ("long", "text", Length::Drop),
    ("blob", "bytea", Length::Drop),
    ("raw", "bytea", Length::Drop),
    ("nvarchar2", "varchar", Length::Keep),
    ("string", "varchar", Length::Keep),
    ("sys_refcursor", "refcursor", Length::Drop),
    ("xmltype", "xml", Length::Drop),
    ("rowid", "varchar", Length::Drop),
    ("urowid", "varchar", Length::Drop),
    ("dsinterval_unconstrained", "interval", Length::Drop),
    ("yminterval_unconstrained", "interval", Length::Drop),
    ("timestamp_unconstrained", "timestamp", Length::Drop),
    ("timestamp_tz_unconstrained", "timestamptz", Length::Drop),
    ("timestamp_ltz_unconstrained", "timestamptz", Length::Drop),
    ("time_unconstrained", "time", Length::Drop),
];

/// The type that one of Oracle's, in lower case, is where no type of that name is found:
/// `numeric` for `number`.
pub fn type_name(name: &[u8]) -> Option<&'static str> {
    find(name).map(|(_, here, _)| here)
}

fn find(name: &[u8]) -> Option<(&'static str, &'static str, Length)> {
    TYPES
        .into_iter()
        .find(|(oracle, _, _)| oracle.as_bytes() == name)
}

/// Types of PostgreSQL's for numbers, and for dates and times.
const NUMBERS: [&str; 15] = [
    "numeric", "decimal", "dec", "integer", "int", "smallint", "bigint", "real", "float", "double",
    "int2", "int4", "int8", "float4", "float8",
];
const MOMENTS: [&str; 4] = ["date", "timestamp", "timestamptz", "time"];

impl<N: Names> Translator<'_, N> {
    /// Translates the type that starts at `index`. Returns what a variable of it is.
    pub(super) fn type_at(&mut self, index: usize) -> Step<N, Name> {
        let end = self.chain_end(index);
        if !self.is_name(index) {
            return Ok(Name::Variable);
        }
        // name%TYPE and name%ROWTYPE
        if self.is_symbol(end, "%") {
            return self.attribute_type(index, end);
        }
        if end > index + 1 {
            return Ok(Name::Variable);
        }
        let word = self.lower(index);
        let word = word.as_str();
        if let Some(Name::Type(here)) = self.scopes.get(&self.folded(index)).cloned() {
            self.edits.replace(self.at(index), here, Class::Needed);
            return Ok(Name::Variable);
        }
        match word {
            "record" => return Ok(Name::Record),
            "refcursor" => return Ok(Name::Cursor),
            "varchar2" => {
                if !self.is_type(&[b"varchar2".to_vec()])? {
                    self.edits
                        .replace(self.at(index), &b"varchar"[..], Class::Follows);
                    self.drop_unit(index + 1, Class::Follows);
                }
                return Ok(Name::Variable);
            }
            "char" | "character" | "varchar" | "nchar" => {
                self.drop_unit(index + 1, Class::Needed);
                return Ok(Name::Variable);
            }
            "timestamp" => {
                self.local_time_zone(index);
                return Ok(Name::Moment);
            }
            "interval" => {
                self.interval(index);
                return Ok(Name::Variable);
            }
            "float" => {
                self.float(index);
                return Ok(Name::Number);
            }
            _ => {}
        }
        if let Some((oracle, here, length)) = find(word.as_bytes()) {
            if !self.is_type(&[oracle.as_bytes().to_vec()])? {
                self.replace_type(index, oracle, here, length);
                return Ok(match here {
                    "numeric" | "integer" | "real" | "double precision" => Name::Number,
                    "timestamp" | "timestamptz" => Name::Moment,
                    "refcursor" => Name::Cursor,
                    _ => Name::Variable,
                });
            }
        }
        Ok(if NUMBERS.contains(&word) {
            Name::Number
        } else if MOMENTS.contains(&word) {
            Name::Moment
        } else {
            Name::Variable
        })
    }

    fn attribute_type(&mut self, index: usize, percent: usize) -> Step<N, Name> {
        if !self.is(percent + 1, "rowtype") {
            if let Some(known) = self.view_column_type(index, percent)? {
                return Ok(known);
            }
            let name = self.scopes.get(&self.folded(index)).cloned();
            return Ok(match name {
                Some(known @ (Name::Number | Name::Moment)) => known,
                _ => Name::Variable,
            });
        }
        if percent == index + 1 && self.scopes.get(&self.folded(index)) == Some(&Name::Cursor) {
            // A cursor is no type here.
            self.edits
                .replace(self.at(index), &b"record"[..], Class::Needed);
            self.delete(percent);
            self.delete(percent + 1);
        }
        Ok(Name::Record)
    }

    /// The type of a column of one of Oracle's views, such as `sys.v_$session.program%TYPE`.
    fn view_column_type(&mut self, index: usize, percent: usize) -> Step<N, Option<Name>> {
        let mut chain = self.chain(index, percent);
        let Some(column) = chain.pop() else {
            return Ok(None);
        };
        let is_view = match &chain[..] {
            [name] => view(&String::from_utf8_lossy(name)).is_some(),
            [schema, name] => schema == b"sys" && view(&String::from_utf8_lossy(name)).is_some(),
            _ => false,
        };
        if !is_view || self.relation(&chain)? != Relation::None {
            return Ok(None);
        }
        let (standard, known) = match &column[..] {
            b"sid" | b"audsid" => (&b"bigint"[..], Name::Number),
            b"logon_time" | b"startup_time" => (&b"timestamp"[..], Name::Moment),
            _ => (&b"text"[..], Name::Variable),
        };
        self.edits.replace(self.at(index), standard, Class::Needed);
        for token in index + 1..=percent + 1 {
            self.delete(token);
        }
        Ok(Some(known))
    }

    fn replace_type(&mut self, index: usize, oracle: &str, here: &'static str, length: Length) {
        self.edits
            .replace(self.at(index), here.as_bytes(), Class::Needed);
        if oracle == "long" && self.is(index + 1, "raw") {
            self.edits
                .replace(self.at(index), &b"bytea"[..], Class::Needed);
            self.delete(index + 1);
        }
        let open = index + 1;
        if self.kind(open) != Kind::Open {
            return;
        }
        match length {
            Length::Drop => self.delete_parentheses(open),
            // NUMBER(*) and NUMBER(*, s)
            Length::Keep if self.is_symbol(open + 1, "*") => {
                if self.kind(open + 2) == Kind::Comma {
                    let most = &b"38"[..];
                    self.edits.replace(self.at(open + 1), most, Class::Needed);
                } else {
                    self.delete_parentheses(open);
                }
            }
            Length::Keep => self.drop_unit(open, Class::Needed),
        }
    }

    fn delete_parentheses(&mut self, open: usize) {
        let Some(close) = self.mate(open) else { return };
        for index in open..=close {
            self.delete(index);
        }
    }

    /// Leaves out BYTE or CHAR after a length.
    fn drop_unit(&mut self, open: usize, class: Class) {
        if self.kind(open) == Kind::Open
            && self.is_number(open + 1)
            && self.is_any(open + 2, &["byte", "char"])
            && self.kind(open + 3) == Kind::Close
        {
            self.delete_as(open + 2, class);
        }
    }

    /// `TIMESTAMP WITH LOCAL TIME ZONE`
    fn local_time_zone(&mut self, index: usize) {
        let with = match self.kind(index + 1) {
            Kind::Open => self.mate(index + 1).map_or(index, |close| close + 1),
            _ => index + 1,
        };
        if self.is(with, "with") && self.is(with + 1, "local") && self.is(with + 2, "time") {
            self.delete(with + 1);
        }
    }

    /// `INTERVAL DAY(2) TO SECOND(6)`
    fn interval(&mut self, index: usize) {
        if self.is_any(index + 1, &["day", "year"])
            && self.kind(index + 2) == Kind::Open
            && self.is_number(index + 3)
            && self.kind(index + 4) == Kind::Close
        {
            self.delete_parentheses(index + 2);
        }
    }

    /// `FLOAT(126)`, whose precision counts up to 126 bits.
    fn float(&mut self, index: usize) {
        let digits = std::str::from_utf8(self.text(index + 2)).unwrap_or_default();
        if self.kind(index + 1) == Kind::Open
            && self.kind(index + 3) == Kind::Close
            && digits.parse().is_ok_and(|precision: u32| precision > 53)
        {
            self.edits
                .replace(self.at(index), &b"double precision"[..], Class::Needed);
            self.delete_parentheses(index + 1);
        }
    }
}
