//! Logons that were refused (rule A7): what is noted of one, what is counted together,
//! and when it is written to the log. Where the notes are kept, and who writes them, is
//! in `pg/audit/refusals.rs`.
//!
//! What is noted comes from strangers, who may try any number of names. So there is room
//! for [`SLOTS`] different refusals in each of [`BUCKETS`] buckets, and a client's address
//! decides in which bucket its refusals are: one host cannot fill the others.
//!
//! Nobody can hide an attempt behind many others. What finds no slot among the refusals
//! with names is counted without its role, and without a database that is not known to have
//! a log. For that there are slots of their own for each [`Class`] of refusals, so that a
//! wrong password is seen as one whatever else the same client sends; and the last of these
//! is for all addresses that find no other.
//!
//! Times are in microseconds since 2000.

use super::text::Text;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::ops::Range;

/// For how long what is the same is counted, before it is written.
pub const WINDOW: i64 = 60 * 1_000_000;

/// How often a refusal is tried to be written to the log of its database, once in a window.
/// Whoever owns a database can have that fail for ever, and her refusals would take the slots
/// of others.
const TRIES: u8 = 3;

/// How many buckets there are.
pub const BUCKETS: usize = 16;

/// How many different refusals a bucket has room for with their names.
const NAMED: usize = 56;

/// How many different refusals of a class a bucket has room for without their names. One of
/// these slots is for those of all addresses.
const ANONYMOUS: usize = 6;

/// How many slots a bucket has.
pub const SLOTS: usize = NAMED + Class::NUMBER * ANONYMOUS;

/// Why a client is refused, as far as this must not be hidden behind other reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// The password is wrong.
    Password,
    /// The client is not who it says, or may not log on as that.
    Identity,
    /// Anything else, for which a client need not know anything.
    Other,
}

impl Class {
    const NUMBER: usize = 3;

    fn of(sqlstate: &[u8]) -> Class {
        match sqlstate {
            b"28P01" => Class::Password,
            b"28000" => Class::Identity,
            _ => Class::Other,
        }
    }

    /// The slots for refusals of this class without their names.
    fn slots(self) -> Range<usize> {
        let start = NAMED + self as usize * ANONYMOUS;
        start..start + ANONYMOUS
    }
}

/// SQLSTATE 57P03, with which a server that starts or shuts down sends everybody away. It
/// has not asked who they are.
const CANNOT_CONNECT_NOW: &[u8] = b"57P03";

