//! The translation of a routine's text from Oracle's PL/SQL to PL/pgSQL (rule D10).
//!
//! What PL/pgSQL accepts and runs keeps its text, to the letter. Only what cannot run,
//! because it is a syntax error or names what does not exist here, is translated; what
//! cannot be translated is refused, with its position and what to write. In a text
//! that needs translation, and so never ran here, what runs with another meaning than
//! in Oracle is translated as well ([`edit::Class::Follows`]).
//!
//! The text is read statement by statement, with [`Body`] to tell where each starts, so
//! that no more than one statement's tokens are in memory. A statement is not parsed:
//! edits of single tokens are collected, and applied at the end. An edit neither adds nor
//! takes away a newline, so that the lines of errors are those of the original.
//!
//! - [`statement`], [`declare`], [`raise`], [`cursor`], [`dynamic`] and [`package`] know
//!   the statements and declarations;
//! - [`expression`] goes through the expressions and queries in them, with [`function`],
//!   [`date`] and [`query`];
//! - [`session`] knows the parameters of ALTER SESSION, [`types`] the types, and
//!   [`condition`] the exceptions;
//! - [`scope`] has the names that the text declares, and [`edit`] the edits.

mod condition;
mod context;
mod cursor;
mod date;
mod declare;
mod dynamic;
mod edit;
mod expression;
mod function;
mod package;
mod piece;
mod query;
mod raise;
mod scope;
mod session;
mod statement;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod tok;
mod types;

pub use edit::Translation;
pub use types::type_name;

use super::body::{Body, Progress};
use super::construct::Construct;
use super::lexer::Lexer;
use super::token::Token;
use edit::{Class, Edits};
use expression::Frame;
use scope::{Block, Scopes};
use std::collections::{HashMap, HashSet};
use tok::{Kind, Tok};

/// What is found under a name that a statement calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Routine {
    /// Nothing.
    None,
    /// A function.
    Function,
    /// A procedure.
    Procedure,
}

/// What is found under a name in a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// Nothing.
    None,
    /// A sequence.
    Sequence,
    /// A table, a view or the like.
    Other,
}

/// What the server's catalogs say about names, where the routine's `search_path` is in
/// force. A name is given in its parts, in the form in which catalogs have it: without
/// quotes, and in lower case if there were none.
pub trait Names {
    /// Why the catalogs cannot be read.
    type Error;

    /// Whether there is a type of that name.
    fn is_type(&mut self, name: &[Vec<u8>]) -> Result<bool, Self::Error>;

    /// The routine of that name, whatever its parameters.
    fn routine(&mut self, name: &[Vec<u8>]) -> Result<Routine, Self::Error>;

    /// Whether a function of that name can be called with that number of arguments.
    fn takes(&mut self, name: &[Vec<u8>], arguments: usize) -> Result<bool, Self::Error>;

    /// The relation of that name.
    fn relation(&mut self, name: &[Vec<u8>]) -> Result<Relation, Self::Error>;

    /// Whether there is a schema of that name in which only the routine's owner and superusers
    /// can create objects.
    fn is_closed(&mut self, schema: &[u8]) -> Result<bool, Self::Error>;

    /// Whether the extension `oracle_session` is installed.
    fn has_oracle_session(&mut self) -> Result<bool, Self::Error>;

    /// Whether a relation has a column of that name, which takes precedence over a word of
    /// Oracle's.
    fn has_column(&mut self, _relation: &[Vec<u8>], _column: &[u8]) -> Result<bool, Self::Error> {
        Ok(false)
    }

    /// Called now and then, so that a long translation can be canceled (rule D6).
    fn poll(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// What is known of the routine besides its body.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// `standard_conforming_strings`
    pub standard_strings: bool,
    /// The routine runs at a session event, so the variables `ora_login_user` and the like exist.
    pub trigger: bool,
    /// The names of its parameters.
    pub parameters: Vec<Vec<u8>>,
}

/// Why a text cannot be translated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure<E> {
    /// It contains what has no translation.
    Refused(Refusal),
    /// The catalogs could not be read.
    Names(E),
}

/// What has no translation, in the style of PostgreSQL's messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Five characters.
    pub sqlstate: &'static str,
    /// The primary message.
    pub message: String,
    /// The detail, if there is one.
    pub detail: Option<String>,
    /// What to write instead.
    pub hint: Option<String>,
    /// The offset in the body of what is refused.
    pub position: usize,
}

/// There is no such routine.
const UNDEFINED_FUNCTION: &str = "42883";

/// The feature is not supported.
const NOT_SUPPORTED: &str = "0A000";
/// The text is longer than a server's string can be.
const TOO_LONG: &str = "54000";
/// There is not enough memory.
const OUT_OF_MEMORY: &str = "53200";

