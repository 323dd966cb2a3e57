//! What the unit tests and the fuzz target share: a second lexer, to compare with,
//! and runs of the automata over a text that check the invariants. It is no part of
//! the library.

use super::{Body, Error, Form, Header, Lexeme, Lexer, Progress, Scan, Statement, Token, text};

/// What the automata make of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is not a routine.
    Other,
    /// It is a routine whose end was found.
    Ends {
        /// The offset of its body.
        body: usize,
        /// The offset after its text, which includes the name after END.
        end: usize,
    },
    /// It is a routine whose end cannot be found.
    Fails(Error),
}

/// Runs the automata over a statement.
///
/// # Panics
/// Panics if an automaton violates an invariant.
pub fn run(text: &[u8]) -> Outcome {
    let lexemes = tokens_and_end(text);
    let mut header = Header::new();
    let mut decided = None;
    for (index, lexeme) in lexemes.iter().enumerate() {
        match (header.feed(lexeme.token), decided) {
            (Form::Routine { ahead: 0 }, Some(_)) => {}
            (
                Form::Routine {
                    ahead: ahead @ 1..=2,
                },
                None,
            ) => decided = Some((index, ahead)),
            (Form::Undecided | Form::Other, None) => {}
            (form, _) => panic!("{form:?} after {decided:?}"),
        }
    }
    let mut statement = Statement::new();
    let Some((index, ahead)) = decided else {
        for lexeme in &lexemes {
            statement.feed(lexeme.token, offset(lexeme.start));
            assert!(!statement.is_routine() && !statement.is_open());
        }
        return Outcome::Other;
    };
    for lexeme in &lexemes[..index] {
        assert!(!statement.is_routine() && !statement.is_open());
        statement.feed(lexeme.token, offset(lexeme.start));
    }
    let first = index + 1 - usize::try_from(ahead).expect("a small number");
    let body = lexemes[first].start;
    let outcome = run_lexemes(text, &lexemes[first..], |at, token, open| {
        if at >= lexemes[index].start {
            statement.feed(token, offset(at));
            assert!(statement.is_routine());
            assert_eq!(statement.is_open(), open);
        }
    });
    match outcome {
        Ok(end) => Outcome::Ends { body, end },
        Err(error) => Outcome::Fails(error),
    }
}

/// Feeds a text to the automata as psql's lexer does, then a line that consists of
/// a slash, and the text as one line.
///
/// # Panics
/// Panics if an automaton violates an invariant.
pub fn run_scan(text: &[u8]) {
    let mut lexer = Lexer::new(text, 0, true);
    let mut scan = Scan::new();
    let mut at = 0;
    loop {
        let Lexeme { start, end, token } = lexer.next_token();
        assert!(at <= start && end <= text.len());
        if token == Token::End {
            break;
        }
        assert!(start < end);
        at = end;
        scan.take(&text[start..end]);
        assert!(scan.is_routine() || !scan.is_open());
        if token == Token::Semicolon && !scan.is_open() {
            scan.end();
            assert!(!scan.is_routine());
        }
    }
    let was_routine = scan.is_routine();
    let mut line = *b" / \n";
    scan.slash_line(&mut line);
    assert_eq!(line[1] == b';', was_routine);
    assert!(!scan.is_open());
    let mut other = text.to_vec();
    scan.slash_line(&mut other);
    assert!(other == text || text.trim_ascii() == b"/");
}

/// Makes the source of a function behind a trigger, with the text as its block, and
/// looks for places of the block in the query (rules D3 and D9).
///
/// # Panics
/// Panics if a place is found that is not the right one.
pub fn run_trigger(block: &[u8]) {
    const HEAD: &[u8] = b"CREATE TRIGGER t AFTER LOGON ON DATABASE ";
    let search = |text: &[u8], wanted: &[u8]| {
        text.windows(wanted.len())
            .position(|window| window == wanted)
    };
    // The search above is quadratic, and such a block could be taken for its own guard.
    if block.len() > 4096 || search(block, b"trigger body").is_some() {
        return;
    }
    let query = [HEAD, block].concat();
    for guard in [None, Some(&b"(true)"[..])] {
        let pieces = text::trigger_source(guard, guard, block);
        let index = pieces.iter().position(|piece| std::ptr::eq(*piece, block));
        let start = pieces[..index.expect("the block is a piece")]
            .concat()
            .len();
        let source = pieces.concat();
        assert!(text::is_trigger_source(&source));
        for at in [0, block.len() / 2] {
            if let Some(found) = text::find(&source, &query, start + at, None, search) {
                assert_eq!(found, HEAD.len() + at);
            }
        }
    }
}

