//! Expressions and queries, token by token.

use super::edit::Class;
use super::function::Call;
use super::query::Select;
use super::scope::Name;
use super::tok::Kind;
use super::{Names, Relation, Step, Translator};

/// An open parenthesis, or the expression as a whole.
#[derive(Debug)]
pub(super) struct Frame {
    /// The index of the parenthesis that closes it, or the end of the expression.
    pub close: usize,
    /// What the parentheses belong to.
    pub call: Call,
    /// The query that is directly in it.
    pub select: Select,
}

/// Words after which an expression starts. A name after another word is an alias.
const BEFORE_EXPRESSION: [&str; 47] = [
    "all",
    "and",
    "any",
    "between",
    "by",
    "call",
    "case",
    "continue",
    "default",
    "distinct",
    "else",
    "elseif",
    "elsif",
    "execute",
    "exit",
    "from",
    "having",
    "if",
    "ilike",
    "immediate",
    "in",
    "is",
    "like",
    "limit",
    "not",
    "offset",
    "on",
    "or",
    "perform",
    "return",
    "reverse",
    "select",
    "set",
    "similar",
    "some",
    "then",
    "to",
    "unique",
    "using",
    "values",
    "when",
    "where",
    "while",
    "with",
    "returning",
    "next",
    "strict",
];