/// Translates a body, the text after IS or AS or the block of a trigger, up to its END.
/// `None` means that nothing in it needs translation, or that it is no body: it stays as it
/// is.
///
/// # Errors
/// Fails if something in it has no translation, or if the catalogs cannot be read.
pub fn translate<N: Names>(
    body: &[u8],
    source: &Source,
    names: &mut N,
) -> Result<Option<Translation>, Failure<N::Error>> {
    if u32::try_from(body.len()).is_err() {
        return Ok(None);
    }
    let mut translator = Translator::new(body, source, names);
    if !translator.run()? || !translator.edits.has_needed() {
        return Ok(None);
    }
    translator.edits.apply(body).map(Some)
}

/// The result of a step.
type Step<N, T = ()> = Result<T, Failure<<N as Names>::Error>>;

/// A statement with more tokens, or with more open parentheses, is more than the server's
/// parser takes, so it is not translated either.
const MOST_TOKENS: usize = 8_000_000;
const MOST_OPEN: usize = 10_000;

/// How many tokens are read between two calls of [`Names::poll`].
const POLL: u32 = 4096;
/// How many answers of the catalogs are remembered.
const ANSWERS: usize = 4096;

/// The state of a translation.
struct Translator<'a, N: Names> {
    body: &'a [u8],
    source: &'a Source,
    names: &'a mut N,
    answers: HashMap<(Question, Vec<Vec<u8>>), u8>,
    lexer: Lexer<'a>,
    automaton: Body,
    edits: Edits,
    scopes: Scopes,
    /// The tokens of the statement, and for each parenthesis the index of its counterpart.
    tokens: Vec<Tok>,
    mates: Vec<u32>,
    /// The construct that the statement is in.
    construct: Construct,
    /// The parentheses that are open in the expression.
    frames: Vec<Frame>,
    /// The previous statement was END with a word, after which a label may follow.
    behind_end: bool,
    /// The first token is not BEGIN, so DECLARE will be put in front of the text.
    declares: bool,
    /// DECLARE has been read, and no BEGIN since.
    declare_seen: bool,
    /// The cursor that this statement fetches from, and that the previous one did.
    fetched: Option<Vec<u8>>,
    last_fetch: Option<Vec<u8>>,
    /// The offsets after the FETCH statements of each cursor.
    fetches: HashMap<Vec<u8>, Vec<u32>>,
    /// Words of which it is known whether they are Oracle's in this statement.
    oracle: Vec<(String, bool)>,
    /// The index up to which what is added to a time has been translated.
    dated: usize,
    /// There were too many open parentheses.
    too_deep: bool,
    /// The next INTO takes exactly one row in Oracle.
    strict: bool,
    /// Whether ALTER SESSION occurs anywhere in the text, once somebody has asked.
    alters_session: Option<bool>,
    /// The cursors for which a variable keeps what FETCH has found.
    kept: HashSet<Vec<u8>>,
    /// The number of exceptions that the text has declared.
    exceptions: u32,
    /// A variable keeps the number of rows of the last statement.
    counts_rows: bool,
    count: u32,
}

/// What the catalogs are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Question {
    Type,
    Routine,
    Takes(usize),
    Relation,
    Extension,
    Closed,
}

