//! From a statement's first token to what begins a body: IS or AS, or BEGIN or
//! DECLARE in Oracle's CREATE TRIGGER.

use super::keyword::Keyword;
use super::lexer::Lexer;
use super::token::Token;

/// What the tokens so far say about a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// It can become either.
    Undecided,
    /// It is no routine in the form of section D.
    Other,
    /// It is one. The last `ahead` of the tokens that were fed belong to the
    /// body already: one or two, as IS and AS do not tell by themselves.
    Routine {
        /// That number; 0 once the form was decided before.
        ahead: u32,
    },
}

/// What the next token continues.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Nothing.
    Start,
    /// CREATE
    Create,
    /// CREATE OR
    CreateOr,
    /// CREATE OR REPLACE
    CreateOrReplace,
    /// CREATE … EDITIONABLE: a trigger follows.
    Edition,
    /// The trigger's name is to come, or the next part of a name with dots.
    TriggerName,
    /// AFTER or BEFORE.
    TriggerTime,
    /// The first event, which tells Oracle's system triggers from others.
    TriggerEvent,
    /// The events, WHEN and what else there is before the trigger's body.
    Trigger,
    /// ON: a name, which can look like the beginning of a body.
    TriggerOn,
    /// The routine's name is to come, or the next part of a name with dots.
    Name,
    /// The parameters, the result and the options.
    Options,
    /// An option that takes a name: no word is a keyword here.
    Value,
    /// RETURN: a type, or the expression of a standard SQL body.
    Return,
    /// RETURNS: a type, or NULL ON NULL INPUT.
    Returns,
    /// AS
    As,
    /// IS
    Is,
    /// IS and a word that can end a test or name a variable.
    IsTest,
    /// IS JSON
    IsJson,
    /// IS and a Unicode normalization form.
    IsForm,
    /// Decided.
    Other,
    /// Decided.
    Routine,
}

/// Tells the routines of section D from all other statements (rule D2), and
/// from Oracle's triggers on a database or a schema, which have such a body, too
/// (rule D7).
///
/// What parses on a server without that form is never taken for it, so where
/// words could be read either way, the standard reading wins.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    parentheses: u32,
    place: Place,
    /// RETURN has come, so IS can be part of an expression.
    returns: bool,
    /// The last token was FOR, as in TRANSFORM FOR TYPE.
    after_for: bool,
}

impl Default for Header {
    fn default() -> Header {
        Header::new()
    }
}

impl Header {
    /// An automaton for a statement from its first token on.
    pub const fn new() -> Header {
        Header {
            parentheses: 0,
            place: Place::Start,
            returns: false,
            after_for: false,
        }
    }

    /// An automaton for CREATE FUNCTION or PROCEDURE from the first token
    /// behind the name and the parameters on.
    pub const fn after_parameters() -> Header {
        Header {
            place: Place::Options,
            ..Header::new()
        }
    }

    /// Takes tokens until the form is decided or about `limit` bytes have been
    /// read: then it is [`Form::Undecided`], and the caller may go on.
    pub fn read(&mut self, lexer: &mut Lexer<'_>, limit: usize) -> Form {
        let start = lexer.position();
        loop {
            let form = self.feed(lexer.next_token().token);
            if form != Form::Undecided || lexer.position() - start >= limit {
                return form;
            }
        }
    }

    /// Takes the next token.
    pub fn feed(&mut self, token: Token<'_>) -> Form {
        let word = token.keyword();
        match self.place {
            Place::Other => return Form::Other,
            Place::Routine => return Form::Routine { ahead: 0 },
            Place::As => return self.behind_as(token),
            Place::Is => return self.behind_is(token, word),
            Place::IsTest | Place::IsJson | Place::IsForm => return self.behind_test(token, word),
            _ => {}
        }
        self.place = match self.place {
            _ if token == Token::End => Place::Other,
            _ if self.parentheses > 0 => self.in_parentheses(token),
            Place::Start => match word {
                Some(Keyword::Create) => Place::Create,
                _ => Place::Other,
            },
            Place::Create => match word {
                Some(Keyword::Or) => Place::CreateOr,
                _ => Self::created(word),
            },
            Place::CreateOr => match word {
                Some(Keyword::Replace) => Place::CreateOrReplace,
                _ => Place::Other,
            },
            Place::CreateOrReplace => Self::created(word),
            Place::Edition => match word {
                Some(Keyword::Trigger) => Place::TriggerName,
                _ => Place::Other,
            },
            Place::TriggerName => match token {
                Token::Word(_) | Token::Quoted => Place::TriggerTime,
                _ => Place::Other,
            },
            Place::TriggerTime => match (token, word) {
                (Token::Dot, _) => Place::TriggerName,
                (_, Some(Keyword::After | Keyword::Before)) => Place::TriggerEvent,
                _ => Place::Other,
            },
            Place::TriggerEvent => match (token, word) {
                (
                    _,
                    Some(Keyword::Delete | Keyword::Insert | Keyword::Truncate | Keyword::Update),
                ) => Place::Other,
                (Token::Word(_), _) => Place::Trigger,
                _ => Place::Other,
            },
            Place::TriggerOn => Place::Trigger,
            Place::Trigger => match (token, word) {
                (Token::Semicolon, _) => Place::Other,
                (Token::Open, _) => self.in_parentheses(token),
                (_, Some(Keyword::On)) => Place::TriggerOn,
                (_, Some(Keyword::Begin | Keyword::Declare)) | (Token::LabelOpen, _) => {
                    return self.routine(1);
                }
                _ => Place::Trigger,
            },
            Place::Name => match token {
                Token::Word(_) | Token::Quoted => Place::Options,
                _ => Place::Other,
            },
            Place::Return => match (token, word) {
                (_, Some(Keyword::Setof)) => Place::Value,
                // No type is called so.
                (
                    _,
                    Some(
                        Keyword::Array
                        | Keyword::Case
                        | Keyword::False
                        | Keyword::Not
                        | Keyword::Null
                        | Keyword::True,
                    ),
                ) => Place::Other,
                (Token::Word(_) | Token::Quoted, _) => Place::Options,
                _ => Place::Other,
            },
            Place::Returns => match word {
                Some(Keyword::Null) => Place::Options,
                _ => Place::Other,
            },
            Place::Value => match (token, word) {
                (Token::Equals, _) | (_, Some(Keyword::To)) => Place::Value,
                (Token::Word(_) | Token::Quoted, _) => Place::Options,
                _ => self.option(token, None),
            },
            _ => self.option(token, word),
        };
        self.after_for = word == Some(Keyword::For);
        match self.place {
            Place::Other => Form::Other,
            _ => Form::Undecided,
        }
    }

