//! Logons that were refused (rule A7): what is noted of one, what is counted together,
//! and when it is written to the log. Where the notes are kept, and who writes them, is
//! in `pg/refusals.rs`.
//!
//! What is noted comes from strangers, who may try any number of names. So there is room
//! for [`PLACES`] different refusals in each of [`SETS`] sets, and a client's address
//! decides in which set its refusals are: one host cannot fill the others. A few places of
//! each set are kept for refusals without their role, and without a database that is not known
//! to have a log, so that nobody can hide an attempt behind many others. What finds no place is
//! only counted.
//!
//! Times are in microseconds since 2000.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;

/// For how long what is the same is counted, before it is written.
pub const WINDOW: i64 = 60 * 1_000_000;

/// How often a refusal is tried to be written to the log of its database, once in a window.
/// Whoever owns a database can have that fail for ever, and her refusals would take the places
/// of others.
const TRIES: u8 = 3;

/// How many sets there are.
pub const SETS: usize = 16;

/// How many different refusals a set has room for.
pub const PLACES: usize = 64;

/// How many of these places are for what has no place with its names.
const NAMELESS: usize = 8;

/// SQLSTATE 57P03, with which a server that starts or shuts down sends everybody away. It
/// has not asked who they are.
const CANNOT_CONNECT_NOW: &[u8] = b"57P03";

/// Whether an error with this SQLSTATE, which ended a connection before its logon was
/// complete, is a refusal.
pub fn is_refusal(sqlstate: &[u8]) -> bool {
    sqlstate != CANNOT_CONNECT_NOW
}

/// A text of at most `N` bytes, in place, since it is shared by processes. `N` is below
/// 256. What is longer is cut, between characters if it is UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<const N: usize> {
    length: u8,
    bytes: [u8; N],
}

impl<const N: usize> Text<N> {
    const EMPTY: Text<N> = Text {
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
            length: length as u8,
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

/// A refused logon. The columns of the log that this lacks are NULL in its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// When it was refused.
    pub at: i64,
    /// When the process started, in seconds since 1970, and its number, which make the
    /// identifier of the session.
    pub process: Option<(i64, i32)>,
    /// The role, as the client gave it.
    pub login_user: Text<63>,
    /// The database, as the client gave it.
    pub database: Text<63>,
    /// By which method the client had to authenticate, as far as that was known.
    pub auth_method: Text<15>,
    /// The identity, if the client did authenticate.
    pub system_identity: Text<127>,
    /// `None` over a Unix socket.
    pub client_addr: Option<IpAddr>,
    /// `None` over a Unix socket.
    pub client_port: Option<i32>,
    /// The program, as the client gave it.
    pub application_name: Text<63>,
    /// The version of TLS, or `GSS`.
    pub encryption: Text<7>,
    /// The SQLSTATE of the error.
    pub sqlstate: Text<5>,
}

/// The same in each process of a server, and not to be guessed: with it, a client could
/// choose addresses whose refusals are all in one set.
#[derive(Clone, Copy, Debug)]
pub struct Seed(pub u64);

impl Refusal {
    const EMPTY: Refusal = Refusal {
        at: 0,
        process: None,
        login_user: Text::EMPTY,
        database: Text::EMPTY,
        auth_method: Text::EMPTY,
        system_identity: Text::EMPTY,
        client_addr: None,
        client_port: None,
        application_name: Text::EMPTY,
        encryption: Text::EMPTY,
        sqlstate: Text::EMPTY,
    };

    /// The key of this refusal: what has the same is counted together.
    pub fn key(&self, seed: Seed) -> Key {
        Key(hash(
            seed,
            &(
                self.login_user.bytes(),
                self.database.bytes(),
                self.client_addr,
                self.sqlstate.bytes(),
            ),
        )
        .max(1))
    }

    /// The same without the names that a stranger can choose at will. The one of a database
    /// that has a log is kept, since that is where it is recorded.
    fn without_names(&self, is_audited: bool) -> Refusal {
        Refusal {
            login_user: Text::EMPTY,
            database: if is_audited {
                self.database
            } else {
                Text::EMPTY
            },
            system_identity: Text::EMPTY,
            application_name: Text::EMPTY,
            ..*self
        }
    }

