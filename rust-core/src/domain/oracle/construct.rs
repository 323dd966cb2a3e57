//! The nested constructs of a routine's body, and which END closes each. Where they
//! open and close is for [`Body`](super::Body) to find.

use super::keyword::Keyword;

/// The number of constructs that can be open at once.
pub(super) const MAX_OPEN: usize = 200;

/// A construct that an END closes.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Construct {
    /// A block before its BEGIN.
    Declarations,
    /// A block from its BEGIN on.
    Block,
    /// An IF statement.
    If,
    /// A loop of any kind.
    Loop,
    /// A CASE statement.
    CaseStatement,
    /// A CASE expression.
    CaseExpression,
    /// A `BEGIN ATOMIC` body, in a CREATE FUNCTION that the routine executes.
    SqlBody,
}

/// A kind of END.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closer {
    /// `END`
    End,
    /// `END IF`
    If,
    /// `END LOOP`
    Loop,
    /// `END CASE`
    Case,
}

impl Closer {
    /// The kind of an END that `word` follows.
    pub(super) fn from_word(word: Option<Keyword>) -> Closer {
        match word {
            Some(Keyword::If) => Closer::If,
            Some(Keyword::Loop) => Closer::Loop,
            Some(Keyword::Case) => Closer::Case,
            _ => Closer::End,
        }
    }

    /// The kind of END that closes `construct`.
    pub(super) fn of(construct: Construct) -> Closer {
        match construct {
            Construct::If => Closer::If,
            Construct::Loop => Closer::Loop,
            Construct::CaseStatement => Closer::Case,
            Construct::Declarations
            | Construct::Block
            | Construct::CaseExpression
            | Construct::SqlBody => Closer::End,
        }
    }
}
