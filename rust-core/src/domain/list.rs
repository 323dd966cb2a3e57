//! A list as a setting has it: items, separated by commas, with blanks around them. An empty
//! text is a list without items.

use std::ffi::CStr;

/// An item that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault<'a, Reason> {
    /// The item, without the blanks around it.
    pub item: &'a [u8],
    /// How many bytes are before it.
    pub offset: usize,
    /// Why it is wrong.
    pub reason: Reason,
}

/// Why an item can be wrong.
pub trait Explain {
    /// The reason, for what comes after a colon in the detail of a message.
    fn text(self) -> &'static CStr;
}

/// The items without the blanks around them, each with the number of bytes before it.
pub fn items(value: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut next = 0;
    let is_empty = value.trim_ascii().is_empty();
    let parts = value.split(|&byte| byte == b',');
    parts.filter(move |_| !is_empty).map(move |part| {
        let offset = next + part.len() - part.trim_ascii_start().len();
        next += part.len() + 1;
        (offset, part.trim_ascii())
    })
}
