//! A routine's text as PL/pgSQL gets it, and how an offset in that text maps back
//! to the query. Where the text ends is for [`Body`](super::Body) to find.

use super::keyword::Keyword;
use super::token::Token;
use super::translate::Translation;
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

/// Whether this token can start the block of a trigger: DECLARE, BEGIN or a label.
pub fn may_start_block(first: Token<'_>) -> bool {
    first == Token::LabelOpen || matches!(first.keyword(), Some(Keyword::Begin | Keyword::Declare))
}

/// What the source of a function behind a trigger starts with (rule D9). This comment
/// survives pg_dump, so that the function can be known after a restore.
const TRIGGER: &[u8] = b"/* CREATE TRIGGER */ ";

/// What stands before the block if the trigger has a condition.
const BLOCK: &[u8] = b" THEN /* trigger body */ ";

/// What stands after the block if the trigger has a condition.
const BLOCK_END: &[u8] = b"; END IF; END";

/// The source of the function behind a trigger, in pieces (rule D9).
///
/// `block` is the trigger's own text. It runs only in sessions of `role`, a string
/// constant in SQL, and if `condition` is true, an expression in parentheses. All that
/// precedes the block is on its first line, unless the condition has several, so that
/// line numbers are those of the block.
pub fn trigger_source<'a>(
    role: Option<&'a [u8]>,
    condition: Option<&'a [u8]>,
    block: &'a [u8],
) -> Vec<&'a [u8]> {
    let mut pieces = vec![TRIGGER];
    let guarded = role.is_some() || condition.is_some();
    if guarded {
        pieces.push(b"BEGIN IF ");
    }
    if let Some(role) = role {
        pieces.extend([&b"polar_login_user = "[..], role]);
    }
    if let Some(condition) = condition {
        if role.is_some() {
            pieces.push(b" AND ");
        }
        pieces.push(condition);
    }
    if guarded {
        pieces.extend([BLOCK, block, BLOCK_END]);
    } else {
        pieces.push(block);
    }
    pieces
}

/// Whether a function with this source was made by CREATE TRIGGER.
pub fn is_trigger_source(source: &[u8]) -> bool {
    source.starts_with(TRIGGER)
}

/// The block of a trigger within the source of the function behind it, and its offset.
/// `None` if no trigger has this source.
fn block_of(source: &[u8], search: Search) -> Option<(&[u8], usize)> {
    let rest = source.strip_prefix(TRIGGER)?;
    let guarded = rest.strip_suffix(BLOCK_END).and_then(|head| {
        let start = search(head, BLOCK)? + BLOCK.len();
        Some((&head[start..], TRIGGER.len() + start))
    });
    Some(guarded.unwrap_or((rest, TRIGGER.len())))
}

/// A routine's source that was translated to PL/pgSQL (rule D10), and what became of it.
pub struct Translated {
    /// The source as it was.
    pub original: Vec<u8>,
    /// The source as PL/pgSQL gets it.
    pub translation: Translation,
}

