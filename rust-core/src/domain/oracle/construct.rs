//! What can be open in a routine's body, and which END closes it.

use super::keyword::Keyword;

/// How many constructs can be open at once.
pub(super) const MAX_OPEN: usize = 200;

/// What can be open in a body.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Construct {
    /// A block whose BEGIN has not come yet.
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
    /// `BEGIN ATOMIC`, in a CREATE FUNCTION that the routine runs.
    SqlBody,
}

/// The kinds of END.
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
    /// The END that has `word` behind it.
    pub(super) fn from_word(word: Option<Keyword>) -> Closer {
        match word {
            Some(Keyword::If) => Closer::If,
            Some(Keyword::Loop) => Closer::Loop,
            Some(Keyword::Case) => Closer::Case,
            _ => Closer::End,
        }
    }

    /// The END that closes `construct`.
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
