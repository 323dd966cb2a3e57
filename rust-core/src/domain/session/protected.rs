//! The value of `session_triggers.protected_settings` (rule K1): the names of settings that only
//! superusers set.
//!
//! It is a list, separated by commas, of names with a dot, as the server accepts them for
//! settings that no code of its own defines. Upper and lower case are the same, in ASCII.

use crate::domain::list::{self, Explain};
use std::ffi::CStr;

/// How many settings can be listed. A session looks for each of them in the list.
pub const MAX_NAMES: usize = 64;

/// How long a name can be: as long as two identifiers with a dot between them.
pub const MAX_NAME: usize = 127;

/// The prefixes of the settings that these patches add.
const OWN: [&[u8]; 2] = [b"session_triggers", b"session_audit"];

/// What is wrong with an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There is nothing between two commas, or after the last one.
    Empty,
    /// It has no dot.
    Builtin,
    /// It is a setting of session triggers or of the session audit.
    Own,
    /// The server does not accept the name.
    Invalid,
    /// The name has more bytes than [`MAX_NAME`].
    Long,
    /// There are [`MAX_NAMES`] before it.
    Many,
}

impl Explain for Reason {
    fn text(self) -> &'static CStr {
        match self {
            Reason::Empty => c"an item is missing",
            Reason::Builtin => c"only a setting with a dot in its name can be protected",
            Reason::Own => {
                c"a setting of session triggers or of the session audit cannot be listed"
            }
            Reason::Invalid => c"this is not the name of a setting",
            Reason::Long => c"the name has more than 127 bytes",
            Reason::Many => c"at most 64 settings can be protected",
        }
    }
}

/// An item that is wrong.
pub type Fault<'a> = list::Fault<'a, Reason>;

/// The names in the list, or what is wrong with them.
pub fn names(value: &[u8]) -> impl Iterator<Item = Result<&[u8], Fault<'_>>> {
    list::items(value)
        .enumerate()
        .map(|(index, (offset, item))| match check_item(index, item) {
            Ok(()) => Ok(item),
            Err(reason) => Err(Fault {
                item,
                offset,
                reason,
            }),
        })
}

/// The first item that is wrong, if there is one; then the value must not be set.
pub fn check(value: &[u8]) -> Result<(), Fault<'_>> {
    names(value).try_for_each(|name| name.map(|_| ()))
}

/// The name at or after this place of a valid list, and the place after it.
pub fn next(value: &[u8], place: usize) -> Option<(&[u8], usize)> {
    let (offset, name) = list::items(value.get(place..)?).next()?;
    // A comma follows, or nothing.
    Some((
        name,
        place + offset + name.len() + end(&value[place + offset + name.len()..]),
    ))
}

/// How many bytes there are up to the next item.
fn end(rest: &[u8]) -> usize {
    rest.iter()
        .position(|&byte| byte == b',')
        .map_or(rest.len(), |comma| comma + 1)
}

fn check_item(index: usize, item: &[u8]) -> Result<(), Reason> {
    if item.is_empty() {
        return Err(Reason::Empty);
    }
    if index >= MAX_NAMES {
        return Err(Reason::Many);
    }
    if item.len() > MAX_NAME {
        return Err(Reason::Long);
    }
    if !item.split(|&byte| byte == b'.').all(is_identifier) {
        return Err(Reason::Invalid);
    }
    match item.iter().position(|&byte| byte == b'.') {
        None => Err(Reason::Builtin),
        Some(dot) if OWN.iter().any(|own| own.eq_ignore_ascii_case(&item[..dot])) => {
            Err(Reason::Own)
        }
        Some(_) => Ok(()),
    }
}

