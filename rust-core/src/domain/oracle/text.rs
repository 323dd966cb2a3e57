//! A routine's text as PL/pgSQL gets it, and how an offset in that text maps back
//! to the query. Where the text ends is for [`Body`](super::Body) to find.

use super::keyword::Keyword;
use super::token::Token;
use std::ffi::CStr;

/// The word that PL/pgSQL requires before declarations, and Oracle does not have.
const DECLARE: &CStr = c"DECLARE";

/// What must precede a body that begins with this token: DECLARE, or nothing.
pub fn prefix(first: Token<'_>) -> &'static CStr {
    if first.keyword() == Some(Keyword::Begin) {
        c""
    } else {
        DECLARE
    }
}

/// Whether this token can start a body: a declaration, a label or BEGIN.
pub fn may_start(first: Token<'_>) -> bool {
    matches!(first, Token::Word(_) | Token::Quoted | Token::LabelOpen)
}

/// Translates the byte offset `at` in a routine's source to one in the query that
/// created the routine (rule D3). `None` if the query does not contain that
/// source, or contains it more than once.
///
/// `search` finds the first occurrence of its second argument in its first. It
/// must take time in proportion to their lengths (rule D6), because the user chose
/// both and may have meant the search to be slow.
pub fn find(source: &[u8], query: &[u8], at: usize, search: Search) -> Option<usize> {
    let (text, place, at) = match source
        .strip_prefix(DECLARE.to_bytes())
        .and_then(|rest| Some((rest, only(rest, query, search)?)))
    {
        // The query has no DECLARE: an error there is one at the body's start.
        Some((rest, place)) => (rest, place, at.saturating_sub(DECLARE.count_bytes())),
        None => (source, only(source, query, search)?, at),
    };
    Some(place + at.min(text.len()))
}

/// Where the first text contains the second one, if it does.
pub type Search = fn(&[u8], &[u8]) -> Option<usize>;

/// The offset of `text` in `query`, provided that it occurs exactly once.
fn only(text: &[u8], query: &[u8], search: Search) -> Option<usize> {
    if text.is_empty() {
        return None;
    }
    let place = search(query, text)?;
    let rest = query.get(place + 1..).unwrap_or_default();
    search(rest, text).is_none().then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(text: &[u8], wanted: &[u8]) -> Option<usize> {
        text.windows(wanted.len()).position(|part| part == wanted)
    }

    fn find(source: &[u8], query: &[u8], at: usize) -> Option<usize> {
        super::find(source, query, at, search)
    }

    /// Rule D3.
    #[test]
    fn offsets_map_back_to_the_query() {
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
    fn a_source_must_occur_exactly_once() {
        assert_eq!(find(b"BEGIN END", b"CREATE FUNCTION f", 0), None);
        assert_eq!(find(b" BEGIN END", b"a BEGIN END b BEGIN END", 0), None);
        assert_eq!(find(b"abab", b"ababab", 0), None);
        assert_eq!(
            find(b"DECLARE x", b"IS x; x; AS $$DECLARE x$$", 8),
            Some(22)
        );
        assert_eq!(find(b"", b"", 0), None);
    }

    #[test]
    fn bodies_start_with_a_name_or_a_label() {
        for start in [&b"BEGIN"[..], b"x int", b"\"x\" int", b"<<l>>"] {
            assert!(may_start(Token::at(start)));
        }
        for start in [&b""[..], b"5", b";", b"(SELECT 1)", b"'text'"] {
            assert!(!may_start(Token::at(start)));
        }
    }

    #[test]
    fn declare_precedes_every_body_but_begin() {
        assert_eq!(prefix(Token::at(b"Begin")), c"");
        assert_eq!(prefix(Token::at(b"x int;")), c"DECLARE");
        assert_eq!(prefix(Token::at(b"\"begin\"")), c"DECLARE");
    }
}
