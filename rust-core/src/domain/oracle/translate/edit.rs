//! The edits of a text, and the text that they make.

use super::tok::Tok;
use super::{Failure, OUT_OF_MEMORY, Refusal, TOO_LONG};
use std::borrow::Cow;

/// When an edit is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Always: the text cannot run without it.
    Needed,
    /// If there is one that is needed: what is there runs, with another meaning.
    Follows,
    /// If the text asks for the number of rows.
    Rows,
}

/// Where an edit is, among those that start at the same offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// An insertion after what ends there.
    After,
    /// An insertion before what starts there.
    Before,
    /// The replacement of what starts there.
    Replace,
}

type Text = Cow<'static, [u8]>;

#[derive(Clone, Debug)]
struct Edit {
    start: u32,
    end: u32,
    /// How many edits were collected before it.
    order: u32,
    rank: Rank,
    class: Class,
    text: Text,
}

impl Edit {
    /// What was collected first at an offset comes first.
    fn key(&self) -> (u32, Rank, u32) {
        (self.start, self.rank, self.order)
    }
}

/// The edits that have been collected, in any order.
#[derive(Debug)]
pub(super) struct Edits {
    edits: Vec<Edit>,
    needed: bool,
    rows: bool,
    /// There are more than could be kept.
    overflown: bool,
}

/// No text has more places that need translation, unless it was made to take memory.
const MOST: usize = 4_000_000;

/// No text in the server is as long as this.
const LIMIT: usize = 0x3fff_ffff;

impl Edits {
    pub fn new() -> Edits {
        Edits {
            edits: Vec::new(),
            needed: false,
            rows: false,
            overflown: false,
        }
    }

    /// Whether the text cannot stay as it is.
    pub fn has_needed(&self) -> bool {
        self.needed
    }

    /// The text asks for the number of rows.
    pub fn want_rows(&mut self) {
        self.rows = true;
    }

    /// A place in the collection, for [`Edits::drop_from`].
    pub fn mark(&self) -> usize {
        self.edits.len()
    }

    /// Takes back the edits since a place.
    pub fn drop_from(&mut self, mark: usize) {
        self.edits.truncate(mark);
    }

    fn push(&mut self, start: u32, end: u32, rank: Rank, class: Class, text: Text) {
        self.needed |= class == Class::Needed;
        if self.edits.len() >= MOST || self.edits.try_reserve(1).is_err() {
            self.overflown = true;
            return;
        }
        let order = u32::try_from(self.edits.len()).unwrap_or(u32::MAX);
        self.edits.push(Edit {
            start,
            end,
            order,
            rank,
            class,
            text,
        });
    }

    pub fn replace(&mut self, token: Tok, text: impl Into<Text>, class: Class) {
        self.push(token.start, token.end, Rank::Replace, class, text.into());
    }

    /// Deletes a token and the blanks before it.
    pub fn delete(&mut self, body: &[u8], token: Tok, class: Class) {
        let before = body.get(..token.start as usize).unwrap_or_default();
        let blanks = before
            .iter()
            .rev()
            .take_while(|&&byte| byte == b' ' || byte == b'\t')
            .count();
        let start = token.start - u32::try_from(blanks).unwrap_or(0);
        self.push(start, token.end, Rank::Replace, class, Text::Borrowed(b""));
    }

    pub fn insert_before(&mut self, token: Tok, text: impl Into<Text>, class: Class) {
        self.push(token.start, token.start, Rank::Before, class, text.into());
    }

    pub fn insert_after(&mut self, token: Tok, text: impl Into<Text>, class: Class) {
        self.push(token.end, token.end, Rank::After, class, text.into());
    }

    /// Inserts a text before what starts at an offset.
    pub fn insert_at(&mut self, at: u32, text: impl Into<Text>, class: Class) {
        self.push(at, at, Rank::Before, class, text.into());
    }

    /// The text from one offset to another with the edits so far, which are the latest ones
    /// in that range. `None` if it is not on one line.
    pub fn excerpt(&self, body: &[u8], start: u32, end: u32) -> Option<Vec<u8>> {
        let mut edits: Vec<&Edit> = self
            .edits
            .iter()
            .rev()
            .take_while(|edit| edit.start >= start)
            .filter(|edit| edit.start < end || (edit.start == end && edit.rank == Rank::After))
            .collect();
        edits.reverse();
        edits.sort_unstable_by_key(|edit| edit.key());
        let mut text = Writer::new(false);
        let mut at = start;
        for edit in edits {
            text.copy(body, at, edit.start.max(at));
            text.write(&edit.text);
            at = edit.end.max(at);
        }
        text.copy(body, at, end);
        let line = |byte: &u8| matches!(byte, b'\n' | b'\r');
        (!text.text.iter().any(line) && !text.text.windows(2).any(|pair| pair == b"--"))
            .then_some(text.text)
    }

