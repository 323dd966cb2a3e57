//! A lexer for text that the server's own scanner has not reached yet.
//!
//! The grammar must look past RETURN without moving the parser's scanner, and
//! without raising an error that the parser would raise later, or not at all. Only
//! the extents of tokens matter here, so nothing is converted, copied or refused: a
//! quote that is not closed extends to the end of the text.

use super::token::{Token, is_operator};

/// A token and its extent in the text, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lexeme<'a> {
    /// The offset of its first byte.
    pub start: usize,
    /// The offset of the first byte after it.
    pub end: usize,
    /// The token.
    pub token: Token<'a>,
}

/// Goes through a text token by token, following the rules of upstream's `scan.l`,
/// in time proportional to the text that it passes over (rule D6).
#[derive(Clone, Debug)]
pub struct Lexer<'a> {
    text: &'a [u8],
    at: usize,
    /// `standard_conforming_strings`: a backslash in `'…'` is an ordinary character.
    standard_strings: bool,
}

impl<'a> Lexer<'a> {
    /// A lexer that starts at offset `at`, which must not be inside a token or a
    /// comment.
    pub fn new(text: &'a [u8], at: usize, standard_strings: bool) -> Lexer<'a> {
        Lexer {
            text,
            at: at.min(text.len()),
            standard_strings,
        }
    }

    /// The offset of the first byte that has not been read.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The next token. At the end of the text that is always [`Token::End`].
    pub fn next_token(&mut self) -> Lexeme<'a> {
        let start = self.at + blank(self.rest());
        self.at = start;
        let rest = self.rest();
        let token = Token::at(rest);
        self.at += length(token, rest, self.standard_strings);
        Lexeme {
            start,
            end: self.at,
            token,
        }
    }

    fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }
}

/// The length of white space and comments at the start of a text.
fn blank(text: &[u8]) -> usize {
    let mut at = 0;
    loop {
        at += match text.get(at..).unwrap_or_default() {
            [first, ..] if is_space(*first) => 1,
            rest @ [b'-', b'-', ..] => line_comment(rest),
            rest @ [b'/', b'*', ..] => block_comment(rest),
            _ => return at,
        };
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'\x0b' | b'\x0c')
}

