//! What a record says beside its columns: a JSON object of bounded length, of which no part can
//! push out another one (rules A11 and A12).

use super::record::CONTEXT;
use super::record::push_char;
use super::text::Text;
use std::convert::Infallible;

/// The names in a list of settings, as they are separated by commas. There is no room for those
/// that are left out because they are too long.
pub fn names(list: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    list.split(|&byte| byte == b',')
        .map(|name| name.trim_ascii())
        .map(|name| match name {
            [b'"', name @ .., b'"'] => name,
            name => name,
        })
        .filter(|name| !name.is_empty() && name.len() < CONTEXT)
}

/// An object with these members.
pub fn object(members: &[(&[u8], &[u8])]) -> Text<CONTEXT> {
    let names = members.iter().map(|(name, _)| *name);
    let Ok(object) = object_of(names, |name| {
        let member = members.iter().find(|member| member.0 == name);
        Ok::<_, Infallible>(member.map(|(_, value)| Text::new(value)))
    });
    object
}

/// An object whose members have these names, and the values that `value` returns for them; those
/// for which it returns none are left out. Each value has the same room, and is cut where that
/// ends, so that what one of them is cannot keep the others out. A member is left out if there is
/// no room for its name. Without a member there is no object.
///
/// There may be many members, and little memory: so this asks for the values twice, rather than
/// keep them.
///
/// # Errors
/// Returns the error of `value`.
pub fn object_of<'a, E>(
    names: impl Iterator<Item = &'a [u8]> + Clone,
    mut value: impl FnMut(&'a [u8]) -> Result<Option<Text<CONTEXT>>, E>,
) -> Result<Text<CONTEXT>, E> {
    let mut object = String::new();
    let (mut room, mut fitting) = (CONTEXT - "{}".len(), 0);
    for name in names.clone() {
        if value(name)?.is_none() {
            continue;
        }
        object.clear();
        push_quoted(&mut object, name, CONTEXT);
        let Some(rest) = room.checked_sub(object.len() + ": \"\", ".len()) else {
            break;
        };
        room = rest;
        fitting += 1;
    }
    object.clear();
    let mut left = fitting;
    for name in names {
        if left == 0 {
            break;
        }
        if let Some(value) = value(name)? {
            object.push_str(if left == fitting { "{" } else { ", " });
            push_quoted(&mut object, name, CONTEXT);
            object.push_str(": ");
            push_quoted(&mut object, value.bytes(), room / fitting);
            left -= 1;
        }
    }
    if fitting > 0 {
        object.push('}');
    }
    Ok(Text::new(object.as_bytes()))
}

/// Adds the text as a string of JSON, in ASCII, of which at most `room` bytes are between the
/// quotes. A byte that is not UTF-8 is the character of Latin-1 with its code.
fn push_quoted(object: &mut String, text: &[u8], room: usize) {
    object.push('"');
    let start = object.len();
    'text: for chunk in text.utf8_chunks() {
        let invalid = chunk.invalid().iter().map(|&byte| char::from(byte));
        for c in chunk.valid().chars().chain(invalid) {
            let length = object.len();
            push_char(object, c);
            if object.len() - start > room {
                object.truncate(length);
                break 'text;
            }
        }
    }
    object.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Rule A12.
    #[test]
    fn lists_have_names() {
        let list = b" app.user,,\"app.tenant\" , x";
        let expected: [&[u8]; 3] = [b"app.user", b"app.tenant", b"x"];
        assert!(names(list).eq(expected));
        assert_eq!(names(b" , ").count(), 0);
        assert_eq!(names(&[b'n'; CONTEXT]).count(), 0);
    }

    /// Rule A12.
    #[test]
    fn values_are_json() {
        let text = object(&[(b"a.b", "z\"\u{e9}".as_bytes()), (b"c", b"\xff\n")]);
        assert_eq!(
            text.bytes(),
            br#"{"a.b": "z\"\u00e9", "c": "\u00ff\u000a"}"#
        );
        assert_eq!(object(&[]), Text::EMPTY);
    }

    /// Rule A12: no value pushes out another one.
    #[test]
    fn values_have_equal_room() {
        let long = [b'x'; 1000];
        let text = object(&[(b"long", &long), (b"id", b"4711")]);
        let text = std::str::from_utf8(text.bytes()).unwrap();
        assert!(text.ends_with("x\", \"id\": \"4711\"}"), "{text}");
        assert!(text.len() > 250);
        let name = [b'n'; 600];
        assert_eq!(object(&[(&name, b"x")]), Text::EMPTY);
        let text = object(&[(b"a", b"1"), (&name, b"x")]);
        assert_eq!(text.bytes(), br#"{"a": "1"}"#);
    }

    proptest! {
        /// Rule A12: whatever the values, the object is whole and ASCII.
        #[test]
        fn any_values_make_an_object(values in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..6)) {
            let members: Vec<(&[u8], &[u8])> = values.iter().map(|value| (b"app.x".as_slice(), value.as_slice())).collect();
            let text = object(&members);
            prop_assert!(text.bytes().is_ascii());
            if !members.is_empty() {
                let (start, end) = (b"{\"app.x\": \"".as_slice(), b"\"}".as_slice());
                prop_assert!(text.bytes().starts_with(start));
                prop_assert!(text.bytes().ends_with(end));
            }
        }
    }
}
