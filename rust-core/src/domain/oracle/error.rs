//! The errors for which a routine's end cannot be found, in the style of
//! PostgreSQL's messages. Other errors in a body are PL/pgSQL's to report.

use super::construct::{Closer, Construct};
use std::ffi::CStr;

/// Why the end of a routine's body cannot be found (rule D3). Offsets are those
/// that the caller gave to [`Body::feed`](super::Body::feed).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The text ends before the body does.
    Unfinished {
        /// The innermost open construct.
        open: Construct,
        /// Where that construct starts.
        opened: u32,
    },
    /// An END of the wrong kind.
    Mismatch {
        /// The innermost open construct, which it does not close.
        open: Construct,
        /// Where that construct starts.
        opened: u32,
        /// The kind of END that was found.
        found: Closer,
        /// Where that END is.
        at: u32,
    },
    /// More than [`Body::LIMIT`](super::Body::LIMIT) constructs are open.
    TooDeep {
        /// Where the construct starts that exceeds the limit.
        at: u32,
    },
    /// A PRAGMA among the declarations.
    Pragma {
        /// Whether it is PRAGMA AUTONOMOUS_TRANSACTION.
        autonomous: bool,
        /// Where the PRAGMA is.
        at: u32,
    },
    /// A function or procedure among the declarations.
    Subprogram {
        /// Where its declaration starts.
        at: u32,
    },
}

impl Error {
    /// The offset to which the error position refers: the start of an unfinished
    /// construct, otherwise the token at fault.
    pub const fn position(&self) -> u32 {
        match *self {
            Error::Unfinished { opened, .. } => opened,
            Error::Mismatch { at, .. }
            | Error::TooDeep { at }
            | Error::Pragma { at, .. }
            | Error::Subprogram { at } => at,
        }
    }

    /// The SQLSTATE, of five characters.
    pub const fn sqlstate(&self) -> &'static CStr {
        match self {
            Error::Unfinished { .. } | Error::Mismatch { .. } => c"42601",
            Error::TooDeep { .. } => c"54001",
            Error::Pragma { .. } | Error::Subprogram { .. } => c"0A000",
        }
    }

    /// The primary message.
    pub const fn message(&self) -> &'static CStr {
        match self {
            Error::Unfinished { .. } => c"unfinished routine body",
            Error::Mismatch { found, .. } => match found {
                Closer::End => c"misplaced END",
                Closer::If => c"misplaced END IF",
                Closer::Loop => c"misplaced END LOOP",
                Closer::Case => c"misplaced END CASE",
            },
            Error::TooDeep { .. } => c"routine body is nested too deeply",
            Error::Pragma {
                autonomous: true, ..
            } => c"autonomous transactions are not supported",
            Error::Pragma { .. } => c"PRAGMA is not supported",
            Error::Subprogram { .. } => {
                c"functions and procedures within a routine are not supported"
            }
        }
    }

    /// The detail, if there is one.
    pub const fn detail(&self) -> Option<&'static CStr> {
        match self {
            Error::Unfinished { open, .. } => Some(match open {
                Construct::Declarations => c"The declarations are not followed by BEGIN.",
                Construct::Block => c"A block is not closed by END.",
                Construct::If => c"An IF statement is not closed by END IF.",
                Construct::Loop => c"A loop is not closed by END LOOP.",
                Construct::CaseStatement => c"A CASE statement is not closed by END CASE.",
                Construct::CaseExpression => c"A CASE expression is not closed by END.",
                Construct::SqlBody => c"A BEGIN ATOMIC body is not closed by END.",
            }),
            Error::Mismatch { open, .. } => Some(match open {
                Construct::Declarations => {
                    c"The innermost open block has declarations, but no BEGIN."
                }
                Construct::Block => c"The innermost open construct is a block, which END closes.",
                Construct::If => {
                    c"The innermost open construct is an IF statement, which END IF closes."
                }
                Construct::Loop => {
                    c"The innermost open construct is a loop, which END LOOP closes."
                }
                Construct::CaseStatement => {
                    c"The innermost open construct is a CASE statement, which END CASE closes."
                }
                Construct::CaseExpression => {
                    c"The innermost open construct is a CASE expression, which END closes."
                }
                Construct::SqlBody => {
                    c"The innermost open construct is a BEGIN ATOMIC body, which END closes."
                }
            }),
            // The number is `MAX_OPEN`.
            Error::TooDeep { .. } => {
                Some(c"At most 200 blocks, IF and CASE constructs and loops can be open at once.")
            }
            Error::Pragma { .. } | Error::Subprogram { .. } => None,
        }
    }

    /// The hint, if there is one.
    pub const fn hint(&self) -> Option<&'static CStr> {
        match self {
            Error::Unfinished { .. } => Some(
                c"If the client split the statement at a semicolon, have it sent whole.  A function or procedure can also have its body in a string constant: AS $$ ... $$ LANGUAGE plpgsql.",
            ),
            Error::Mismatch { .. } | Error::TooDeep { .. } => None,
            Error::Pragma {
                autonomous: true, ..
            } => Some(
                c"Without PRAGMA AUTONOMOUS_TRANSACTION the routine runs in its caller's transaction.",
            ),
            Error::Pragma { .. } => Some(c"PL/pgSQL has no pragmas; leave it out."),
            Error::Subprogram { .. } => {
                Some(c"Create it as a function or procedure of its own.")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::construct::MAX_OPEN;
    use super::*;

    const CONSTRUCTS: [Construct; 7] = [
        Construct::Declarations,
        Construct::Block,
        Construct::If,
        Construct::Loop,
        Construct::CaseStatement,
        Construct::CaseExpression,
        Construct::SqlBody,
    ];

    fn all() -> Vec<Error> {
        let mut errors = vec![
            Error::TooDeep { at: 2 },
            Error::Pragma {
                autonomous: true,
                at: 2,
            },
            Error::Pragma {
                autonomous: false,
                at: 2,
            },
            Error::Subprogram { at: 2 },
        ];
        for open in CONSTRUCTS {
            errors.push(Error::Unfinished { open, opened: 2 });
            for found in [Closer::End, Closer::If, Closer::Loop, Closer::Case] {
                errors.push(Error::Mismatch {
                    open,
                    opened: 1,
                    found,
                    at: 2,
                });
            }
        }
        errors
    }

    /// Rule D3, in the form of PostgreSQL's error message style guide.
    #[test]
    fn messages_follow_the_style_guide() {
        for error in all() {
            assert!(!error.message().to_bytes().ends_with(b"."), "{error:?}");
            for sentence in [error.detail(), error.hint()].into_iter().flatten() {
                assert!(sentence.to_bytes().ends_with(b"."), "{error:?}");
                assert!(sentence.to_bytes()[0].is_ascii_uppercase(), "{error:?}");
            }
            assert_eq!(error.sqlstate().count_bytes(), 5);
            assert_eq!(error.position(), 2, "{error:?}");
        }
    }

    #[test]
    fn the_message_states_the_real_limit() {
        let detail = Error::TooDeep { at: 0 }.detail().unwrap();
        let limit = format!("At most {} ", MAX_OPEN);
        assert!(detail.to_str().unwrap().starts_with(&limit));
    }
}
