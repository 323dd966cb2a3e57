//! A statement up to a routine's body: it starts after IS or AS or, in Oracle's
//! CREATE TRIGGER, at BEGIN, DECLARE or a label. The body is [`Body`](super::Body)'s.

use super::keyword::Keyword;
use super::lexer::Lexer;
use super::token::Token;

/// What is known about a statement from the tokens so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The next tokens decide whether it is a routine.
    Undecided,
    /// It is not a routine.
    Other,
    /// It is a routine. The last `ahead` tokens fed already belong to its body,
    /// because IS or AS alone does not decide.
    Routine {
        /// One or two when this token has decided; 0 if the form was known before.
        ahead: u32,
    },
}

/// The last thing read, which determines what the next token means.
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
    /// CREATE … EDITIONABLE or NONEDITIONABLE; only a trigger may follow.
    Edition,
    /// CREATE … TRIGGER, or a dot in the trigger's name: a part of the name follows.
    TriggerName,
    /// The trigger's name so far; a dot, AFTER or BEFORE follows.
    TriggerTime,
    /// CREATE … TRIGGER name INSTEAD; OF follows.
    TriggerInstead,
    /// AFTER, BEFORE or INSTEAD OF; the first event follows, which tells whether this is one of
    /// Oracle's triggers on a database or a schema.
    TriggerEvent,
    /// The first event; anything up to the trigger's body may follow.
    Trigger,
    /// ON; a name follows, which may look like the start of a body.
    TriggerOn,
    /// CREATE … FUNCTION or PROCEDURE, or a dot: a part of a name follows.
    Name,
    /// The routine's name, and any of its parameters, result and options.
    Options,
    /// A word or symbol after which a name or a value follows, never a keyword.
    Value,
    /// RETURN; a type follows, or the expression of a standard SQL body.
    Return,
    /// RETURNS; a type follows, or NULL ON NULL INPUT.
    Returns,
    /// AS
    As,
    /// IS
    Is,
    /// IS and a word that either completes a test or is a variable's name.
    IsTest,
    /// IS JSON, where JSON may be a variable's name.
    IsJson,
    /// IS and a Unicode normalization form, which may be a variable's name.
    IsForm,
    /// The statement is not a routine.
    Other,
    /// The statement is a routine.
    Routine,
}

/// Tells routines from all other statements (rules D2 and D7).
///
/// No statement that parses on an unpatched server is taken for a routine: where
/// words can be read both ways, the standard reading wins.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    parentheses: u32,
    state: HeaderState,
    /// RETURN has been read, so IS may be part of an expression.
    returns: bool,
    /// The previous token was FOR, as in TRANSFORM FOR TYPE.
    after_for: bool,
}

impl Default for Header {
    fn default() -> Header {
        Header::new()
    }
}

impl Header {
    /// An automaton that is fed a statement from its first token on.
    pub const fn new() -> Header {
        Header {
            parentheses: 0,
            state: HeaderState::Start,
            returns: false,
            after_for: false,
        }
    }

    /// An automaton that is fed CREATE FUNCTION or PROCEDURE from the first token
    /// after the parameters on.
    pub const fn after_parameters() -> Header {
        Header {
            state: HeaderState::Options,
            ..Header::new()
        }
    }

    /// Takes tokens from `lexer` until they decide the form, or at least `limit`
    /// bytes have been read. In the latter case the result is [`Form::Undecided`],
    /// and the caller may call again to go on.
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
                (_, Some(Keyword::Instead)) => HeaderState::TriggerInstead,
                _ => HeaderState::Other,
            },
            HeaderState::TriggerInstead => match word {
                Some(Keyword::Of) => HeaderState::TriggerEvent,
                _ => HeaderState::Other,
            },
            HeaderState::TriggerEvent => match (token, word) {
                (
                    _,
                    Some(Keyword::Delete | Keyword::Insert | Keyword::Truncate | Keyword::Update),
                ) => HeaderState::Other,
                (Token::Word(_) | Token::Quoted, _) => HeaderState::Trigger,
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
                // No type has one of these names.
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

    /// The state after CREATE, or CREATE OR REPLACE, and `word`.
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
            // BEGIN ATOMIC starts a standard SQL body.
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

    /// Decides by the token that follows AS, or an IS that cannot be part of an
    /// expression. The end of the text counts as a body that is unfinished. A token
    /// that cannot start a body makes this another statement, which the server's
    /// grammar accepts or rejects as ever.
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

    /// Decides whether IS and the word after it start a declaration or complete a
    /// test. A type follows the name that a declaration starts with. After a test,
    /// the expression either ends or goes on with one of a few words.
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