/// Whether an error with this SQLSTATE, which ended a connection before its logon was
/// complete, is a refusal.
pub fn is_refusal(sqlstate: &[u8]) -> bool {
    sqlstate != CANNOT_CONNECT_NOW
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
/// choose addresses whose refusals are all in one bucket.
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

    /// The key of this refusal among those of the slots from `start` on: what has the same
    /// is counted together.
    fn key(&self, start: usize, seed: Seed) -> Key {
        Key(hash(
            seed,
            &(
                start,
                self.login_user.bytes(),
                self.database.bytes(),
                self.client_addr,
                self.sqlstate.bytes(),
            ),
        )
        .max(1))
    }

    /// The same without the names that a stranger can choose at will, and without what a
    /// stranger can provoke at will. The name of a database that has a log is kept, since
    /// that is where it is recorded.
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
            sqlstate: match self.class() {
                Class::Other => Text::EMPTY,
                Class::Password | Class::Identity => self.sqlstate,
            },
            ..*self
        }
    }

    /// What all refusals of its class have in common.
    fn of_class(&self) -> Refusal {
        Refusal {
            at: self.at,
            sqlstate: self.without_names(false).sqlstate,
            ..Refusal::EMPTY
        }
    }

    fn class(&self) -> Class {
        Class::of(self.sqlstate.bytes())
    }

    /// In which of the buckets this refusal is. Who has one IPv6 address mostly has all that
    /// have the same first 64 bits.
    pub fn bucket(&self, seed: Seed) -> usize {
        let network = match self.client_addr {
            Some(IpAddr::V4(address)) => u64::from(address.to_bits()),
            Some(IpAddr::V6(address)) => (address.to_bits() >> 64) as u64,
            None => u64::MAX,
        };
        (hash(seed, &network) % BUCKETS as u64) as usize
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
pub enum Destination {
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
    pub destination: Destination,
    /// Whether they are counted without their roles, and perhaps without their databases.
    pub is_anonymous: bool,
    /// The number of the bucket that they are in.
    pub bucket: u8,
    /// How often they could not be written there.
    failures: u8,
    /// The first of them.
    pub first: Refusal,
}

impl Counted {
    /// Whether their destination is not to be tried again.
    pub fn is_given_up(&self) -> bool {
        self.failures >= TRIES
    }
}

/// Refusals that wait for being written, of the addresses of one bucket.
#[derive(Debug)]
pub struct Bucket {
    slots: [Counted; SLOTS],
}

impl Bucket {
    /// No refusals, in the bucket with that number.
    pub const fn empty(number: u8) -> Bucket {
        Bucket {
            slots: [Counted {
                key: Key::FREE,
                count: 0,
                destination: Destination::Unknown,
                is_anonymous: false,
                bucket: number,
                failures: 0,
                first: Refusal::EMPTY,
            }; SLOTS],
        }
    }

    /// Counts a refusal, without its names if there is no slot for these. `is_audited` says
    /// whether its database is known to have a log.
    pub fn note(&mut self, refusal: &Refusal, is_audited: bool, seed: Seed) {
        let anonymous = refusal.without_names(is_audited);
        let Range { start, end } = refusal.class().slots();
        let _ = self.count(refusal, 0..NAMED, seed)
            || self.count(&anonymous, start..end - 1, seed)
            || self.count(&refusal.of_class(), end - 1..end, seed);
    }

    /// Counts a refusal, for which one of these slots can be used. Returns false if they
    /// are taken by others.
    fn count(&mut self, refusal: &Refusal, slots: Range<usize>, seed: Seed) -> bool {
        let key = refusal.key(slots.start, seed);
        let is_anonymous = slots.start >= NAMED;
        let slots = &mut self.slots[slots];
        if let Some(known) = slots.iter_mut().find(|slot| slot.key == key) {
            known.count = known.count.saturating_add(1);
            return true;
        }
        let Some(free) = slots.iter_mut().find(|slot| slot.key == Key::FREE) else {
            return false;
        };
        *free = Counted {
            key,
            count: 1,
            destination: Destination::Unknown,
            is_anonymous,
            failures: 0,
            first: *refusal,
            ..*free
        };
        true
    }

    /// Moves all that waits to the end of `taken`.
    pub fn take(&mut self, taken: &mut Vec<Counted>) {
        taken.extend(self.waiting());
        for slot in &mut self.slots {
            slot.key = Key::FREE;
        }
    }

    /// What waits.
    pub fn waiting(&self) -> impl Iterator<Item = &Counted> {
        self.slots.iter().filter(|slot| slot.key != Key::FREE)
    }

    /// Gives all that waits another destination, which may depend on its present one.
    pub fn move_to(&mut self, destination: impl Fn(&Counted) -> Destination) {
        for slot in &mut self.slots {
            if slot.key != Key::FREE {
                slot.destination = destination(slot);
            }
        }
    }

    /// Notes that what has this destination could not be written.
    pub fn note_failure(&mut self, destination: Destination) {
        for slot in &mut self.slots {
            if slot.key != Key::FREE && slot.destination == destination {
                slot.failures = slot.failures.saturating_add(1);
            }
        }
    }

    /// Removes what has been written, or cannot be. What was counted since is left, and is
    /// from `now`; which session the first of these was is not known.
    pub fn remove(&mut self, written: &Counted, now: i64) {
        let Some(slot) = self.slots.iter_mut().find(|slot| slot.key == written.key) else {
            return;
        };
        slot.count = slot.count.saturating_sub(written.count);
        slot.failures = 0;
        slot.first = Refusal {
            at: now,
            process: None,
            client_port: None,
            ..slot.first
        };
        if slot.count == 0 {
            slot.key = Key::FREE;
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

    fn note(bucket: &mut Bucket, refusal: &Refusal) {
        bucket.note(refusal, refusal.database.bytes() == b"audited", SEED);
    }

    /// What is counted without names: SQLSTATE, database, whether it has an address, count.
    fn anonymous(bucket: &Bucket) -> Vec<(&[u8], &[u8], bool, u32)> {
        bucket
            .waiting()
            .filter(|counted| counted.is_anonymous)
            .map(|counted| {
                let first = &counted.first;
                let known = first.client_addr.is_some();
                assert!(first.login_user.bytes().is_empty());
                (
                    first.sqlstate.bytes(),
                    first.database.bytes(),
                    known,
                    counted.count,
                )
            })
            .collect()
    }

    fn counts(bucket: &Bucket) -> Vec<u32> {
        bucket.waiting().map(|counted| counted.count).collect()
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
        let mut bucket = Bucket::empty(0);
        note(&mut bucket, &one);
        note(&mut bucket, &later);
        assert_eq!(counts(&bucket), [2]);
        assert_eq!(
            bucket.waiting().next().map(|counted| counted.first),
            Some(one)
        );
        others.iter().for_each(|other| note(&mut bucket, other));
        assert_eq!(counts(&bucket), [2, 1, 1, 1, 1]);
    }

    /// Rule A7: bounded, and no attempt is hidden behind others.
    #[test]
    fn a_full_set_counts_without_names() {
        let mut bucket = Bucket::empty(0);
        for number in 0..1000 {
            note(&mut bucket, &refusal(&number.to_string()));
        }
        note(&mut bucket, &refusal("3"));
        assert_eq!(bucket.waiting().count(), NAMED + 1);
        let rest = 1000 - NAMED as u32;
        assert_eq!(anonymous(&bucket), [(&b"28P01"[..], &b""[..], true, rest)]);
        // Where there is a log, that of its database is counted apart.
        let audited = Refusal {
            database: Text::new(b"audited"),
            ..refusal("alice")
        };
        note(&mut bucket, &audited);
        note(&mut bucket, &audited);
        assert_eq!(
            anonymous(&bucket)[1],
            (&b"28P01"[..], &b"audited"[..], true, 2)
        );
        // Other databases are no way around that.
        note(
            &mut bucket,
            &Refusal {
                database: Text::new(b"other"),
                ..refusal("alice")
            },
        );
        assert_eq!(bucket.waiting().count(), NAMED + 2);
        // Who sends no name at all is not one of those.
        let mut other = Bucket::empty(0);
        note(&mut other, &Refusal::EMPTY);
        assert_eq!(anonymous(&other), []);
    }

    /// Rule A7: a wrong password of an address is seen as one, whatever else it sends.
    #[test]
    fn no_mix_hides_a_wrong_password() {
        let mut bucket = Bucket::empty(0);
        let codes: [&[u8]; 4] = [b"08P01", b"0A000", b"22023", b"28000"];
        for number in 0..1000 {
            note(
                &mut bucket,
                &Refusal {
                    database: Text::new([&b"audited"[..], b"x"][number % 2]),
                    sqlstate: Text::new(codes[number / 2 % codes.len()]),
                    ..refusal(&number.to_string())
                },
            );
        }
        (0..10).for_each(|_| note(&mut bucket, &refusal("alice")));
        assert!(anonymous(&bucket).contains(&(b"28P01", b"", true, 10)));
        let rest: u32 = anonymous(&bucket).iter().map(|one| one.3).sum();
        assert_eq!(rest, 1010 - NAMED as u32);
        assert_eq!(anonymous(&bucket).len(), 5);
    }

    /// Rule A7: many addresses have one slot together, for each class.
    #[test]
    fn what_finds_no_place_is_counted_for_all_addresses() {
        let mut bucket = Bucket::empty(0);
        for number in 0..1000u32 {
            note(
                &mut bucket,
                &Refusal {
                    client_addr: Some(Ipv4Addr::from(number).into()),
                    ..refusal("alice")
                },
            );
        }
        let last = 1000 - NAMED as u32 - (ANONYMOUS as u32 - 1);
        assert_eq!(bucket.waiting().count(), NAMED + ANONYMOUS);
        assert_eq!(
            anonymous(&bucket).last(),
            Some(&(&b"28P01"[..], &b""[..], false, last))
        );
        note(
            &mut bucket,
            &Refusal {
                sqlstate: Text::new(b"08P01"),
                ..refusal("alice")
            },
        );
        assert_eq!(
            anonymous(&bucket).last(),
            Some(&(&b""[..], &b""[..], true, 1))
        );
    }

    /// Rule A7: what is taken does not wait any more, and is known by its bucket.
    #[test]
    fn all_that_waits_is_taken() {
        let mut bucket = Bucket::empty(5);
        let mut taken = Vec::new();
        note(&mut bucket, &refusal("alice"));
        note(&mut bucket, &refusal("alice"));
        bucket.take(&mut taken);
        assert_eq!((taken.len(), taken[0].count, taken[0].bucket), (1, 2, 5));
        assert_eq!(bucket.waiting().count(), 0);
        note(&mut bucket, &refusal("alice"));
        assert_eq!(counts(&bucket), [1]);
        assert_eq!(
            bucket.waiting().next().map(|counted| counted.bucket),
            Some(5)
        );
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
        let mut bucket = Bucket::empty(0);
        note(&mut bucket, &refusal("alice"));
        note(&mut bucket, &refusal("bob"));
        let written: Vec<Counted> = bucket.waiting().copied().collect();
        note(&mut bucket, &refusal("bob"));
        written
            .iter()
            .for_each(|counted| bucket.remove(counted, 77));
        let left: Vec<_> = bucket
            .waiting()
            .map(|left| (left.count, left.first.at))
            .collect();
        assert_eq!(left, [(1, 77)]);
        written
            .iter()
            .for_each(|counted| bucket.remove(counted, 78));
        assert_eq!(bucket.waiting().count(), 0);
    }

    /// Rule A7: what has a destination moves, and what comes meanwhile has none yet.
    #[test]
    fn what_waits_moves() {
        let mut bucket = Bucket::empty(0);
        let other = Refusal {
            database: Text::new(b"other"),
            ..refusal("alice")
        };
        note(&mut bucket, &refusal("alice"));
        note(&mut bucket, &other);
        bucket.move_to(|counted| match counted.first.database.bytes() {
            b"app" => Destination::Database(5),
            _ => Destination::Nowhere,
        });
        note(&mut bucket, &refusal("bob"));
        bucket.move_to(|counted| match counted.destination {
            Destination::Nowhere => Destination::Database(6),
            destination => destination,
        });
        let destinations: Vec<Destination> = bucket
            .waiting()
            .map(|counted| counted.destination)
            .collect();
        assert_eq!(
            destinations,
            [
                Destination::Database(5),
                Destination::Database(6),
                Destination::Unknown
            ]
        );
    }

    /// Rule A7: nobody can have the refusals of others wait for ever.
    #[test]
    fn tries_end() {
        let mut bucket = Bucket::empty(0);
        let destination = Destination::Database(5);
        let given_up =
            |bucket: &Bucket| -> Vec<bool> { bucket.waiting().map(Counted::is_given_up).collect() };
        note(&mut bucket, &refusal("alice"));
        bucket.move_to(|_| destination);
        for _ in 1..TRIES {
            bucket.note_failure(destination);
            bucket.note_failure(Destination::Database(6));
        }
        assert_eq!(given_up(&bucket), [false]);
        note(&mut bucket, &refusal("bob"));
        bucket.move_to(|_| destination);
        bucket.note_failure(destination);
        assert_eq!(given_up(&bucket), [true, false]);
        // What is counted after it was written has tries of its own.
        let written = *bucket.waiting().next().unwrap();
        note(&mut bucket, &refusal("alice"));
        bucket.remove(&written, 0);
        assert_eq!(given_up(&bucket), [false, false]);
    }

    /// Rule A7: a host has one bucket, also with all the IPv6 addresses of its network.
    #[test]
    fn an_address_has_one_set() {
        let with = |address: IpAddr| Refusal {
            client_addr: Some(address),
            ..refusal("alice")
        };
        let v6 = |last| with(Ipv6Addr::new(0x2001, 0xdb8, 1, 2, 0, 0, 0, last).into()).bucket(SEED);
        assert!((0..1000).all(|last| v6(last) == v6(0)));
        let used = (0..=255u8)
            .map(|last| with(Ipv4Addr::new(192, 0, 2, last).into()).bucket(SEED))
            .collect::<std::collections::BTreeSet<_>>();
        assert_eq!(used.len(), BUCKETS);
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
