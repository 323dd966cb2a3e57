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
enum HeaderState {
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
    state: HeaderState,
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
            state: HeaderState::Start,
            returns: false,
            after_for: false,
        }
    }

    /// An automaton for CREATE FUNCTION or PROCEDURE from the first token
    /// behind the name and the parameters on.
    pub const fn after_parameters() -> Header {
        Header {
            state: HeaderState::Options,
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
        match self.state {
            HeaderState::Other => return Form::Other,
            HeaderState::Routine => return Form::Routine { ahead: 0 },
            HeaderState::As => return self.behind_as(token),
            HeaderState::Is => return self.behind_is(token, word),
            HeaderState::IsTest | HeaderState::IsJson | HeaderState::IsForm => {
                return self.behind_test(token, word);
            }
            _ => {}
        }
        self.state = match self.state {
            _ if token == Token::End => HeaderState::Other,
            _ if self.parentheses > 0 => self.in_parentheses(token),
            HeaderState::Start => match word {
                Some(Keyword::Create) => HeaderState::Create,
                _ => HeaderState::Other,
            },
            HeaderState::Create => match word {
                Some(Keyword::Or) => HeaderState::CreateOr,
                _ => Self::created(word),
            },
            HeaderState::CreateOr => match word {
                Some(Keyword::Replace) => HeaderState::CreateOrReplace,
                _ => HeaderState::Other,
            },
            HeaderState::CreateOrReplace => Self::created(word),
            HeaderState::Edition => match word {
                Some(Keyword::Trigger) => HeaderState::TriggerName,
                _ => HeaderState::Other,
            },
            HeaderState::TriggerName => match token {
                Token::Word(_) | Token::Quoted => HeaderState::TriggerTime,
                _ => HeaderState::Other,
            },
            HeaderState::TriggerTime => match (token, word) {
                (Token::Dot, _) => HeaderState::TriggerName,
                (_, Some(Keyword::After | Keyword::Before)) => HeaderState::TriggerEvent,
                _ => HeaderState::Other,
            },
            HeaderState::TriggerEvent => match (token, word) {
                (
                    _,
                    Some(Keyword::Delete | Keyword::Insert | Keyword::Truncate | Keyword::Update),
                ) => HeaderState::Other,
                (Token::Word(_), _) => HeaderState::Trigger,
                _ => HeaderState::Other,
            },
            HeaderState::TriggerOn => HeaderState::Trigger,
            HeaderState::Trigger => match (token, word) {
                (Token::Semicolon, _) => HeaderState::Other,
                (Token::Open, _) => self.in_parentheses(token),
                (_, Some(Keyword::On)) => HeaderState::TriggerOn,
                (_, Some(Keyword::Begin | Keyword::Declare)) | (Token::LabelOpen, _) => {
                    return self.routine(1);
                }
                _ => HeaderState::Trigger,
            },
            HeaderState::Name => match token {
                Token::Word(_) | Token::Quoted => HeaderState::Options,
                _ => HeaderState::Other,
            },
            HeaderState::Return => match (token, word) {
                (_, Some(Keyword::Setof)) => HeaderState::Value,
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
                ) => HeaderState::Other,
                (Token::Word(_) | Token::Quoted, _) => HeaderState::Options,
                _ => HeaderState::Other,
            },
            HeaderState::Returns => match word {
                Some(Keyword::Null) => HeaderState::Options,
                _ => HeaderState::Other,
            },
            HeaderState::Value => match (token, word) {
                (Token::Equals, _) | (_, Some(Keyword::To)) => HeaderState::Value,
                (Token::Word(_) | Token::Quoted, _) => HeaderState::Options,
                _ => self.option(token, None),
            },
            _ => self.option(token, word),
        };
        self.after_for = word == Some(Keyword::For);
        match self.state {
            HeaderState::Other => Form::Other,
            _ => Form::Undecided,
        }
    }

    /// What CREATE or CREATE OR REPLACE makes.
    fn created(word: Option<Keyword>) -> HeaderState {
        match word {
            Some(Keyword::Function | Keyword::Procedure) => HeaderState::Name,
            Some(Keyword::Trigger) => HeaderState::TriggerName,
            Some(Keyword::Editionable | Keyword::Noneditionable) => HeaderState::Edition,
            _ => HeaderState::Other,
        }
    }

    fn in_parentheses(&mut self, token: Token<'_>) -> HeaderState {
        match token {
            Token::Open => self.parentheses = self.parentheses.saturating_add(1),
            Token::Close => self.parentheses = self.parentheses.saturating_sub(1),
            _ => {}
        }
        match self.state {
            HeaderState::Trigger => HeaderState::Trigger,
            _ => HeaderState::Options,
        }
    }

    fn option(&mut self, token: Token<'_>, word: Option<Keyword>) -> HeaderState {
        match (token, word) {
            (Token::Semicolon, _) => HeaderState::Other,
            (Token::Open, _) => self.in_parentheses(token),
            (Token::Dot, _) => HeaderState::Name,
            (Token::Comma | Token::Equals, _) => HeaderState::Value,
            (_, Some(Keyword::As)) => HeaderState::As,
            (_, Some(Keyword::Is)) => HeaderState::Is,
            // BEGIN ATOMIC
            (_, Some(Keyword::Begin)) => HeaderState::Other,
            (_, Some(Keyword::Return)) => {
                self.returns = true;
                HeaderState::Return
            }
            (_, Some(Keyword::Returns)) => HeaderState::Returns,
            (_, Some(Keyword::Authorization | Keyword::Language | Keyword::Role | Keyword::To)) => {
                HeaderState::Value
            }
            (_, Some(Keyword::Type)) if self.after_for => HeaderState::Value,
            _ => HeaderState::Options,
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
        self.state = match word {
            Some(
                Keyword::Distinct | Keyword::False | Keyword::Not | Keyword::Null | Keyword::True,
            ) => return self.other(),
            Some(Keyword::Document | Keyword::Normalized | Keyword::Of | Keyword::Unknown)
                if self.returns =>
            {
                HeaderState::IsTest
            }
            Some(Keyword::Json) if self.returns => HeaderState::IsJson,
            Some(Keyword::Nfc | Keyword::Nfd | Keyword::Nfkc | Keyword::Nfkd) if self.returns => {
                HeaderState::IsForm
            }
            _ => return self.behind_as(token),
        };
        Form::Undecided
    }

    /// A declaration's name has a type behind it; a test has the end of the
    /// expression or one of the words that continue it.
    fn behind_test(&mut self, token: Token<'_>, word: Option<Keyword>) -> Form {
        match (self.state, word) {
            (
                HeaderState::IsJson,
                Some(
                    Keyword::Array
                    | Keyword::Object
                    | Keyword::Scalar
                    | Keyword::Value
                    | Keyword::With
                    | Keyword::Without,
                ),
            )
            | (HeaderState::IsForm, Some(Keyword::Normalized))
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
        self.state = HeaderState::Routine;
        Form::Routine { ahead }
    }

    fn other(&mut self) -> Form {
        self.state = HeaderState::Other;
        Form::Other
    }
}