impl<N: Names> Translator<'_, N> {
    /// Translates what is between two indexes.
    pub(super) fn walk(&mut self, from: usize, to: usize) -> Step<N> {
        self.frames.clear();
        self.dated = 0;
        self.frames.push(Frame {
            close: to,
            call: Call::None,
            select: Select::default(),
        });
        let mut call = Call::None;
        let mut index = from;
        while index < to {
            match self.kind(index) {
                Kind::Open => {
                    self.outer_join(index)?;
                    if self.frames.len() > super::MOST_OPEN {
                        self.too_deep = true;
                        return Ok(());
                    }
                    self.frames.push(Frame {
                        close: self.mate(index).unwrap_or(to),
                        call: std::mem::replace(&mut call, Call::None),
                        select: Select::default(),
                    });
                }
                Kind::Close => {
                    // The first frame is no parenthesis.
                    let frame = if self.frames.len() > 1 {
                        self.frames.pop()
                    } else {
                        None
                    };
                    self.close_call(index, frame.map_or(Call::None, |frame| frame.call));
                }
                Kind::Comma => self.comma(index),
                Kind::Word | Kind::Quoted => {
                    index = self.name(index, to, &mut call)?.max(index + 1);
                    continue;
                }
                Kind::String => self.requote(index, index + 1),
                Kind::Other => self.symbol(index),
                _ => {}
            }
            index += 1;
        }
        Ok(())
    }

    /// The innermost parentheses.
    pub(super) fn frame(&mut self) -> Option<&mut Frame> {
        self.frames.last_mut()
    }

    fn symbol(&mut self, index: usize) {
        let text = self.text(index);
        if text == b"*" {
            self.takes_all(index);
        } else if text == b"^=" {
            self.edits
                .replace(self.at(index), &b"<>"[..], Class::Needed);
        } else if text == b"/"
            && self.is_integer(index.wrapping_sub(1))
            && self.is_integer(index + 1)
        {
            // The quotient of two integers is no integer in Oracle.
            let quotient = [self.text(index - 1), b".0"].concat();
            self.edits
                .replace(self.at(index - 1), quotient, Class::Follows);
        }
    }

    fn is_integer(&self, index: usize) -> bool {
        self.is_number(index) && self.text(index).iter().all(u8::is_ascii_digit)
    }

    /// `a.x = b.x (+)`
    fn outer_join(&mut self, index: usize) -> Step<N> {
        if self.is_symbol(index + 1, "+") && self.kind(index + 2) == Kind::Close {
            return self.refuse(
                index,
                "outer joins cannot be written with (+)",
                "Write LEFT JOIN ... ON.",
            );
        }
        Ok(())
    }

    /// Whether the name at `index` is where an operand can be.
    fn is_operand(&self, index: usize) -> bool {
        let Some(before) = index.checked_sub(1) else {
            return true;
        };
        match self.kind(before) {
            Kind::Word => BEFORE_EXPRESSION.contains(&self.lower(before).as_str()),
            Kind::Quoted | Kind::String | Kind::Close | Kind::Dot => false,
            Kind::Other => !self.is_number(before),
            _ => true,
        }
    }

    /// The name that starts at `index`, which no dot precedes. Returns the index at which to
    /// go on.
    fn name(&mut self, index: usize, to: usize, call: &mut Call) -> Step<N, usize> {
        let end = self.chain_end(index).min(to.max(index + 1));
        if index >= 2 && self.is_symbol(index - 1, ":") && self.is_symbol(index - 2, ":") {
            self.type_at(index)?;
            return Ok(end);
        }
        if let Some(behind) = self.attribute(index)? {
            return Ok(behind);
        }
        let folded = self.folded(index);
        if self
            .scopes
            .get(&folded)
            .is_some_and(|name| !matches!(name, Name::Exception(_) | Name::Type(_)))
        {
            return Ok(end);
        }
        if self.in_cast() && self.is(index, "as") {
            self.type_at(index + 1)?;
            return Ok(self.chain_end(index + 1).min(to));
        }
        if let Some(behind) = self.relation_item(index, end)? {
            return Ok(behind);
        }
        self.assigned(index, end);
        if end == index + 1 {
            self.single(index, to, call)
        } else {
            self.dotted(index, end, call)
        }
    }

    fn in_cast(&self) -> bool {
        self.frames
            .last()
            .is_some_and(|frame| matches!(frame.call, Call::Cast))
    }

    /// A name without dots.
    fn single(&mut self, index: usize, to: usize, call: &mut Call) -> Step<N, usize> {
        let word = self.lower(index);
        let word = word.as_str();
        if word.is_empty() {
            return Ok(index + 1);
        }
        if self.kind(index + 1) == Kind::Open && index + 1 < to {
            return self.function(index, word, call);
        }
        self.query_word(index, word)?;
        match word {
            "serial" if self.is_column_serial(index) => {
                self.edits
                    .replace(self.at(index), &b"\"serial#\""[..], Class::Needed);
                self.delete(index + 1);
                return Ok(index + 2);
            }
            "sysdate" | "systimestamp" if self.is_oracle(index, word)? => {
                return self.now(index, word == "sysdate");
            }
            "sqlcode" if self.is_oracle(index, word)? => self.sqlcode(index),
            // After AS it is an alias. Otherwise the word is reserved.
            "user" if self.is_operand(index) => {
                let user = self.login_user();
                let user = if self.is_compared_in_capitals(index, index + 1) {
                    format!("UPPER({user})")
                } else {
                    user.to_owned()
                };
                self.edits
                    .replace(self.at(index), user.into_bytes(), Class::Follows);
            }
            "ora_login_user"
                if self.source.trigger && self.is_compared_in_capitals(index, index + 1) =>
            {
                self.edits.replace(
                    self.at(index),
                    &b"UPPER(ora_login_user)"[..],
                    Class::Follows,
                );
            }
            "rownum" if self.is_oracle(index, word)? => return self.rownum(index),
            _ => {}
        }
        Ok(index + 1)
    }

    /// Whether the token is the first part of Oracle's column `serial#`.
    fn is_column_serial(&self, index: usize) -> bool {
        let (sign, next) = (self.at(index + 1), self.at(index + 2));
        self.is_symbol(index + 1, "#")
            && self.at(index).end == sign.start
            && (next.start > sign.end || matches!(next.kind, Kind::Comma | Kind::Close))
    }

    /// Whether a word is Oracle's: it is an operand, and no relation in the statement has such
    /// a column.
    fn is_oracle(&mut self, index: usize, word: &str) -> Step<N, bool> {
        if !self.is_operand(index) {
            return Ok(false);
        }
        if let Some(&(_, known)) = self.oracle.iter().find(|(known, _)| known == word) {
            return Ok(known);
        }
        let mut oracle = true;
        for relation in self.relations() {
            let has = self.names.has_column(&relation, word.as_bytes());
            oracle &= !has.map_err(super::Failure::Names)?;
        }
        self.oracle.push((word.to_owned(), oracle));
        Ok(oracle)
    }

    /// The first relations that the statement names.
    fn relations(&self) -> Vec<Vec<Vec<u8>>> {
        const MOST: usize = 16;
        const FAR: usize = 4096;
        let mut relations = Vec::new();
        for index in 1..self.tokens.len().min(FAR) {
            if relations.len() < MOST
                && self.is_name(index)
                && self.is_any(index - 1, &["from", "join", "update", "into", "using"])
                && self.kind(self.chain_end(index)) != Kind::End
            {
                relations.push(self.chain(index, self.chain_end(index)));
            }
        }
        relations
    }

    /// A name with dots.
    fn dotted(&mut self, index: usize, end: usize, call: &mut Call) -> Step<N, usize> {
        let last = self.lower(end - 1);
        let last = last.as_str();
        let open = self.kind(end) == Kind::Open;
        if matches!(last, "nextval" | "currval") && !open {
            let chain = self.chain(index, end - 2);
            let found = self.relation(&chain)?;
            if found == Relation::Sequence
                || (found == Relation::None && !self.is_alias(index, end - 2))
            {
                let name = self.sequence(index, end - 2);
                self.replace_range(
                    index,
                    end,
                    [last.as_bytes(), b"(", &name[..], b")"].concat(),
                );
            }
            return Ok(end);
        }
        let mut first = index;
        if self.is(index, "sys") && end > index + 3 {
            first = index + 2;
        }
        if self.source.trigger && end == index + 3 && self.is(index, "sys") && !open {
            let name: &'static [u8] = match last {
                "login_user" => b"ora_login_user",
                "database_name" => b"ora_database_name",
                "instance_num" => b"ora_instance_num",
                "sysevent" => b"ora_sysevent",
                "client_ip_address" => b"ora_client_ip_address",
                _ => b"",
            };
            if !name.is_empty() {
                self.replace_range(index, end, name.to_vec());
                return Ok(end);
            }
        }
        if end == first + 3 {
            match self.lower(first).as_str() {
                "dbms_utility"
                    if matches!(last, "format_error_backtrace" | "format_error_stack") =>
                {
                    let chain = self.chain(first, end);
                    if !self.takes(&chain, 0)? {
                        let close = self.mate(end).filter(|&close| close == end + 1);
                        let behind = close.map_or(end, |close| close + 1);
                        self.error_text(index, behind, last == "format_error_backtrace");
                        return Ok(behind);
                    }
                }
                "dbms_session" => {
                    if let Some(behind) = self.session_function(index, end, last)? {
                        return Ok(behind);
                    }
                }
                _ => {}
            }
        }
        if end == index + 3 && self.is_any(index, &["sys", "standard"]) && open {
            // SYS.SYS_CONTEXT(…)
            let mark = self.edits.mark();
            let behind = self.function(end - 1, last, call)?;
            if self.edits.mark() > mark {
                for token in [self.at(index), self.at(index + 1)] {
                    self.edits.replace(token, &b""[..], Class::Needed);
                }
            }
            return Ok(behind);
        }
        Ok(end)
    }

    /// Whether the name in the tokens from one index up to another may be that of a row: it
    /// stands in the statement without a column.
    fn is_alias(&self, from: usize, to: usize) -> bool {
        const FAR: usize = 256;
        let name = self.folded(to - 1);
        to > from + 1
            || self.tokens.len() > FAR
            || (0..self.tokens.len()).any(|index| {
                self.is_name(index)
                    && self.kind(index + 1) != Kind::Dot
                    && self.folded(index) == name
            })
    }

    /// A sequence's name as a constant.
    fn sequence(&self, from: usize, to: usize) -> Vec<u8> {
        let mut name = Vec::new();
        for part in (from..to).step_by(2) {
            if !name.is_empty() {
                name.push(b'.');
            }
            name.extend_from_slice(self.text(part));
        }
        super::piece::quote(&name, self.source.standard_strings)
    }
}