    /// What CREATE or CREATE OR REPLACE makes.
    fn created(word: Option<Keyword>) -> Place {
        match word {
            Some(Keyword::Function | Keyword::Procedure) => Place::Name,
            Some(Keyword::Trigger) => Place::TriggerName,
            Some(Keyword::Editionable | Keyword::Noneditionable) => Place::Edition,
            _ => Place::Other,
        }
    }

    fn in_parentheses(&mut self, token: Token<'_>) -> Place {
        match token {
            Token::Open => self.parentheses = self.parentheses.saturating_add(1),
            Token::Close => self.parentheses = self.parentheses.saturating_sub(1),
            _ => {}
        }
        match self.place {
            Place::Trigger => Place::Trigger,
            _ => Place::Options,
        }
    }

    fn option(&mut self, token: Token<'_>, word: Option<Keyword>) -> Place {
        match (token, word) {
            (Token::Semicolon, _) => Place::Other,
            (Token::Open, _) => self.in_parentheses(token),
            (Token::Dot, _) => Place::Name,
            (Token::Comma | Token::Equals, _) => Place::Value,
            (_, Some(Keyword::As)) => Place::As,
            (_, Some(Keyword::Is)) => Place::Is,
            // BEGIN ATOMIC
            (_, Some(Keyword::Begin)) => Place::Other,
            (_, Some(Keyword::Return)) => {
                self.returns = true;
                Place::Return
            }
            (_, Some(Keyword::Returns)) => Place::Returns,
            (_, Some(Keyword::Authorization | Keyword::Language | Keyword::Role | Keyword::To)) => {
                Place::Value
            }
            (_, Some(Keyword::Type)) if self.after_for => Place::Value,
            _ => Place::Options,
        }
    }

    /// Only a string is left to the standard form. What can't start a body is
    /// left to the server's grammar to complain about.
    fn behind_as(&mut self, token: Token<'_>) -> Form {
        match token {
            Token::Word(_) | Token::Quoted | Token::LabelOpen | Token::End => self.routine(1),
            _ => self.other(),
        }
    }

    fn behind_is(&mut self, token: Token<'_>, word: Option<Keyword>) -> Form {
        self.place = match word {
            Some(
                Keyword::Distinct | Keyword::False | Keyword::Not | Keyword::Null | Keyword::True,
            ) => return self.other(),
            Some(Keyword::Document | Keyword::Normalized | Keyword::Of | Keyword::Unknown)
                if self.returns =>
            {
                Place::IsTest
            }
            Some(Keyword::Json) if self.returns => Place::IsJson,
            Some(Keyword::Nfc | Keyword::Nfd | Keyword::Nfkc | Keyword::Nfkd) if self.returns => {
                Place::IsForm
            }
            _ => return self.behind_as(token),
        };
        Form::Undecided
    }

    /// A declaration's name has a type behind it; a test has the end of the
    /// expression or one of the words that continue it.
    fn behind_test(&mut self, token: Token<'_>, word: Option<Keyword>) -> Form {
        match (self.place, word) {
            (
                Place::IsJson,
                Some(
                    Keyword::Array
                    | Keyword::Object
                    | Keyword::Scalar
                    | Keyword::Value
                    | Keyword::With
                    | Keyword::Without,
                ),
            )
            | (Place::IsForm, Some(Keyword::Normalized))
            | (
                _,
                Some(
                    Keyword::And
                    | Keyword::At
                    | Keyword::Between
                    | Keyword::Collate
                    | Keyword::Ilike
                    | Keyword::In
                    | Keyword::Is
                    | Keyword::Isnull
                    | Keyword::Like
                    | Keyword::Not
                    | Keyword::Notnull
                    | Keyword::Operator
                    | Keyword::Or
                    | Keyword::Overlaps
                    | Keyword::Similar,
                ),
            ) => self.other(),
            _ if matches!(token, Token::Word(_) | Token::Quoted) => self.routine(2),
            _ => self.other(),
        }
    }

    fn routine(&mut self, ahead: u32) -> Form {
        self.place = Place::Routine;
        Form::Routine { ahead }
    }

    fn other(&mut self) -> Form {
        self.place = Place::Other;
        Form::Other
    }
}