/// Translates the byte offset `at` in a routine's source to one in the query that
/// created the routine (rule D3). `None` if the query does not contain that
/// source, or contains it more than once. If the source is the `last` translation, what
/// the query contains is its original.
///
/// `search` finds the first occurrence of its second argument in its first. It
/// must take time in proportion to their lengths (rule D6), because the user chose
/// both and may have meant the search to be slow.
pub fn find(
    source: &[u8],
    query: &[u8],
    at: usize,
    last: Option<&Translated>,
    search: Search,
) -> Option<usize> {
    let (source, at) = last
        .filter(|last| last.translation.text() == source)
        .map_or((source, at), |last| {
            (&last.original, last.translation.origin(at))
        });
    // An error in what was put before the text is one at its start.
    let within = |(text, start): (&[u8], usize)| {
        Some(only(text, query, search)? + at.saturating_sub(start).min(text.len()))
    };
    if let Some(block) = block_of(source, search) {
        return within(block);
    }
    let without_prefix = source
        .strip_prefix(DECLARE.to_bytes())
        .map(|text| (text, DECLARE.count_bytes()));
    without_prefix
        .and_then(within)
        .or_else(|| within((source, 0)))
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
    use super::super::translate::{Names, Relation, Routine, Source, translate};
    use super::*;

    fn search(text: &[u8], wanted: &[u8]) -> Option<usize> {
        text.windows(wanted.len()).position(|part| part == wanted)
    }

    fn find(source: &[u8], query: &[u8], at: usize) -> Option<usize> {
        super::find(source, query, at, None, search)
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

    /// Rules D3 and D9.
    #[test]
    fn offsets_in_a_trigger_map_back_to_its_block() {
        let query =
            b"CREATE TRIGGER t AFTER LOGON ON SCHEMA WHEN (true) DECLARE x int; BEGIN y END";
        let block = &query[51..];
        assert!(block.starts_with(b"DECLARE"));
        for (role, condition) in [
            (None, None),
            (Some(&b"'hr'"[..]), None),
            (None, Some(&b"(true) "[..])),
            (Some(b"'hr'"), Some(b"(a THEN b)")),
        ] {
            let source = trigger_source(role, condition, block).concat();
            assert!(is_trigger_source(&source));
            let at = source.windows(5).position(|part| part == b"y END").unwrap();
            assert_eq!(find(&source, query, at), Some(72), "{role:?} {condition:?}");
            assert_eq!(&query[72..73], b"y");
            assert_eq!(find(&source, query, 0), Some(51));
        }
    }

    /// Rules D3 and D10.
    #[test]
    fn offsets_in_a_translation_map_back_to_the_original() {
        struct Nothing;
        impl Names for Nothing {
            type Error = ();
            fn is_type(&mut self, _: &[Vec<u8>]) -> Result<bool, ()> {
                Ok(false)
            }
            fn routine(&mut self, _: &[Vec<u8>]) -> Result<Routine, ()> {
                Ok(Routine::None)
            }
            fn takes(&mut self, _: &[Vec<u8>], _: usize) -> Result<bool, ()> {
                Ok(false)
            }
            fn relation(&mut self, _: &[Vec<u8>]) -> Result<Relation, ()> {
                Ok(Relation::None)
            }
            fn is_closed(&mut self, schema: &[u8]) -> Result<bool, ()> {
                Ok(schema != b"dbms_foreign")
            }
            fn has_oracle_session(&mut self) -> Result<bool, ()> {
                Ok(false)
            }
        }
        let find = |source: &[u8], query: &[u8]| {
            let translation = translate(source, &Source::default(), &mut Nothing)
                .unwrap()
                .expect("the type has another name");
            let translated = translation.text().to_vec();
            let last = Translated {
                original: source.to_vec(),
                translation,
            };
            let at = search(&translated, b"y :=").unwrap();
            // Another routine's source is none of its business.
            assert_eq!(
                super::find(b"DECLARE x int", query, at, Some(&last), search),
                None
            );
            super::find(&translated, query, at, Some(&last), search)
        };
        let query = b"CREATE FUNCTION f RETURN int IS n PLS_INTEGER; BEGIN y := 1; END";
        let source = b"DECLARE n PLS_INTEGER; BEGIN y := 1; END";
        assert_eq!(find(source, query), search(query, b"y :="));
        let query =
            b"CREATE TRIGGER t AFTER LOGON ON SCHEMA DECLARE n PLS_INTEGER; BEGIN y := 1; END";
        let source = trigger_source(Some(b"'hr'"), None, &query[39..]).concat();
        assert_eq!(find(&source, query), search(query, b"y :="));
    }

    /// Rule D9.
    #[test]
    fn the_body_of_a_trigger_is_guarded() {
        let source = |role: Option<&str>, condition: Option<&str>| {
            let (role, condition) = (role.map(str::as_bytes), condition.map(str::as_bytes));
            String::from_utf8(trigger_source(role, condition, b"BEGIN END").concat()).unwrap()
        };
        assert_eq!(source(None, None), "/* CREATE TRIGGER */ BEGIN END");
        assert_eq!(
            source(Some("'hr'"), Some("(a OR b)")),
            "/* CREATE TRIGGER */ BEGIN IF polar_login_user = 'hr' AND (a OR b) THEN \
             /* trigger body */ BEGIN END; END IF; END"
        );
        assert!(!is_trigger_source(b"BEGIN END"));
    }

    #[test]
    fn blocks_start_with_a_word_or_a_label() {
        for start in ["BEGIN", "declare x", "<<l>>"] {
            assert!(may_start_block(Token::at(start.as_bytes())), "{start}");
        }
        for start in ["x int", "\"begin\"", "<", "", "CALL p"] {
            assert!(!may_start_block(Token::at(start.as_bytes())), "{start}");
        }
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
