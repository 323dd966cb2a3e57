//! A token of the text, as the translation keeps it.

use super::super::lexer::Lexeme;
use super::super::token::Token;

/// The kind of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    End,
    Word,
    Quoted,
    String,
    Semicolon,
    Open,
    Close,
    Dot,
    Comma,
    Equals,
    LabelOpen,
    LabelClose,
    Other,
}

/// A token, in as few bytes as possible, since a statement can have many.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tok {
    pub start: u32,
    pub end: u32,
    pub kind: Kind,
}

impl Tok {
    /// Offsets are less than 4 GB, or `translate` had not begun.
    pub fn new(start: usize, end: usize, kind: Kind) -> Tok {
        Tok {
            start: u32::try_from(start).unwrap_or(u32::MAX),
            end: u32::try_from(end).unwrap_or(u32::MAX),
            kind,
        }
    }

    pub fn of(lexeme: Lexeme<'_>) -> Tok {
        let kind = match lexeme.token {
            Token::End => Kind::End,
            Token::Word(_) => Kind::Word,
            Token::Quoted => Kind::Quoted,
            Token::String => Kind::String,
            Token::Semicolon => Kind::Semicolon,
            Token::Open => Kind::Open,
            Token::Close => Kind::Close,
            Token::Dot => Kind::Dot,
            Token::Comma => Kind::Comma,
            Token::Equals => Kind::Equals,
            Token::LabelOpen => Kind::LabelOpen,
            Token::LabelClose => Kind::LabelClose,
            Token::Other => Kind::Other,
        };
        Tok::new(lexeme.start, lexeme.end, kind)
    }

    /// The token as [`Body`](super::Body) takes it.
    pub fn as_fed(self, body: &[u8]) -> Token<'_> {
        match self.kind {
            Kind::End => Token::End,
            Kind::Word => Token::Word(self.text(body)),
            Kind::Quoted => Token::Quoted,
            Kind::String => Token::String,
            Kind::Semicolon => Token::Semicolon,
            Kind::Open => Token::Open,
            Kind::Close => Token::Close,
            Kind::Dot => Token::Dot,
            Kind::Comma => Token::Comma,
            Kind::Equals => Token::Equals,
            Kind::LabelOpen => Token::LabelOpen,
            Kind::LabelClose => Token::LabelClose,
            Kind::Other => Token::Other,
        }
    }

    pub fn text(self, body: &[u8]) -> &[u8] {
        body.get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }

    /// Whether it is this word, in upper, lower or mixed case.
    pub fn is(self, body: &[u8], word: &str) -> bool {
        self.kind == Kind::Word && self.text(body).eq_ignore_ascii_case(word.as_bytes())
    }
}
