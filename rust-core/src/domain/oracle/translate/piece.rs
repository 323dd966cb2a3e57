//! The tokens of one statement, and what can be asked about them.

use super::edit::Class;
use super::tok::{Kind, Tok};
use super::{Names, Translator};

/// A word of at most this length can be one of Oracle's.
const LONGEST: usize = 32;

/// A word in lower case.
pub(super) struct Lower {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Lower {
    pub fn as_str(&self) -> &str {
        self.bytes
            .get(..self.length)
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .unwrap_or_default()
    }
}

impl<'a, N: Names> Translator<'a, N> {
    /// Leaves a token out.
    pub(super) fn delete(&mut self, index: usize) {
        self.delete_as(index, Class::Needed);
    }

    pub(super) fn delete_as(&mut self, index: usize, class: Class) {
        let token = self.at(index);
        self.edits.delete(self.body, token, class);
    }

    /// Finds the counterparts of the parentheses.
    pub(super) fn match_parentheses(&mut self) {
        self.mates.clear();
        self.mates.resize(self.tokens.len(), u32::MAX);
        let mut open: Vec<u32> = Vec::new();
        for (index, token) in self.tokens.iter().enumerate() {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            match token.kind {
                Kind::Open => open.push(index),
                Kind::Close => {
                    if let Some(start) = open.pop() {
                        if let Some(mate) = self.mates.get_mut(start as usize) {
                            *mate = index;
                        }
                        if let Some(mate) = self.mates.get_mut(index as usize) {
                            *mate = start;
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// The index of the counterpart of a parenthesis, if it has one.
    pub(super) fn mate(&self, index: usize) -> Option<usize> {
        self.mates
            .get(index)
            .copied()
            .filter(|&mate| mate != u32::MAX)
            .map(|mate| mate as usize)
    }

    /// The token at an index; behind the last one, the end of the text.
    pub(super) fn at(&self, index: usize) -> Tok {
        self.tokens.get(index).copied().unwrap_or(Tok::new(
            self.body.len(),
            self.body.len(),
            Kind::End,
        ))
    }

    pub(super) fn kind(&self, index: usize) -> Kind {
        self.at(index).kind
    }

    pub(super) fn text(&self, index: usize) -> &'a [u8] {
        self.at(index).text(self.body)
    }

    /// Whether the token is this word.
    pub(super) fn is(&self, index: usize, word: &str) -> bool {
        self.at(index).is(self.body, word)
    }

    pub(super) fn is_any(&self, index: usize, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(index, word))
    }

    /// Whether the token has this text, and is no word.
    pub(super) fn is_symbol(&self, index: usize, symbol: &str) -> bool {
        self.text(index) == symbol.as_bytes()
    }

    pub(super) fn is_name(&self, index: usize) -> bool {
        matches!(self.kind(index), Kind::Word | Kind::Quoted)
    }

    pub(super) fn is_number(&self, index: usize) -> bool {
        let text = self.text(index);
        self.kind(index) == Kind::Other
            && matches!(text, [b'0'..=b'9', ..] | [b'.', b'0'..=b'9', ..])
    }

    /// Whether the token is the `:` of `:=`, or a `=` that assigns.
    pub(super) fn is_assignment(&self, index: usize) -> bool {
        self.kind(index) == Kind::Equals
            || (self.is_symbol(index, ":") && self.kind(index + 1) == Kind::Equals)
    }

    /// The word in lower case; empty if the token is none, or too long to be one of Oracle's.
    pub(super) fn lower(&self, index: usize) -> Lower {
        let mut lower = Lower {
            bytes: [0; LONGEST],
            length: 0,
        };
        if self.kind(index) == Kind::Word {
            let text = self.text(index);
            if let Some(bytes) = lower.bytes.get_mut(..text.len()) {
                bytes.copy_from_slice(text);
                bytes.make_ascii_lowercase();
                lower.length = text.len();
            }
        }
        lower
    }

    /// The name that the token is, as catalogs have it.
    pub(super) fn folded(&self, index: usize) -> Vec<u8> {
        fold(self.text(index))
    }

    /// The index after a name with its dots.
    pub(super) fn chain_end(&self, index: usize) -> usize {
        let mut end = index + 1;
        while self.kind(end) == Kind::Dot && self.is_name(end + 1) {
            end += 2;
        }
        end
    }

    /// The parts of the name from one index up to another.
    pub(super) fn chain(&self, from: usize, to: usize) -> Vec<Vec<u8>> {
        // No name has as many parts.
        const MOST: usize = 8;
        (from..to)
            .step_by(2)
            .take(MOST)
            .map(|part| self.folded(part))
            .collect()
    }

    /// The token as an ordinary constant, if Oracle quotes it as `q'[…]'`.
    pub(super) fn requoted(&self, index: usize) -> Option<Vec<u8>> {
        let text = self.text(index);
        if self.kind(index) != Kind::String || !is_q(text) {
            return None;
        }
        Some(quote(q_content(text)?, self.source.standard_strings))
    }

    /// Quotes the constants between two indexes in the ordinary way.
    pub(super) fn requote(&mut self, from: usize, to: usize) {
        for index in from..to {
            if let Some(constant) = self.requoted(index) {
                self.edits.replace(self.at(index), constant, Class::Needed);
            }
        }
    }

    /// What a constant in single quotes says, if that is simple to tell.
    pub(super) fn constant(&self, index: usize) -> Option<Vec<u8>> {
        if self.kind(index) != Kind::String {
            return None;
        }
        let text = self.text(index);
        if is_q(text) {
            return q_content(text).map(<[u8]>::to_vec);
        }
        let inner = text.strip_prefix(b"'")?.strip_suffix(b"'")?;
        if !self.source.standard_strings && inner.contains(&b'\\') {
            return None;
        }
        let mut content = Vec::with_capacity(inner.len());
        let mut rest = inner;
        while let [first, tail @ ..] = rest {
            content.push(*first);
            rest = tail;
            if *first == b'\'' {
                // Another part of the constant on the next line is not simple.
                rest = tail.strip_prefix(b"'")?;
            }
        }
        Some(content)
    }

    /// The ends of the arguments between two parentheses: the indexes of the commas and of
    /// the closing parenthesis.
    pub(super) fn arguments(&self, open: usize) -> Vec<usize> {
        let Some(close) = self.mate(open) else {
            return Vec::new();
        };
        let mut ends = Vec::new();
        let mut at = open + 1;
        while at < close {
            match self.kind(at) {
                Kind::Open => at = self.mate(at).unwrap_or(at),
                Kind::Comma => ends.push(at),
                _ => {}
            }
            at += 1;
        }
        if close > open + 1 {
            ends.push(close);
        }
        ends
    }
}

/// A name as catalogs have it.
pub(super) fn fold(text: &[u8]) -> Vec<u8> {
    let Some(inner) = text.strip_prefix(b"\"") else {
        return text.to_ascii_lowercase();
    };
    let inner = inner.strip_suffix(b"\"").unwrap_or(inner);
    let mut name = Vec::with_capacity(inner.len());
    let mut quote = false;
    for &byte in inner {
        quote = byte == b'"' && !quote;
        if !quote {
            name.push(byte);
        }
    }
    name
}

/// A text as a constant.
pub(super) fn quote(content: &[u8], standard_strings: bool) -> Vec<u8> {
    let mut text = vec![b'\''];
    for &byte in content {
        text.push(byte);
        if byte == b'\'' || (byte == b'\\' && !standard_strings) {
            text.push(byte);
        }
    }
    text.push(b'\'');
    text
}

fn is_q(text: &[u8]) -> bool {
    matches!(
        text,
        [b'q' | b'Q', b'\'', ..] | [b'n' | b'N', b'q' | b'Q', b'\'', ..]
    )
}

fn q_content(text: &[u8]) -> Option<&[u8]> {
    let quote = text.iter().position(|&byte| byte == b'\'')?;
    text.get(quote + 2..text.len().checked_sub(2)?)
}

/// If `word`, at `start`, and what follows are `q'[…]'`, the offset after it.
pub(super) fn quoted_end(body: &[u8], start: usize, word: &[u8]) -> Option<usize> {
    if !word.eq_ignore_ascii_case(b"q") && !word.eq_ignore_ascii_case(b"nq") {
        return None;
    }
    let rest = body.get(start + word.len()..)?.strip_prefix(b"'")?;
    let (&open, content) = rest.split_first()?;
    let close = match open {
        b'[' => b']',
        b'{' => b'}',
        b'(' => b')',
        b'<' => b'>',
        b' ' | b'\t' | b'\r' | b'\n' | b'\'' => return None,
        other => other,
    };
    let length = content.windows(2).position(|pair| pair == [close, b'\''])?;
    Some(start + word.len() + 2 + length + 2)
}