    /// In which of the sets this refusal is. Who has one IPv6 address mostly has all that
    /// have the same first 64 bits.
    pub fn set(&self, seed: Seed) -> usize {
        let network = match self.client_addr {
            Some(IpAddr::V4(address)) => u64::from(address.to_bits()),
            Some(IpAddr::V6(address)) => (address.to_bits() >> 64) as u64,
            None => u64::MAX,
        };
        (hash(seed, &network) % SETS as u64) as usize
    }
}

/// What stands in shared memory for the name of a database that is known to have a log.
pub fn database_key(name: &[u8], seed: Seed) -> Key {
    Key(hash(seed, &Text::<63>::new(name).bytes()).max(1))
}

fn hash(seed: Seed, value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    seed.0.hash(&mut hasher);
    value.hash(&mut hasher);
    hasher.finish()
}

/// Stands for the role, database, address and SQLSTATE of refusals, or for the name of a
/// database. It is not 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(u64);

impl Key {
    /// No refusal has this one.
    const FREE: Key = Key(0);

    /// The number that it is.
    pub fn number(self) -> u64 {
        self.0
    }
}

/// The database to whose log refusals go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// Nobody has looked yet.
    Unknown,
    /// The one with this OID.
    Database(u32),
    /// The client's database does not exist, or has no log.
    Nowhere,
}

/// Refusals that are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// What is the same.
    pub key: Key,
    /// How many there were.
    pub count: u32,
    /// Where they go.
    pub home: Home,
    /// Whether they are counted without their roles, and perhaps without their databases.
    pub is_nameless: bool,
    /// How often they could not be written there.
    failures: u8,
    /// The first of them.
    pub first: Refusal,
}

impl Counted {
    /// Whether their home is not to be tried again.
    pub fn is_given_up(&self) -> bool {
        self.failures >= TRIES
    }
}

/// Refusals that wait for being written, of the addresses of one set.
#[derive(Debug)]
pub struct Set {
    places: [Counted; PLACES],
}

impl Set {
    /// No refusals.
    pub const EMPTY: Set = Set {
        places: [Counted {
            key: Key::FREE,
            count: 0,
            home: Home::Unknown,
            is_nameless: false,
            failures: 0,
            first: Refusal::EMPTY,
        }; PLACES],
    };

    /// Counts a refusal, without its names if there is no place for these. `is_audited` says
    /// whether its database is known to have a log. Returns false if there is no place for it
    /// at all.
    #[must_use]
    pub fn note(&mut self, refusal: &Refusal, is_audited: bool, seed: Seed) -> bool {
        let nameless = refusal.without_names(is_audited);
        self.count(refusal, false, seed) || self.count(&nameless, true, seed)
    }

    /// Counts a refusal. The last places are only for new ones without names.
    fn count(&mut self, refusal: &Refusal, is_nameless: bool, seed: Seed) -> bool {
        let key = refusal.key(seed);
        if let Some(known) = self.places.iter_mut().find(|place| place.key == key) {
            known.count = known.count.saturating_add(1);
            known.is_nameless |= is_nameless;
            return true;
        }
        let places = match is_nameless {
            true => PLACES,
            false => PLACES - NAMELESS,
        };
        let Some(free) = self.places[..places]
            .iter_mut()
            .find(|place| place.key == Key::FREE)
        else {
            return false;
        };
        *free = Counted {
            key,
            count: 1,
            home: Home::Unknown,
            is_nameless,
            failures: 0,
            first: *refusal,
        };
        true
    }

    /// What waits.
    pub fn waiting(&self) -> impl Iterator<Item = &Counted> {
        self.places.iter().filter(|place| place.key != Key::FREE)
    }

    /// Gives all that waits another home, which may depend on its present one.
    pub fn move_to(&mut self, home: impl Fn(&Counted) -> Home) {
        for place in &mut self.places {
            if place.key != Key::FREE {
                place.home = home(place);
            }
        }
    }

    /// Notes that what has this home could not be written.
    pub fn note_failure(&mut self, home: Home) {
        for place in &mut self.places {
            if place.key != Key::FREE && place.home == home {
                place.failures = place.failures.saturating_add(1);
            }
        }
    }

    /// Removes what has been written, or cannot be. What was counted since is left, and is
    /// from `now`; which session the first of these was is not known.
    pub fn remove(&mut self, written: &Counted, now: i64) {
        let Some(place) = self
            .places
            .iter_mut()
            .find(|place| place.key == written.key)
        else {
            return;
        };
        place.count = place.count.saturating_sub(written.count);
        place.failures = 0;
        place.first = Refusal {
            at: now,
            process: None,
            client_port: None,
            ..place.first
        };
        if place.count == 0 {
            place.key = Key::FREE;
        }
    }
}

