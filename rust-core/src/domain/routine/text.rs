//! A routine's text as PL/pgSQL gets it.

use super::keyword::Keyword;
use super::token::Token;
use std::ffi::CStr;

/// What PL/pgSQL wants before declarations, and Oracle does not have.
const DECLARE: &CStr = c"DECLARE";

/// What has to precede a body that begins with this token.
pub fn prefix(first: Token<'_>) -> &'static CStr {
    if first.keyword() == Some(Keyword::Begin) {
        c""
    } else {
        DECLARE
    }
}

/// Whether a body can start with this token: a declaration, a label or BEGIN.
pub fn may_start(first: Token<'_>) -> bool {
    matches!(first, Token::Word(_) | Token::Quoted | Token::LabelOpen)
}

/// Translates the offset `at` in a routine's source to one in the query that
/// created it, without quotes around it (rule D3). None if the query does not
/// have that text, or has it more than once.
pub fn find(source: &[u8], query: &[u8], at: usize) -> Option<usize> {
    let (text, at) = match source.strip_prefix(DECLARE.to_bytes()) {
        // An error at our DECLARE is one at the start.
        Some(rest) if only(rest, query).is_some() => {
            (rest, at.saturating_sub(DECLARE.count_bytes()))
        }
        _ => (source, at),
    };
    Some(only(text, query)? + at.min(text.len()))
}

/// Where `text` is in `query`, if it is there once.
fn only(text: &[u8], query: &[u8]) -> Option<usize> {
    if text.is_empty() {
        return None;
    }
    let mut places = query
        .windows(text.len())
        .enumerate()
        .filter(|(_, window)| *window == text);
    let (place, _) = places.next()?;
    places.next().is_none().then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule D3.
    #[test]
    fn offsets_come_back_to_the_query() {
        let query = b"CREATE FUNCTION f RETURN int IS BEGIN x END";
        assert_eq!(find(b" BEGIN x END", query, 7), Some(38));
        assert_eq!(&query[38..39], b"x");
        let query = b"CREATE PROCEDURE p IS x int; BEGIN y END";
        let source = b"DECLARE x int; BEGIN y END";
        assert_eq!(find(source, query, 21), Some(35));
        assert_eq!(&query[35..36], b"y");
        assert_eq!(find(source, query, 0), Some(21));
    }

    #[test]
    fn what_is_not_there_once_is_not_found() {
        assert_eq!(find(b"BEGIN END", b"CREATE FUNCTION f", 0), None);
        assert_eq!(find(b" BEGIN END", b"a BEGIN END b BEGIN END", 0), None);
        assert_eq!(find(b"", b"", 0), None);
    }

    #[test]
    fn bodies_start_with_names() {
        for start in [&b"BEGIN"[..], b"x int", b"\"x\" int", b"<<l>>"] {
            assert!(may_start(Token::at(start)));
        }
        for start in [&b""[..], b"5", b";", b"(SELECT 1)", b"'text'"] {
            assert!(!may_start(Token::at(start)));
        }
    }

    #[test]
    fn only_begin_has_no_declarations() {
        assert_eq!(prefix(Token::at(b"Begin")), c"");
        assert_eq!(prefix(Token::at(b"x int;")), c"DECLARE");
        assert_eq!(prefix(Token::at(b"\"begin\"")), c"DECLARE");
    }
}