impl<'a, N: Names> Translator<'a, N> {
    fn new(body: &'a [u8], source: &'a Source, names: &'a mut N) -> Translator<'a, N> {
        Translator {
            body,
            source,
            names,
            answers: HashMap::new(),
            lexer: Lexer::new(body, 0, source.standard_strings),
            automaton: Body::new(),
            edits: Edits::new(),
            scopes: Scopes::new(&source.parameters),
            tokens: Vec::new(),
            mates: Vec::new(),
            construct: Construct::Declarations,
            frames: Vec::new(),
            behind_end: false,
            declares: false,
            declare_seen: false,
            fetched: None,
            last_fetch: None,
            fetches: HashMap::new(),
            oracle: Vec::new(),
            dated: 0,
            too_deep: false,
            strict: false,
            alters_session: None,
            kept: HashSet::new(),
            exceptions: 0,
            counts_rows: false,
            count: 0,
        }
    }

    /// Goes through the text. The result is false if its end is not found, which the
    /// server's own search for it has reported in another way.
    fn run(&mut self) -> Step<N, bool> {
        let mut first = true;
        loop {
            let token = self.next_token()?;
            if first {
                first = false;
                self.declares = !self.source.trigger && !token.is(self.body, "begin");
            }
            if self.tokens.is_empty() {
                self.construct = self.automaton.construct();
            }
            match self.automaton.feed(token.as_fed(self.body), token.start) {
                Ok(Progress::More) => {}
                Ok(Progress::End | Progress::Name | Progress::Done) => return Ok(true),
                Err(_) => return Ok(false),
            }
            if self.tokens.len() >= MOST_TOKENS {
                return Ok(false);
            }
            self.tokens.push(token);
            if self.automaton.at_start() {
                self.oracle.clear();
                self.piece()?;
                self.tokens.clear();
                if self.too_deep {
                    return Ok(false);
                }
            }
        }
    }

    /// The next token. What Oracle quotes as `q'[…]'` is one, unless there is a type `q`.
    fn next_token(&mut self) -> Step<N, Tok> {
        self.count = self.count.wrapping_add(1);
        if self.count % POLL == 0 {
            self.names.poll().map_err(Failure::Names)?;
        }
        let lexeme = self.lexer.next_token();
        if let Token::Word(word) = lexeme.token {
            if let Some(end) = piece::quoted_end(self.body, lexeme.start, word) {
                if !self.is_type(&[word.to_ascii_lowercase()])? {
                    self.lexer = Lexer::new(self.body, end, self.source.standard_strings);
                    return Ok(Tok::new(lexeme.start, end, Kind::String));
                }
            }
        }
        Ok(Tok::of(lexeme))
    }

    /// Refuses the token at `index` of the statement.
    fn refuse<T>(
        &self,
        index: usize,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Step<N, T> {
        Err(Failure::Refused(Refusal {
            sqlstate: NOT_SUPPORTED,
            message: message.into(),
            detail: None,
            hint: Some(hint.into()),
            position: self
                .tokens
                .get(index)
                .map_or(0, |token| token.start as usize),
        }))
    }

    fn ask(
        &mut self,
        question: Question,
        name: &[Vec<u8>],
        answer: impl FnOnce(&mut N, &[Vec<u8>]) -> Result<u8, N::Error>,
    ) -> Step<N, u8> {
        let key = (question, name.to_vec());
        if let Some(&known) = self.answers.get(&key) {
            return Ok(known);
        }
        let found = answer(self.names, name).map_err(Failure::Names)?;
        if self.answers.len() >= ANSWERS {
            self.answers.clear();
        }
        self.answers.insert(key, found);
        Ok(found)
    }

    fn is_type(&mut self, name: &[Vec<u8>]) -> Step<N, bool> {
        self.ask(Question::Type, name, |names, name| {
            Ok(u8::from(names.is_type(name)?))
        })
        .map(|found| found != 0)
    }

    /// Whether a name is of a package of Oracle's, in a schema in which others can create objects.
    /// Its author means Oracle's package, and not what somebody has put there, which would run
    /// with the author's rights.
    fn is_foreign(&mut self, name: &[Vec<u8>]) -> Step<N, bool> {
        let [schema, _] = name else {
            return Ok(false);
        };
        if !schema.starts_with(b"dbms_") && !schema.starts_with(b"utl_") {
            return Ok(false);
        }
        let schema = vec![schema.clone()];
        self.ask(Question::Closed, &schema, |names, schema| {
            Ok(u8::from(names.is_closed(&schema[0])?))
        })
        .map(|closed| closed == 0)
    }

    fn takes(&mut self, name: &[Vec<u8>], arguments: usize) -> Step<N, bool> {
        if self.is_foreign(name)? {
            return Ok(false);
        }
        self.ask(Question::Takes(arguments), name, |names, name| {
            Ok(u8::from(names.takes(name, arguments)?))
        })
        .map(|found| found != 0)
    }

    fn routine(&mut self, name: &[Vec<u8>]) -> Step<N, Routine> {
        if self.is_foreign(name)? {
            return Ok(Routine::None);
        }
        self.ask(Question::Routine, name, |names, name| {
            Ok(match names.routine(name)? {
                Routine::None => 0,
                Routine::Function => 1,
                Routine::Procedure => 2,
            })
        })
        .map(|found| match found {
            0 => Routine::None,
            1 => Routine::Function,
            _ => Routine::Procedure,
        })
    }

    fn relation(&mut self, name: &[Vec<u8>]) -> Step<N, Relation> {
        self.ask(Question::Relation, name, |names, name| {
            Ok(match names.relation(name)? {
                Relation::None => 0,
                Relation::Sequence => 1,
                Relation::Other => 2,
            })
        })
        .map(|found| match found {
            0 => Relation::None,
            1 => Relation::Sequence,
            _ => Relation::Other,
        })
    }

    fn has_oracle_session(&mut self) -> Step<N, bool> {
        self.ask(Question::Extension, &[], |names, _| {
            Ok(u8::from(names.has_oracle_session()?))
        })
        .map(|found| found != 0)
    }

    /// Who logged on, as the text can find out.
    fn login_user(&self) -> &'static str {
        if self.source.trigger {
            "ora_login_user"
        } else {
            "session_user"
        }
    }

    /// Declares a variable in a block, on the line of the block's BEGIN.
    fn declare(&mut self, block: Block, name: &str, declaration: &str) {
        let first = if self.scopes.opens_declarations(block) {
            "DECLARE "
        } else {
            ""
        };
        self.edits.insert_at(
            block.begin,
            format!("{first}{name} {declaration}; ").into_bytes(),
            Class::Needed,
        );
    }
}