/// Whether what waits is to be written, when that is planned for a time, by a window at
/// most ahead.
pub fn is_due(planned: i64, now: i64) -> bool {
    // If the clock was set back, the time would not come soon.
    now >= planned || planned - now > WINDOW
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    const SEED: Seed = Seed(7);

    fn refusal(user: &str) -> Refusal {
        Refusal {
            at: 5,
            login_user: Text::new(user.as_bytes()),
            database: Text::new(b"app"),
            sqlstate: Text::new(b"28P01"),
            client_addr: Some(Ipv4Addr::new(192, 0, 2, 1).into()),
            ..Refusal::EMPTY
        }
    }

    fn note(set: &mut Set, refusal: &Refusal) -> bool {
        set.note(refusal, refusal.database.bytes() == b"audited", SEED)
    }

    fn counts(set: &Set) -> Vec<u32> {
        set.waiting().map(|counted| counted.count).collect()
    }

    /// Rule A7: the same role, database, address and SQLSTATE is the same.
    #[test]
    fn what_is_the_same_is_counted() {
        let one = refusal("alice");
        let later = Refusal {
            at: 9,
            process: Some((1, 2)),
            client_port: Some(5),
            application_name: Text::new(b"x"),
            ..one
        };
        let others = [
            refusal("bob"),
            Refusal {
                database: Text::new(b"other"),
                ..one
            },
            Refusal {
                sqlstate: Text::new(b"28000"),
                ..one
            },
            Refusal {
                client_addr: None,
                ..one
            },
        ];
        let mut set = Set::EMPTY;
        assert!(note(&mut set, &one) && note(&mut set, &later));
        assert_eq!(counts(&set), [2]);
        assert_eq!(set.waiting().next().map(|counted| counted.first), Some(one));
        assert!(others.iter().all(|other| note(&mut set, other)));
        assert_eq!(counts(&set), [2, 1, 1, 1, 1]);
    }

    /// Rule A7: bounded, and no attempt is hidden behind others.
    #[test]
    fn a_full_set_counts_without_names() {
        let mut set = Set::EMPTY;
        for number in 0..1000 {
            assert!(note(&mut set, &refusal(&number.to_string())));
        }
        assert!(note(&mut set, &refusal("3")));
        assert_eq!(set.waiting().count(), PLACES - NAMELESS + 1);
        let nameless: Vec<_> = set
            .waiting()
            .filter(|counted| counted.first.login_user.bytes().is_empty())
            .map(|counted| counted.count)
            .collect();
        assert_eq!(nameless, [1000 - (PLACES - NAMELESS) as u32]);
        // Where there is a log, that of its database is counted apart.
        let audited = Refusal {
            database: Text::new(b"audited"),
            ..refusal("alice")
        };
        let mut other = Set::EMPTY;
        for number in 0..1000 {
            assert!(note(&mut other, &refusal(&number.to_string())));
        }
        assert!(note(&mut other, &audited) && note(&mut other, &audited));
        let nameless: Vec<_> = other
            .waiting()
            .filter(|counted| counted.is_nameless)
            .map(|counted| (counted.first.database.bytes(), counted.count))
            .collect();
        assert_eq!(
            nameless,
            [
                (&b""[..], 1000 - (PLACES - NAMELESS) as u32),
                (b"audited", 2)
            ]
        );
        // Who sends no name at all is not one of those.
        let mut other = Set::EMPTY;
        assert!(note(&mut other, &Refusal::EMPTY));
        assert_eq!(other.waiting().filter(|one| one.is_nameless).count(), 0);
        // Other databases are no way around that, but other addresses fill it.
        let with = |last| Refusal {
            client_addr: Some(Ipv4Addr::new(192, 0, 2, last).into()),
            database: Text::new(b"other"),
            ..refusal("alice")
        };
        assert!(note(&mut set, &with(1)));
        assert_eq!(set.waiting().count(), PLACES - NAMELESS + 1);
        assert!((2..=NAMELESS as u8).all(|last| note(&mut set, &with(last))));
        assert!(!note(&mut set, &with(200)));
    }

    /// Rule A7: a name is cut as in a refusal.
    #[test]
    fn databases_have_keys() {
        let long = [b'x'; 70];
        assert_eq!(database_key(b"a", SEED), database_key(b"a", SEED));
        assert_ne!(database_key(b"a", SEED), database_key(b"b", SEED));
        assert_ne!(database_key(b"a", SEED), database_key(b"a", Seed(8)));
        assert_eq!(database_key(&long, SEED), database_key(&long[..63], SEED));
    }

    /// Rule A7: what is counted while the rest is written is not lost.
    #[test]
    fn what_comes_while_rows_are_written_stays() {
        let mut set = Set::EMPTY;
        assert!(note(&mut set, &refusal("alice")) && note(&mut set, &refusal("bob")));
        let written: Vec<Counted> = set.waiting().copied().collect();
        assert!(note(&mut set, &refusal("bob")));
        written.iter().for_each(|counted| set.remove(counted, 77));
        let left: Vec<_> = set
            .waiting()
            .map(|left| (left.count, left.first.at))
            .collect();
        assert_eq!(left, [(1, 77)]);
        written.iter().for_each(|counted| set.remove(counted, 78));
        assert_eq!(set.waiting().count(), 0);
    }

    /// Rule A7: what has a home moves, and what comes meanwhile has none yet.
    #[test]
    fn what_waits_moves() {
        let mut set = Set::EMPTY;
        let other = Refusal {
            database: Text::new(b"other"),
            ..refusal("alice")
        };
        assert!(note(&mut set, &refusal("alice")) && note(&mut set, &other));
        set.move_to(|counted| match counted.first.database.bytes() {
            b"app" => Home::Database(5),
            _ => Home::Nowhere,
        });
        assert!(note(&mut set, &refusal("bob")));
        set.move_to(|counted| match counted.home {
            Home::Nowhere => Home::Database(6),
            home => home,
        });
        let homes: Vec<Home> = set.waiting().map(|counted| counted.home).collect();
        assert_eq!(homes, [Home::Database(5), Home::Database(6), Home::Unknown]);
    }

    /// Rule A7: nobody can have the refusals of others wait for ever.
    #[test]
    fn tries_end() {
        let mut set = Set::EMPTY;
        let home = Home::Database(5);
        let given_up =
            |set: &Set| -> Vec<bool> { set.waiting().map(Counted::is_given_up).collect() };
        assert!(note(&mut set, &refusal("alice")));
        set.move_to(|_| home);
        for _ in 1..TRIES {
            set.note_failure(home);
            set.note_failure(Home::Database(6));
        }
        assert_eq!(given_up(&set), [false]);
        assert!(note(&mut set, &refusal("bob")));
        set.move_to(|_| home);
        set.note_failure(home);
        assert_eq!(given_up(&set), [true, false]);
        // What is counted after it was written has tries of its own.
        let written = *set.waiting().next().unwrap();
        assert!(note(&mut set, &refusal("alice")));
        set.remove(&written, 0);
        assert_eq!(given_up(&set), [false, false]);
    }

    /// Rule A7: a host has one set, also with all the IPv6 addresses of its network.
    #[test]
    fn an_address_has_one_set() {
        let with = |address: IpAddr| Refusal {
            client_addr: Some(address),
            ..refusal("alice")
        };
        let v6 = |last| with(Ipv6Addr::new(0x2001, 0xdb8, 1, 2, 0, 0, 0, last).into()).set(SEED);
        assert!((0..1000).all(|last| v6(last) == v6(0)));
        let used = (0..=255u8)
            .map(|last| with(Ipv4Addr::new(192, 0, 2, last).into()).set(SEED))
            .collect::<std::collections::BTreeSet<_>>();
        assert_eq!(used.len(), SETS);
    }

    /// Rule A7.
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
        /// Rule A7: whatever a stranger sends, it is short, and valid if it was.
        #[test]
        fn any_text_is_cut(text in proptest::collection::vec(any::<u8>(), 0..100), string in "\\PC{0,40}") {
            let cut = Text::<15>::new(&text);
            prop_assert!(cut.bytes().len() <= 15 && text.starts_with(cut.bytes()));
            prop_assert!(cut.bytes().len() == text.len() || cut.bytes().len() >= 12);
            let cut = Text::<15>::new(string.as_bytes());
            prop_assert!(std::str::from_utf8(cut.bytes()).is_ok());
        }
    }

    /// Rule A7: within a minute, and also if the clock is set back.
    #[test]
    fn rows_are_due_after_a_minute() {
        let planned = 1000 * WINDOW;
        let table = [
            (planned - WINDOW - 1, true),
            (planned - WINDOW, false),
            (planned - 1, false),
            (planned, true),
        ];
        for (now, due) in table {
            assert_eq!(is_due(planned, now), due, "{now}");
        }
    }
}
