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

/// The text of a routine as PL/pgSQL gets it, split into what [`prefix`] has put before it, and
/// the routine's own text.
fn split_prefix(source: &[u8]) -> (&'static CStr, &[u8]) {
    match source.strip_prefix(DECLARE.to_bytes()) {
        Some(text) => (DECLARE, text),
        None => (c"", source),
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

/// A text that was translated to PL/pgSQL (rule D10), and what became of it.
pub struct Translated {
    /// The text as it was written.
    pub original: Vec<u8>,
    /// The text as PL/pgSQL gets it.
    pub translation: Translation,
}

impl Translated {
    /// The original of `text`, and the offset in it that `at` in `text` comes from. `None` if
    /// `text` is not this translation.
    fn original_of(&self, text: &[u8], at: usize) -> Option<(&[u8], usize)> {
        (self.translation.text() == text).then(|| (&self.original[..], self.translation.origin(at)))
    }
}

/// Translates the byte offset `at` in a routine's source to one in the query that
/// created the routine (rule D3). `None` if the query does not contain that
/// source, or contains it more than once. Where the source is that of the `last`
/// translation, what counts is its original.
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
    let own = |(text, start): (&[u8], usize)| {
        // An error in what was put before the text is one at its start.
        let at = at.saturating_sub(start).min(text.len());
        let (original, at) = last
            .and_then(|last| last.original_of(text, at))
            .unwrap_or((text, at));
        Some(only(original, query, search)? + at)
    };
    if let Some(block) = block_of(source, search) {
        return own(block);
    }
    let (prefix, rest) = split_prefix(source);
    own((rest, prefix.count_bytes())).or_else(|| own((source, 0)))
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
            fn has_oracle_session(&mut self) -> Result<bool, ()> {
                Ok(false)
            }
        }
        let original = b" n PLS_INTEGER; BEGIN y := 1; END".to_vec();
        let translation = translate(&original, &Source::default(), &mut Nothing)
            .unwrap()
            .expect("the type has another name");
        let last = Translated {
            original,
            translation,
        };
        let query = b"CREATE FUNCTION f RETURN int IS n PLS_INTEGER; BEGIN y := 1; END";
        let source = [b"DECLARE", last.translation.text()].concat();
        let at = search(&source, b"y := 1").unwrap();
        assert_ne!(at + 24, 53, "the translation moves what is behind it");
        let found = |source: &[u8]| super::find(source, query, at, Some(&last), search);
        assert_eq!(found(&source), Some(53));
        assert_eq!(&query[53..54], b"y");
        // Another routine's text is none of its business.
        assert_eq!(found(b"DECLARE n int; BEGIN y := 1; END"), None);
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
