//! Texts of a record, which lie in shared memory and come from strangers: they are cut at a
//! fixed length, and shown without what could deceive a reader.

/// A text of at most `N` bytes, in place, since it is shared by processes. `N` is below
/// 65,536. What is longer is cut, between characters if it is UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<const N: usize> {
    length: u16,
    bytes: [u8; N],
}

impl<const N: usize> Text<N> {
    /// No bytes.
    pub const EMPTY: Text<N> = Text {
        length: 0,
        bytes: [0; N],
    };

    /// The first bytes of a text.
    pub fn new(text: &[u8]) -> Text<N> {
        let mut length = text.len().min(N);
        if length < text.len() {
            // At most three bytes can belong to a character that is cut.
            let is_start = |at: usize| text[at] & 0xc0 != 0x80;
            length = (length.saturating_sub(3)..=length)
                .rev()
                .find(|&at| is_start(at))
                .unwrap_or(length);
        }
        let mut bytes = [0; N];
        bytes[..length].copy_from_slice(&text[..length]);
        Text {
            length: length as u16,
            bytes,
        }
    }

    /// The text as it was given.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    /// The text without what could deceive a reader or a terminal: control characters, and
    /// those that hide, or change the direction of, what follows. `None` if it is empty.
    pub fn shown(&self) -> Option<Vec<u8>> {
        let mut shown = Vec::with_capacity(N);
        for chunk in self.bytes().utf8_chunks() {
            for c in chunk.valid().chars() {
                let c = if is_deceptive(c) { '?' } else { c };
                shown.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            // What is no UTF-8 may be a name in another encoding, but for the codes that
            // are control characters in most of them.
            let invalid = chunk.invalid().iter();
            shown.extend(invalid.map(|&byte| match byte {
                0x80..=0x9f => b'?',
                _ => byte,
            }));
        }
        (!shown.is_empty()).then_some(shown)
    }
}

fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Rule A8.
    #[test]
    fn names_are_cut_and_sanitised() {
        let shown = |text: &[u8]| Text::<63>::new(text).shown();
        assert_eq!(shown(b""), None);
        assert_eq!(shown("zoë".as_bytes()), Some("zoë".into()));
        assert_eq!(
            shown("a\n\u{1b}[31m\u{9b}\u{202e}b\u{7f}".as_bytes()),
            Some("a??[31m??b?".into())
        );
        assert_eq!(shown(b"\xe9\x9b\xff"), Some(b"\xe9?\xff".into()));
        let long = "a".repeat(62) + "é";
        assert_eq!(shown(long.as_bytes()), Some("a".repeat(62).into()));
        assert_eq!(shown(&[b'x'; 1000]), Some(vec![b'x'; 63]));
        assert_eq!(shown(&[0xff; 64]).map(|shown| shown.len()), Some(63));
    }

    proptest! {
        /// Rule A8: whatever a stranger sends, it is short, and valid if it was.
        #[test]
        fn any_text_is_cut(text in proptest::collection::vec(any::<u8>(), 0..100), string in "\\PC{0,40}") {
            let cut = Text::<15>::new(&text);
            prop_assert!(cut.bytes().len() <= 15 && text.starts_with(cut.bytes()));
            prop_assert!(cut.bytes().len() == text.len() || cut.bytes().len() >= 12);
            let cut = Text::<15>::new(string.as_bytes());
            prop_assert!(std::str::from_utf8(cut.bytes()).is_ok());
        }
    }
}