/// Runs the automaton for a body over the text after IS or AS, and returns the
/// offset at which the routine ends.
///
/// # Errors
/// Returns the automaton's error.
///
/// # Panics
/// Panics if the automaton violates an invariant.
pub fn run_body(text: &[u8]) -> Result<usize, Error> {
    run_lexemes(text, &tokens_and_end(text), |_, _, _| {})
}

/// Calls `fed` after each token with its offset, the token, and whether the body is
/// open.
fn run_lexemes(
    text: &[u8],
    lexemes: &[Lexeme<'_>],
    mut fed: impl FnMut(usize, Token<'_>, bool),
) -> Result<usize, Error> {
    let mut body = Body::new();
    let mut result = None;
    let mut over = false;
    for lexeme in lexemes {
        let before = body;
        let progress = body.feed(lexeme.token, offset(lexeme.start));
        match progress {
            Ok(Progress::More) => assert!(result.is_none() && body.is_open()),
            Ok(Progress::End) => {
                assert!(result.is_none() && !body.is_open());
                assert!(text[lexeme.start..lexeme.end].eq_ignore_ascii_case(b"end"));
                result = Some(Ok(lexeme.end));
            }
            Ok(Progress::Name) => {
                assert!(matches!(lexeme.token, Token::Word(_) | Token::Quoted));
                assert!(matches!(result, Some(Ok(_))) && !over && !body.is_open());
                result = Some(Ok(lexeme.end));
                over = true;
            }
            Ok(Progress::Done) => {
                assert!(result.is_some() && !body.is_open());
                assert!(!over || body == before);
                over = true;
            }
            Err(error) => {
                assert!(!over && !body.is_open());
                let found = lexemes
                    .iter()
                    .position(|other| offset(other.start) == error.position());
                assert!(found.is_some_and(|found| lexemes[found].start <= lexeme.start));
                result = Some(Err(error));
                over = true;
            }
        }
        assert!((1..=Body::LIMIT).contains(&body.depth()));
        fed(lexeme.start, lexeme.token, body.is_open());
    }
    assert_eq!(body.feed(Token::Semicolon, 0), Ok(Progress::Done));
    result.expect("an end or an error at the end of the text")
}

fn tokens_and_end(text: &[u8]) -> Vec<Lexeme<'_>> {
    let mut lexemes = tokens(text);
    lexemes.push(Lexeme {
        start: text.len(),
        end: text.len(),
        token: Token::End,
    });
    lexemes
}

/// An offset in the type that the automata take.
fn offset(at: usize) -> u32 {
    u32::try_from(at).expect("a text of less than 4 GB")
}

/// A token's kind, as found by a lexer that knows the whole token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Word,
    Quoted,
    String,
    Single,
    Operator,
    Other,
    /// None that a lexer finds: `Token::at` is mistaken.
    Wrong,
}

/// The tokens of `text`, without [`Token::End`].
///
/// # Panics
/// Panics if [`Token::at`] takes a token for one of another kind.
pub fn tokens(text: &[u8]) -> Vec<Lexeme<'_>> {
    let mut lexemes = Vec::new();
    let mut start = 0;
    loop {
        start += blank(&text[start..]);
        let rest = &text[start..];
        if rest.is_empty() {
            return lexemes;
        }
        let (class, length) = lex(rest);
        let token = Token::at(rest);
        assert_eq!(token, Token::at(&rest[..length]));
        assert_eq!(class, class_of(token, &rest[..length]));
        lexemes.push(Lexeme {
            start,
            end: start + length,
            token,
        });
        start += length;
    }
}

fn class_of(token: Token<'_>, text: &[u8]) -> Class {
    match token {
        Token::Word(word) if word == text => Class::Word,
        Token::Quoted => Class::Quoted,
        Token::String => Class::String,
        Token::Semicolon | Token::Open | Token::Close | Token::Dot | Token::Comma => Class::Single,
        Token::Equals if text == b"=" => Class::Operator,
        Token::LabelOpen if text == b"<<" => Class::Operator,
        Token::LabelClose if text == b">>" => Class::Operator,
        Token::Other if [&b"="[..], b"<<", b">>"].contains(&text) => Class::Wrong,
        Token::Other if in_operator(text[0]) => Class::Operator,
        Token::Other => Class::Other,
        _ => Class::Wrong,
    }
}

