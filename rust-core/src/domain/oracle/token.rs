//! The kinds of tokens. A token's extent is for [`Lexer`](super::Lexer), or for the
//! caller's own lexer, to find.

use super::keyword::Keyword;

/// A token, as far as the automata need to distinguish tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// The end of the text.
    End,
    /// A keyword or an identifier without quotes.
    Word(&'a [u8]),
    /// An identifier in double quotes.
    Quoted,
    /// A string or bit string constant, in single or dollar quotes.
    String,
    /// `;`
    Semicolon,
    /// `(`
    Open,
    /// `)`
    Close,
    /// `.`
    Dot,
    /// `,`
    Comma,
    /// `=`
    Equals,
    /// `<<`
    LabelOpen,
    /// `>>`
    LabelClose,
    /// Anything else.
    Other,
}

impl<'a> Token<'a> {
    /// The token that starts at the first byte of `text`, by the rules of
    /// PostgreSQL's scanner. `text` may go on after the token. It must not start
    /// with white space or a comment, which the caller's lexer has skipped.
    pub fn at(text: &'a [u8]) -> Token<'a> {
        match *text {
            [] => Token::End,
            [b'"', ..] | [b'u' | b'U', b'&', b'"', ..] => Token::Quoted,
            [b'\'', ..]
            | [
                b'b' | b'B' | b'e' | b'E' | b'n' | b'N' | b'x' | b'X',
                b'\'',
                ..,
            ]
            | [b'u' | b'U', b'&', b'\'', ..] => Token::String,
            [b';', ..] => Token::Semicolon,
            [b'(', ..] => Token::Open,
            [b')', ..] => Token::Close,
            [b',', ..] => Token::Comma,
            [b'.', b'.' | b'0'..=b'9', ..] => Token::Other,
            [b'.', ..] => Token::Dot,
            [b'$', ref rest @ ..] if opens_dollar_quote(rest) => Token::String,
            [first, ..] if starts_word(first) => Token::word(text),
            [first, ..] if is_operator(first) => Token::operator(text),
            _ => Token::Other,
        }
    }

    fn word(text: &'a [u8]) -> Token<'a> {
        let length = text
            .iter()
            .position(|&byte| !continues_word(byte))
            .unwrap_or(text.len());
        Token::Word(text.get(..length).unwrap_or(text))
    }

    fn operator(text: &'a [u8]) -> Token<'a> {
        match operator(text) {
            b"=" => Token::Equals,
            b"<<" => Token::LabelOpen,
            b">>" => Token::LabelClose,
            _ => Token::Other,
        }
    }

    /// Whether the token is this word, without quotes, in upper, lower or mixed
    /// case.
    pub fn is_word(self, word: &str) -> bool {
        matches!(self, Token::Word(text) if text.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// The keyword that the token spells, if it is one.
    pub(super) fn keyword(self) -> Option<Keyword> {
        match self {
            Token::Word(word) => Keyword::from_word(word),
            _ => None,
        }
    }
}

fn starts_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn continues_word(byte: u8) -> bool {
    starts_word(byte) || byte.is_ascii_digit() || byte == b'$'
}

pub(super) fn is_operator(byte: u8) -> bool {
    b"~!@#^&|`?+-*/%<>=".contains(&byte)
}

/// Whether the text after a `$` completes it to `$$` or `$tag$`, rather than to a
/// parameter such as `$1`.
fn opens_dollar_quote(rest: &[u8]) -> bool {
    let mut tag = rest.iter().copied();
    match tag.next() {
        Some(b'$') => true,
        Some(first) if starts_word(first) => {
            tag.find(|&byte| byte == b'$' || !continues_word(byte)) == Some(b'$')
        }
        _ => false,
    }
}

/// The operator that starts `text`. A comment ends it. A sign at its end is a token
/// of its own, unless the operator contains a character that no operator of the
/// SQL standard has.
fn operator(text: &[u8]) -> &[u8] {
    let end = (0..text.len())
        .find(|&at| {
            let rest = text.get(at..).unwrap_or_default();
            !rest.first().is_some_and(|&byte| is_operator(byte))
                || rest.starts_with(b"/*")
                || rest.starts_with(b"--")
        })
        .unwrap_or(text.len());
    let mut operator = text.get(..end).unwrap_or(text);
    if !operator.iter().any(|byte| b"~!@#^&|`?%".contains(byte)) {
        while let [rest @ .., b'+' | b'-'] = operator {
            if rest.is_empty() {
                break;
            }
            operator = rest;
        }
    }
    operator
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes() {
        let table: &[(&str, Token)] = &[
            ("", Token::End),
            ("end", Token::Word(b"end")),
            ("END;", Token::Word(b"END")),
            ("a$b$c d", Token::Word(b"a$b$c")),
            ("_1(", Token::Word(b"_1")),
            ("é.x", Token::Word("é".as_bytes())),
            ("e", Token::Word(b"e")),
            ("U&x", Token::Word(b"U")),
            ("uX'", Token::Word(b"uX")),
            ("\"end\"", Token::Quoted),
            ("u&\"end\"", Token::Quoted),
            ("U&\"end\"", Token::Quoted),
            ("'end'", Token::String),
            ("'", Token::String),
            ("E'\\''", Token::String),
            ("n'x'", Token::String),
            ("B'1'", Token::String),
            ("x'ff'", Token::String),
            ("U&'x'", Token::String),
            ("$$end$$", Token::String),
            ("$a1_é$end", Token::String),
            ("$1", Token::Other),
            ("$1$", Token::Other),
            ("$", Token::Other),
            ("$a", Token::Other),
            ("$a b$", Token::Other),
            ("$a-$", Token::Other),
            (";", Token::Semicolon),
            ("(", Token::Open),
            (")", Token::Close),
            (".", Token::Dot),
            (".a", Token::Dot),
            ("..", Token::Other),
            (".5", Token::Other),
            (",", Token::Comma),
            ("=", Token::Equals),
            ("=-1", Token::Equals),
            ("==", Token::Other),
            ("=>", Token::Other),
            ("<<", Token::LabelOpen),
            ("<<a", Token::LabelOpen),
            ("<<--comment", Token::LabelOpen),
            ("<<--=|", Token::LabelOpen),
            ("<</* comment */", Token::LabelOpen),
            ("<<-1", Token::LabelOpen),
            ("<<+-+", Token::LabelOpen),
            ("<<|", Token::Other),
            ("<<@-", Token::Other),
            ("<<=", Token::Other),
            ("<", Token::Other),
            (">>", Token::LabelClose),
            (">>x", Token::LabelClose),
            (">>;", Token::LabelClose),
            (">>-- x", Token::LabelClose),
            (">>>", Token::Other),
            ("-", Token::Other),
            ("+-", Token::Other),
            ("1", Token::Other),
            ("1e5", Token::Other),
            (":=", Token::Other),
            ("::", Token::Other),
            ("[", Token::Other),
            ("]", Token::Other),
            ("\\", Token::Other),
            ("\0", Token::Other),
        ];
        for &(text, token) in table {
            assert_eq!(Token::at(text.as_bytes()), token, "{text}");
        }
    }

    #[test]
    fn keywords_are_recognized_in_any_case() {
        for word in ["elsif", "ELSIF", "ElsIf"] {
            assert_eq!(
                Token::at(word.as_bytes()).keyword(),
                Some(Keyword::Elsif),
                "{word}"
            );
        }
        for other in ["\"elsif\"", "'elsif'", "elsi", "elsiff", ""] {
            assert_eq!(Token::at(other.as_bytes()).keyword(), None, "{other}");
        }
    }
}
