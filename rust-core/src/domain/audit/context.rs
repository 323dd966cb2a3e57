//! What a record says beside its columns: a JSON object of bounded length, of which no part can
//! push out another one (rules A11 and A12).

use super::record::CONTEXT;
use super::record::push_char;
use super::text::Text;

/// The names in a list of settings, as they are separated by commas.
pub fn names(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|&byte| byte == b',')
        .map(|name| name.trim_ascii())
        .map(|name| match name {
            [b'"', name @ .., b'"'] => name,
            name => name,
        })
        .filter(|name| !name.is_empty())
}

/// An object with these members. Each value has the same room, and is cut where that ends, so
/// that what one of them is cannot keep the others out. A member is left out if there is no room
/// for its name. Without a member there is no object.
pub fn object(members: &[(&[u8], &[u8])]) -> Text<CONTEXT> {
    let names: Vec<String> = members
        .iter()
        .map(|(name, _)| quoted(name, usize::MAX))
        .collect();
    let punctuation = |name: &String| name.len() + "\"\": , ".len();
    let mut room = CONTEXT - "{}".len();
    let fitting = names
        .iter()
        .take_while(|name| {
            let rest = room.checked_sub(punctuation(name));
            room = rest.unwrap_or(room);
            rest.is_some()
        })
        .count();
    if fitting == 0 {
        return Text::EMPTY;
    }
    let share = room / fitting;
    let members: Vec<String> = names
        .iter()
        .zip(members)
        .take(fitting)
        .map(|(name, (_, value))| format!("{name}: {}", quoted(value, share)))
        .collect();
    Text::new(format!("{{{}}}", members.join(", ")).as_bytes())
}

/// The text as a string of JSON, in ASCII, of which at most `room` bytes are between the quotes.
/// A byte that is not UTF-8 is the character of Latin-1 with its code.
fn quoted(text: &[u8], room: usize) -> String {
    let mut quoted = String::from('"');
    for chunk in text.utf8_chunks() {
        let invalid = chunk.invalid().iter().map(|&byte| char::from(byte));
        for c in chunk.valid().chars().chain(invalid) {
            let length = quoted.len();
            push_char(&mut quoted, c);
            if quoted.len() - 1 > room {
                quoted.truncate(length);
                quoted.push('"');
                return quoted;
            }
        }
    }
    quoted.push('"');
    quoted
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