    /// The text that the edits make.
    pub fn apply<E>(mut self, body: &[u8]) -> Result<Translation, Failure<E>> {
        let rows = self.rows;
        self.edits.retain(|edit| edit.class != Class::Rows || rows);
        self.edits.sort_unstable_by_key(Edit::key);
        let room = self
            .edits
            .iter()
            .map(|edit| edit.text.len() + 2)
            .sum::<usize>()
            + body.len();
        let mut writer = Writer::new(true);
        let long = room > LIMIT || self.overflown;
        if long || writer.text.try_reserve_exact(room).is_err() {
            return Err(Failure::Refused(Refusal {
                sqlstate: if long { TOO_LONG } else { OUT_OF_MEMORY },
                message: "translation of the routine is too long".into(),
                detail: None,
                hint: None,
                position: 0,
            }));
        }
        let mut at = 0;
        for edit in &self.edits {
            if edit.start < at {
                continue;
            }
            writer.copy(body, at, edit.start);
            writer.replacement(body, edit);
            at = edit.end;
        }
        writer.copy(body, at, u32::try_from(body.len()).unwrap_or(u32::MAX));
        Ok(Translation {
            text: writer.text,
            places: writer.places,
        })
    }
}

/// Writes a text, and notes where its parts come from.
struct Writer {
    text: Vec<u8>,
    places: Vec<Place>,
    notes: bool,
}

/// From an offset in the translation on, the text is that at an offset of the original, or
/// one that stands for what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    at: u32,
    origin: u32,
    verbatim: bool,
}

impl Writer {
    fn new(notes: bool) -> Writer {
        Writer {
            text: Vec::new(),
            places: Vec::new(),
            notes,
        }
    }

    fn note(&mut self, origin: u32, verbatim: bool) {
        if self.notes {
            let at = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
            if self.places.last().is_some_and(|place| place.at == at) {
                self.places.pop();
            }
            self.places.push(Place {
                at,
                origin,
                verbatim,
            });
        }
    }

    /// Keeps what was not one token from becoming one.
    fn separate(&mut self, next: &[u8]) {
        let word =
            |byte: u8| byte.is_ascii_alphanumeric() || b"_$\"'".contains(&byte) || byte >= 0x80;
        let sign = super::super::token::is_operator;
        if let (Some(&last), Some(&first)) = (self.text.last(), next.first()) {
            if (word(last) && word(first))
                || (sign(last) && sign(first))
                || (last == b':' && b":=".contains(&first))
            {
                self.text.push(b' ');
            }
        }
    }

    fn write(&mut self, text: &[u8]) {
        self.separate(text);
        self.text.extend_from_slice(text);
    }

    fn copy(&mut self, body: &[u8], from: u32, to: u32) {
        let text = body.get(from as usize..to as usize).unwrap_or_default();
        if !text.is_empty() {
            if self.text.is_empty() {
                self.note(from, true);
            } else {
                self.note(from, false);
                self.separate(text);
                self.note(from, true);
            }
            self.text.extend_from_slice(text);
        }
    }

    /// Writes a replacement with as many newlines as what it replaces.
    fn replacement(&mut self, body: &[u8], edit: &Edit) {
        self.note(edit.start, false);
        self.write(&edit.text);
        let newlines = |text: &[u8]| text.iter().filter(|&&byte| byte == b'\n').count();
        let old = body
            .get(edit.start as usize..edit.end as usize)
            .unwrap_or_default();
        for _ in newlines(&edit.text)..newlines(old) {
            self.text.push(b'\n');
        }
    }
}

/// A translated text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Translation {
    text: Vec<u8>,
    places: Vec<Place>,
}

impl Translation {
    /// The text.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The offset in the original of what is at an offset of the translation.
    pub fn origin(&self, at: usize) -> usize {
        let after = self.places.partition_point(|place| place.at as usize <= at);
        match after
            .checked_sub(1)
            .and_then(|index| self.places.get(index))
        {
            Some(place) if place.verbatim => {
                place.origin as usize + (at.min(self.text.len()) - place.at as usize)
            }
            Some(place) => place.origin as usize,
            None => 0,
        }
    }
}