/// The length of white space and comments at the start of a text.
fn blank(text: &[u8]) -> usize {
    let mut at = 0;
    loop {
        let rest = &text[at..];
        if rest.starts_with(b"--") {
            at += span(rest, |byte| byte != b'\n' && byte != b'\r');
        } else if rest.starts_with(b"/*") {
            at += comment(rest);
        } else if rest
            .first()
            .is_some_and(|byte| b" \t\n\r\x0b\x0c".contains(byte))
        {
            at += 1;
        } else {
            return at;
        }
    }
}

fn comment(text: &[u8]) -> usize {
    let (mut at, mut depth) = (0, 0);
    while at < text.len() {
        if text[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
        } else {
            at += 1;
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn lex(text: &[u8]) -> (Class, usize) {
    let second = text.get(1).copied().unwrap_or(0);
    let third = text.get(2).copied().unwrap_or(0);
    match (text[0].to_ascii_lowercase(), second, third) {
        (b'\'', ..) => (Class::String, quoted(text, 1, b'\'', false)),
        (b'e', b'\'', _) => (Class::String, quoted(text, 2, b'\'', true)),
        (b'b' | b'n' | b'x', b'\'', _) => (Class::String, quoted(text, 2, b'\'', false)),
        (b'u', b'&', b'\'') => (Class::String, quoted(text, 3, b'\'', false)),
        (b'u', b'&', b'"') => (Class::Quoted, quoted(text, 3, b'"', false)),
        (b'"', ..) => (Class::Quoted, quoted(text, 1, b'"', false)),
        (b'a'..=b'z' | b'_' | 0x80.., ..) => (Class::Word, span(text, in_word)),
        (b'$', b'0'..=b'9', _) => (Class::Other, 1 + span(&text[1..], |b| b.is_ascii_digit())),
        (b'$', ..) => match dollar_quoted(text) {
            Some(length) => (Class::String, length),
            None => (Class::Other, 1),
        },
        (b'0'..=b'9', ..) | (b'.', b'0'..=b'9', _) => (Class::Other, number(text)),
        (b':', b':' | b'=', _) | (b'.', b'.', _) => (Class::Other, 2),
        (b';' | b'(' | b')' | b',' | b'.', ..) => (Class::Single, 1),
        (first, ..) if in_operator(first) => (Class::Operator, operator(text)),
        _ => (Class::Other, 1),
    }
}

fn span(text: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
    text.iter().take_while(|&&byte| belongs(byte)).count()
}

fn in_word(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'$' | 0x80..)
}

fn in_operator(byte: u8) -> bool {
    matches!(
        byte,
        b'~' | b'!'
            | b'@'
            | b'#'
            | b'^'
            | b'&'
            | b'|'
            | b'`'
            | b'?'
            | b'+'
            | b'-'
            | b'*'
            | b'/'
            | b'%'
            | b'<'
            | b'>'
            | b'='
    )
}

/// The length through the closing quote, or that of the text if there is none.
fn quoted(text: &[u8], open: usize, quote: u8, backslash: bool) -> usize {
    let mut at = open;
    while at < text.len() {
        match text[at] {
            b'\\' if backslash => at += 2,
            byte if byte == quote && text.get(at + 1) == Some(&quote) => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

fn dollar_quoted(text: &[u8]) -> Option<usize> {
    let tag = span(&text[1..], |byte| byte != b'$' && in_word(byte));
    let open = tag + 2;
    if text.get(open - 1) != Some(&b'$') || (tag > 0 && text[1].is_ascii_digit()) {
        return None;
    }
    let delimiter = &text[..open];
    let body = text[open..]
        .windows(open)
        .position(|window| window == delimiter);
    Some(body.map_or(text.len(), |length| length + 2 * open))
}

/// The length of digits, letters and at most one dot that does not start `..`. That
/// is enough to know where `1..n` and `1.5` end.
fn number(text: &[u8]) -> usize {
    let in_number = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let digits = span(text, in_number);
    match text[digits..] {
        [b'.', b'.', ..] => digits,
        [b'.', ref rest @ ..] => digits + 1 + span(rest, in_number),
        _ => digits,
    }
}

fn operator(text: &[u8]) -> usize {
    let mut length = span(text, in_operator);
    for comment in [&b"--"[..], b"/*"] {
        if let Some(at) = text[..length].windows(2).position(|pair| pair == comment) {
            length = at;
        }
    }
    let special = |byte: &u8| b"~!@#^&|`?%".contains(byte);
    while length > 1
        && matches!(text[length - 1], b'+' | b'-')
        && !text[..length].iter().any(special)
    {
        length -= 1;
    }
    length
}