fn is_newline(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

fn span(text: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
    text.iter()
        .position(|&byte| !belongs(byte))
        .unwrap_or(text.len())
}

/// The length of a comment that extends to the end of the line, without the newline.
fn line_comment(text: &[u8]) -> usize {
    span(text, |byte| !is_newline(byte))
}

/// The length of a block comment. Block comments nest.
fn block_comment(text: &[u8]) -> usize {
    let (mut at, mut depth) = (0_usize, 0_usize);
    loop {
        match text.get(at..).unwrap_or_default() {
            [] => return text.len(),
            [b'/', b'*', ..] => (at, depth) = (at + 2, depth + 1),
            [b'*', b'/', ..] if depth == 1 => return at + 2,
            [b'*', b'/', ..] => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
    }
}

/// The length of the token that starts a text.
fn length(token: Token<'_>, text: &[u8], standard_strings: bool) -> usize {
    match token {
        Token::End => 0,
        Token::Word(word) => word.len(),
        Token::Quoted => quoted(text, 1 + span(text, |byte| byte != b'"'), b'"', false),
        Token::String => string(text, standard_strings),
        Token::Semicolon
        | Token::Open
        | Token::Close
        | Token::Dot
        | Token::Comma
        | Token::Equals => 1,
        Token::LabelOpen | Token::LabelClose => 2,
        Token::Other => other(text),
    }
}

/// The offset after the closing quote, given the offset `at` after the opening one.
fn quoted(text: &[u8], mut at: usize, quote: u8, backslash: bool) -> usize {
    loop {
        at += match text.get(at..).unwrap_or_default() {
            [] => return text.len(),
            [b'\\', _, ..] if backslash => 2,
            [first, second, ..] if *first == quote && *second == quote => 2,
            [first, ..] if *first == quote => return at + 1,
            _ => 1,
        };
    }
}

/// The length of a constant in single quotes or dollar quotes.
fn string(text: &[u8], standard_strings: bool) -> usize {
    let backslash = match text.first() {
        Some(b'$') => return dollar_quoted(text),
        Some(b'e' | b'E') => true,
        Some(b'\'' | b'n' | b'N') => !standard_strings,
        _ => false,
    };
    let mut at = 1 + span(text, |byte| byte != b'\'');
    loop {
        at = quoted(text, at, b'\'', backslash);
        let rest = text.get(at..).unwrap_or_default();
        match continuation(rest) {
            Some(length) => at += length,
            None => return at,
        }
    }
}

/// If the constant goes on in another pair of quotes, the length of what separates
/// the two parts, second opening quote included: white space that contains a
/// newline, and comments that extend to the end of a line.
fn continuation(text: &[u8]) -> Option<usize> {
    let (mut at, mut newline) = (0, false);
    loop {
        at += match text.get(at..).unwrap_or_default() {
            [b'\'', ..] if newline => return Some(at + 1),
            [first, ..] if is_space(*first) => {
                newline |= is_newline(*first);
                1
            }
            rest @ [b'-', b'-', ..] => line_comment(rest),
            _ => return None,
        };
    }
}

/// The length of a constant in dollar quotes. Its opening delimiter is complete, or
/// else [`Token::at`] would not have taken it for a string.
fn dollar_quoted(text: &[u8]) -> usize {
    let tag = span(text.get(1..).unwrap_or_default(), |byte| byte != b'$');
    let (delimiter, body) = text.split_at((tag + 2).min(text.len()));
    // The delimiter starts with a dollar sign, so only those places are compared.
    // Its tag has none, so the comparisons together take linear time.
    let mut at = 0;
    loop {
        let rest = body.get(at..).unwrap_or_default();
        if rest.is_empty() {
            return text.len();
        }
        if rest.starts_with(delimiter) {
            return delimiter.len() + at + delimiter.len();
        }
        at += 1 + span(rest.get(1..).unwrap_or_default(), |byte| byte != b'$');
    }
}

/// The length of a number, a parameter, a run of operators or a single character.
/// Adjacent operators are taken as one token, so that none of their characters is
/// examined twice.
fn other(text: &[u8]) -> usize {
    let in_number = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let numeral = |text: &[u8]| {
        let digits = span(text, in_number);
        match text.get(digits..).unwrap_or_default() {
            [b'.', b'.', ..] => digits,
            [b'.', rest @ ..] => digits + 1 + span(rest, in_number),
            _ => digits,
        }
    };
    match text {
        [b'0'..=b'9', ..] | [b'.', b'0'..=b'9', ..] => numeral(text),
        [b'$', b'0'..=b'9', ..] => {
            1 + span(text.get(1..).unwrap_or_default(), |byte| {
                byte.is_ascii_digit()
            })
        }
        [b'.', b'.', ..] => 2,
        [first, ..] if is_operator(*first) => (1..text.len())
            .find(|&at| {
                !text.get(at).is_some_and(|&byte| is_operator(byte))
                    || matches!(text.get(at..), Some([b'-', b'-', ..] | [b'/', b'*', ..]))
            })
            .unwrap_or(text.len()),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lex(text: &str, standard_strings: bool) -> Vec<&str> {
        let mut lexer = Lexer::new(text.as_bytes(), 0, standard_strings);
        let mut tokens = Vec::new();
        loop {
            let Lexeme { start, end, token } = lexer.next_token();
            if token == Token::End {
                assert_eq!((start, end), (text.len(), text.len()));
                return tokens;
            }
            tokens.push(&text[start..end]);
        }
    }

    #[test]
    fn extents() {
        let table: &[(&str, &[&str])] = &[
            ("", &[]),
            (" \t\r\n\x0b\x0c", &[]),
            ("a b", &["a", "b"]),
            ("a--b\nc", &["a", "c"]),
            ("a--b", &["a"]),
            ("a/* /* */ b */c", &["a", "c"]),
            ("a/*/ b", &["a"]),
            ("a/**/b/***/c", &["a", "b", "c"]),
            ("f(a,b);", &["f", "(", "a", ",", "b", ")", ";"]),
            ("'a''b' c", &["'a''b'", "c"]),
            ("'a\\' 'b'", &["'a\\'", "'b'"]),
            ("E'a\\' b' c", &["E'a\\' b'", "c"]),
            ("e'\\\\' c", &["e'\\\\'", "c"]),
            ("e'\\", &["e'\\"]),
            ("'a' \n 'b' c", &["'a' \n 'b'", "c"]),
            ("e'a' -- x\n '\\' b' c", &["e'a' -- x\n '\\' b'", "c"]),
            ("'a' /* */ \n 'b'", &["'a'", "'b'"]),
            ("'a' \n b", &["'a'", "b"]),
            ("'a", &["'a"]),
            ("u&'\\' c", &["u&'\\'", "c"]),
            ("n'a' b'1' x'f'", &["n'a'", "b'1'", "x'f'"]),
            ("\"a\"\"b\" c", &["\"a\"\"b\"", "c"]),
            ("U&\"a\" c", &["U&\"a\"", "c"]),
            ("\"a", &["\"a"]),
            ("$$a$$ b", &["$$a$$", "b"]),
            ("$q$a$$b$q$ c", &["$q$a$$b$q$", "c"]),
            ("$q$a$q$q$ c", &["$q$a$q$", "q$", "c"]),
            ("$q$a$q", &["$q$a$q"]),
            ("$1 $2a", &["$1", "$2", "a"]),
            ("$ a", &["$", "a"]),
            ("1..2", &["1", "..", "2"]),
            ("1.5e3 .5 0x1F", &["1.5e3", ".5", "0x1F"]),
            ("a.b", &["a", ".", "b"]),
            ("a<=b", &["a", "<=", "b"]),
            ("a+-+-1", &["a", "+-+-", "1"]),
            ("a=-1", &["a", "=", "-", "1"]),
            ("+--x\n/*y*/*", &["+", "*"]),
            ("a::int[]", &["a", ":", ":", "int", "[", "]"]),
            ("é'ü'", &["é", "'ü'"]),
        ];
        for &(text, expected) in table {
            assert_eq!(lex(text, true), expected, "{text}");
        }
        assert_eq!(lex("'a\\' b' c", false), ["'a\\' b'", "c"]);
        assert_eq!(lex("N'a\\' b' c", false), ["N'a\\' b'", "c"]);
        assert_eq!(lex("b'\\' c", false), ["b'\\'", "c"]);
    }

    /// Texts that are one token each when separators surround them.
    const PIECES: [&str; 16] = [
        "a",
        "IS",
        "\"a;\"\"b\"",
        "'it''s;'",
        "$$ ; $$",
        "$a$ $$ ; $a$",
        ";",
        "(",
        ")",
        ".",
        ",",
        "<=",
        "1.5",
        "$1",
        "E'\\''",
        "[",
    ];
    const SEPARATORS: [&str; 5] = [" ", "\t/* ; /* ' */ */", "/*\"*/", " -- '\n ", "\n/**/"];

    proptest! {
        /// Tokens that separators keep apart are found again.
        #[test]
        fn separated_tokens_are_found(
            parts in prop::collection::vec((0..PIECES.len(), 0..SEPARATORS.len()), 0..20),
        ) {
            let mut text = String::new();
            for &(piece, separator) in &parts {
                text.push_str(PIECES[piece]);
                // Separated by a newline alone, two constants would be one.
                text.push_str("/**/");
                text.push_str(SEPARATORS[separator]);
            }
            let pieces: Vec<&str> = parts.iter().map(|&(piece, _)| PIECES[piece]).collect();
            prop_assert_eq!(lex(&text, true), pieces);
        }

        /// Whatever the bytes, tokens do not overlap, and the end is reached.
        #[test]
        fn tokens_advance(text in prop::collection::vec(any::<u8>(), 0..200), standard: bool) {
            let mut lexer = Lexer::new(&text, 0, standard);
            let mut at = 0;
            loop {
                let lexeme = lexer.next_token();
                prop_assert!(lexeme.start >= at && lexeme.end <= text.len());
                if lexeme.token == Token::End {
                    break;
                }
                prop_assert!(lexeme.end > lexeme.start);
                at = lexeme.end;
            }
        }
    }
}
