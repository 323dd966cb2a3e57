//! PostgreSQL's tokens in a text that its own scanner has not reached yet.
//!
//! The grammar has to look past RETURN without moving the parser's scanner,
//! and without raising an error that the parser itself would raise later, or
//! never. Only the extents of tokens matter here, so nothing is converted,
//! copied or refused: a quote that is not closed reaches to the end.

use super::token::{Token, is_operator};

/// A token and where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lexeme<'a> {
    /// Where it starts.
    pub start: usize,
    /// Where the next byte is.
    pub end: usize,
    /// What it is.
    pub token: Token<'a>,
}

/// Goes through a text from token to token, in time proportional to what it
/// passes over (rule D6), by the rules of upstream's `scan.l`.
#[derive(Clone, Debug)]
pub struct Lexer<'a> {
    text: &'a [u8],
    at: usize,
    /// `standard_conforming_strings`: a backslash in `'…'` is only that.
    standard_strings: bool,
}

impl<'a> Lexer<'a> {
    /// A lexer that starts at offset `at`, where a token or what separates
    /// tokens begins.
    pub fn new(text: &'a [u8], at: usize, standard_strings: bool) -> Lexer<'a> {
        Lexer {
            text,
            at: at.min(text.len()),
            standard_strings,
        }
    }

    /// Where the next token, or what separates it from the last one, begins.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The next token; [`Token::End`], again and again, at the end.
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

/// Up to the end of the line, which does not belong to it.
fn line_comment(text: &[u8]) -> usize {
    span(text, |byte| !is_newline(byte))
}

/// Block comments nest.
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

/// From behind the opening quote, at `at`, to behind the closing one.
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

/// A constant in single quotes or dollar quotes.
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

/// The length of what lies between the quotes of two parts of one constant,
/// with the second quote: white space with a line's end in it.
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

/// The delimiter at the start is whole, or this would not be a string.
fn dollar_quoted(text: &[u8]) -> usize {
    let tag = span(text.get(1..).unwrap_or_default(), |byte| byte != b'$');
    let (delimiter, body) = text.split_at((tag + 2).min(text.len()));
    // A tag has no dollar sign in it, so a match can begin at one only, and at
    // the next one if it fails.
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

/// Numbers, parameters, operators and single characters. Operators that touch
/// are taken together, so that none of their characters is looked at again.
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

    /// What stands for itself between separators, and what separates.
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
        #[test]
        fn pieces_come_back(
            parts in prop::collection::vec((0..PIECES.len(), 0..SEPARATORS.len()), 0..20),
        ) {
            let mut text = String::new();
            for &(piece, separator) in &parts {
                text.push_str(PIECES[piece]);
                // A newline alone would make one constant of two.
                text.push_str("/**/");
                text.push_str(SEPARATORS[separator]);
            }
            let pieces: Vec<&str> = parts.iter().map(|&(piece, _)| PIECES[piece]).collect();
            prop_assert_eq!(lex(&text, true), pieces);
        }

        /// Any bytes: tokens lie one behind the other, and the end is reached.
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