/// Whether this can be a part of a name, between dots.
fn is_identifier(part: &[u8]) -> bool {
    let begins = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || !byte.is_ascii();
    part.iter()
        .enumerate()
        .all(|(index, &byte)| begins(byte) || index > 0 && (byte.is_ascii_digit() || byte == b'$'))
        && !part.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(list: &[u8]) -> Vec<&[u8]> {
        let mut found = Vec::new();
        let mut place = 0;
        while let Some((name, after)) = next(list, place) {
            found.push(name);
            assert!(after > place);
            place = after;
        }
        found
    }

    /// Rule K1.
    #[test]
    fn which_settings_are_protected() {
        let table: [(&str, &[&str]); 6] = [
            ("", &[]),
            (" \t\n", &[]),
            ("app.tenant", &["app.tenant"]),
            (
                "app.tenant,App.User , _x.y1.z$\n",
                &["app.tenant", "App.User", "_x.y1.z$"],
            ),
            ("caf\u{e9}.\u{fc}ber", &["caf\u{e9}.\u{fc}ber"]),
            // Two dots, and a prefix that only begins like one of ours.
            ("session_audits.x,a.b.c", &["session_audits.x", "a.b.c"]),
        ];
        for (list, expected) in table {
            assert_eq!(check(list.as_bytes()), Ok(()), "{list:?}");
            let expected: Vec<&[u8]> = expected.iter().map(|name| name.as_bytes()).collect();
            assert_eq!(all(list.as_bytes()), expected, "{list:?}");
        }
    }

    /// Rule K1: nothing is guessed. `§` marks where the item begins that is wrong.
    #[test]
    fn wrong_names_are_refused() {
        let long = format!("a.b,§{}.x", "n".repeat(MAX_NAME - 1));
        let many = format!("{}§z.z", "a.b,".repeat(MAX_NAMES));
        let table = [
            ("§,", Reason::Empty),
            ("a.b,§", Reason::Empty),
            ("a.b, §,c.d", Reason::Empty),
            ("a.b, §work_mem", Reason::Builtin),
            ("§role", Reason::Builtin),
            ("§Session_Triggers.enabled", Reason::Own),
            ("a.b ,§session_audit.x", Reason::Own),
            ("§app.", Reason::Invalid),
            ("§.app", Reason::Invalid),
            ("§a..b", Reason::Invalid),
            ("§a.1b", Reason::Invalid),
            ("§1a.b", Reason::Invalid),
            ("§a.$b", Reason::Invalid),
            ("§a b.c", Reason::Invalid),
            ("§a. b", Reason::Invalid),
            ("§\"a.b\"", Reason::Invalid),
            ("§a.b;c.d", Reason::Invalid),
            ("§a-b.c", Reason::Invalid),
            ("§*", Reason::Invalid),
            (&long, Reason::Long),
            (&many, Reason::Many),
        ];
        for (marked, reason) in table {
            let offset = marked.find('§').unwrap();
            let list = marked.replacen('§', "", 1);
            let fault = check(list.as_bytes()).unwrap_err();
            assert_eq!((fault.offset, fault.reason), (offset, reason), "{marked:?}");
        }
        assert_eq!(
            check("a.b,".repeat(MAX_NAMES).trim_end_matches(',').as_bytes()),
            Ok(())
        );
        assert_eq!(
            check(format!("{}.x", "n".repeat(MAX_NAME - 2)).as_bytes()),
            Ok(())
        );
    }

    proptest! {
        /// Rule K1: what is accepted has the names that are accepted, one after the other.
        #[test]
        fn any_list_is_read(list in proptest::collection::vec(
            proptest::sample::select(b"a.,, $1\xc3\xa9".to_vec()), 0..40))
        {
            match check(&list) {
                Ok(()) => {
                    let expected: Vec<&[u8]> = names(&list).map(Result::unwrap).collect();
                    prop_assert!(expected.len() <= MAX_NAMES);
                    prop_assert_eq!(all(&list), expected);
                }
                Err(fault) => prop_assert!(list[fault.offset..].starts_with(fault.item)),
            }
        }
    }
}
