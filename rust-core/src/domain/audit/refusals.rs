//! Logons that were refused (rule A8): what is noted of one, what is counted together,
//! and when it is written to the log. Where the notes are kept, and who writes them, is
//! in `pg/audit/refusals.rs`.
//!
//! What is noted comes from strangers, who may try any number of names. So there is room
//! for [`SLOTS`] different refusals in each of [`BUCKETS`] buckets, and a client's address
//! decides in which bucket its refusals are: one host cannot fill the others. A proxy's host
//! may claim any address (rule P4), and so reaches all buckets, but leaves half of the slots
//! in each of them to others.
//!
//! Nobody can hide an attempt behind many others. What finds no slot among the refusals
//! with names is counted without its role and its database. For that there are slots of
//! their own for each [`Class`] of refusals, so that a wrong password is seen as one whatever
//! else the same client sends; and the last of these is for all addresses that find no other.
//!
//! Times are in microseconds since 2000.

use super::context;
use super::record::{Kind, Record};
use super::text::Text;
use std::ffi::CString;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::ops::Range;

/// For how long what is the same is counted, before it is written.
pub const WINDOW: i64 = 60 * 1_000_000;

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

/// SQLSTATE 57P03, with which a server that starts or shuts down sends everybody away.
const CANNOT_CONNECT_NOW: &[u8] = b"57P03";

/// Whether an error with this SQLSTATE, which ended a connection before its logon was
/// complete, is a refusal. A server that starts or shuts down may not have asked who the client
/// is, which `is_known` says.
pub fn is_refusal(sqlstate: &[u8], is_known: bool) -> bool {
    sqlstate != CANNOT_CONNECT_NOW || is_known
}

/// A refused logon. The columns of the log that this lacks are NULL in its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// When it was refused.
    pub at: i64,
    /// When the process started, in seconds since 1970, and its number, which make the
    /// identifier of the session.
    pub process: Option<(i64, i32)>,
    /// Whether the client asked for a replication connection.
    pub replication: bool,
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
    /// The address of the proxy that the client has come through, if it has one.
    pub proxy_addr: Option<IpAddr>,
    /// The program, as the client gave it.
    pub application_name: Text<63>,
    /// The version of TLS, or `GSS`.
    pub encryption: Text<7>,
    /// `session_triggers.instance_num`
    pub instance_num: i32,
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
        replication: false,
        login_user: Text::EMPTY,
        database: Text::EMPTY,
        auth_method: Text::EMPTY,
        system_identity: Text::EMPTY,
        client_addr: None,
        client_port: None,
        proxy_addr: None,
        application_name: Text::EMPTY,
        encryption: Text::EMPTY,
        instance_num: 0,
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
                self.proxy_addr,
                self.sqlstate.bytes(),
            ),
        )
        .max(1))
    }

    /// The same without the names that a stranger can choose at will, and without what a
    /// stranger can provoke at will.
    fn without_names(&self) -> Refusal {
        Refusal {
            login_user: Text::EMPTY,
            database: Text::EMPTY,
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
            sqlstate: self.without_names().sqlstate,
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

fn hash(seed: Seed, value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    seed.0.hash(&mut hasher);
    value.hash(&mut hasher);
    hasher.finish()
}

/// Stands for the role, database, address and SQLSTATE of refusals. It is not 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(u64);

impl Key {
    /// No refusal has this one.
    const FREE: Key = Key(0);
}

/// Refusals that are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// What is the same.
    pub key: Key,
    /// How many there were.
    pub count: u32,
    /// The number of the bucket that they are in.
    pub bucket: u8,
    /// The first of them.
    pub first: Refusal,
    /// When the last of them was, in microseconds since 2000.
    pub last_at: i64,
}

impl Counted {
    /// The record that stands for all of them (rule A8). If there are several, its context has
    /// the time of the last one, as `format_time` makes ISO 8601 of it.
    pub fn record(&self, format_time: fn(i64) -> CString) -> Record {
        let record = self.first.record(self.count);
        if self.count == 1 {
            return record;
        }
        Record {
            context: context::object(&[(b"last_at", format_time(self.last_at).to_bytes())]),
            ..record
        }
    }
}

impl Refusal {
    /// The record of so many that are the same.
    pub fn record(&self, count: u32) -> Record {
        fn shown<const N: usize>(text: &Text<N>) -> Text<N> {
            text.shown().map_or(Text::EMPTY, |shown| Text::new(&shown))
        }
        let first = self;
        Record {
            kind: Kind::Refused,
            at: first.at,
            process: first.process,
            replication: first.replication,
            login_user: shown(&first.login_user),
            login_user_id: 0,
            database: shown(&first.database),
            database_id: 0,
            auth_method: first.auth_method,
            system_identity: Text::new(shown(&first.system_identity).bytes()),
            client_addr: first.client_addr,
            client_port: first.client_port,
            proxy_addr: first.proxy_addr,
            application_name: shown(&first.application_name),
            encryption: first.encryption,
            instance_num: first.instance_num,
            logon_at: None,
            end: None,
            sqlstate: first.sqlstate,
            usage: None,
            count,
            context: Text::EMPTY,
        }
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
                bucket: number,
                first: Refusal::EMPTY,
                last_at: 0,
            }; SLOTS],
        }
    }

    /// Counts a refusal, without its names if there is no slot for these.
    pub fn note(&mut self, refusal: &Refusal, seed: Seed) {
        let anonymous = refusal.without_names();
        let Range { start, end } = refusal.class().slots();
        let _ = self.count(refusal, 0..NAMED, seed)
            || self.count(&anonymous, start..end - 1, seed)
            || self.count(&refusal.of_class(), end - 1..end, seed);
    }

    /// Counts a refusal, for which one of these slots can be used. Returns false if they
    /// are taken by others.
    fn count(&mut self, refusal: &Refusal, slots: Range<usize>, seed: Seed) -> bool {
        let key = refusal.key(slots.start, seed);
        let slots = &mut self.slots[slots];
        if let Some(known) = slots.iter_mut().find(|slot| slot.key == key) {
            known.count = known.count.saturating_add(1);
            known.last_at = refusal.at;
            return true;
        }
        let of_proxy =
            |slot: &&Counted| slot.key != Key::FREE && slot.first.proxy_addr == refusal.proxy_addr;
        if refusal.proxy_addr.is_some() && slots.iter().filter(of_proxy).count() >= slots.len() / 2
        {
            return false;
        }
        let Some(free) = slots.iter_mut().find(|slot| slot.key == Key::FREE) else {
            return false;
        };
        *free = Counted {
            key,
            count: 1,
            first: *refusal,
            last_at: refusal.at,
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

    /// Removes what has been written, or cannot be. What was counted since is left, and is
    /// from `now`; which session the first of these was is not known.
    pub fn remove(&mut self, written: &Counted, now: i64) {
        let Some(slot) = self.slots.iter_mut().find(|slot| slot.key == written.key) else {
            return;
        };
        slot.count = slot.count.saturating_sub(written.count);
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
        bucket.note(refusal, SEED);
    }

    /// What is counted without names: SQLSTATE, whether it has an address, count.
    fn anonymous(bucket: &Bucket) -> Vec<(&[u8], bool, u32)> {
        let unnamed = bucket.slots[NAMED..].iter();
        unnamed
            .filter(|slot| slot.key != Key::FREE)
            .map(|counted| {
                let first = &counted.first;
                let known = first.client_addr.is_some();
                assert!(first.login_user.bytes().is_empty() && first.database.bytes().is_empty());
                (first.sqlstate.bytes(), known, counted.count)
            })
            .collect()
    }

    fn counts(bucket: &Bucket) -> Vec<u32> {
        bucket.waiting().map(|counted| counted.count).collect()
    }

    /// Rule A8: the same role, database, address and SQLSTATE is the same.
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

    /// Rule A8: bounded, and no attempt is hidden behind others.
    #[test]
    fn a_full_set_counts_without_names() {
        let mut bucket = Bucket::empty(0);
        for number in 0..1000 {
            note(&mut bucket, &refusal(&number.to_string()));
        }
        note(&mut bucket, &refusal("3"));
        assert_eq!(bucket.waiting().count(), NAMED + 1);
        let rest = 1000 - NAMED as u32;
        assert_eq!(anonymous(&bucket), [(&b"28P01"[..], true, rest)]);
        // Other databases are no way around that.
        note(
            &mut bucket,
            &Refusal {
                database: Text::new(b"other"),
                ..refusal("alice")
            },
        );
        assert_eq!(bucket.waiting().count(), NAMED + 1);
        // Who sends no name at all is not one of those.
        let mut other = Bucket::empty(0);
        note(&mut other, &Refusal::EMPTY);
        assert_eq!(anonymous(&other), []);
    }

    /// Rule A8: a wrong password of an address is seen as one, whatever else it sends.
    #[test]
    fn no_mix_hides_a_wrong_password() {
        let mut bucket = Bucket::empty(0);
        let codes: [&[u8]; 4] = [b"08P01", b"0A000", b"22023", b"28000"];
        for number in 0..1000 {
            note(
                &mut bucket,
                &Refusal {
                    database: Text::new([&b"y"[..], b"x"][number % 2]),
                    sqlstate: Text::new(codes[number / 2 % codes.len()]),
                    ..refusal(&number.to_string())
                },
            );
        }
        (0..10).for_each(|_| note(&mut bucket, &refusal("alice")));
        assert!(anonymous(&bucket).contains(&(b"28P01", true, 10)));
        let rest: u32 = anonymous(&bucket).iter().map(|one| one.2).sum();
        assert_eq!(rest, 1010 - NAMED as u32);
        assert_eq!(anonymous(&bucket).len(), 3);
    }

    /// Rule A8: many addresses have one slot together, for each class.
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
            Some(&(&b"28P01"[..], false, last))
        );
        note(
            &mut bucket,
            &Refusal {
                sqlstate: Text::new(b"08P01"),
                ..refusal("alice")
            },
        );
        assert_eq!(anonymous(&bucket).last(), Some(&(&b""[..], true, 1)));
    }

    /// Rules A8, P4: whoever may claim any address leaves room for the names of others.
    #[test]
    fn a_proxy_fills_half_of_a_bucket() {
        let through = |proxy, claimed: u32, user| Refusal {
            client_addr: Some(Ipv4Addr::from(claimed).into()),
            proxy_addr: Some(Ipv4Addr::new(10, 0, 0, proxy).into()),
            ..refusal(user)
        };
        let named = |bucket: &Bucket, refusal: &Refusal| {
            let named = &bucket.slots[..NAMED];
            named.iter().any(|slot| slot.first == *refusal)
        };
        let mut bucket = Bucket::empty(0);
        (0..1000).for_each(|claimed| note(&mut bucket, &through(5, claimed, "alice")));
        let (half, anonymous_half) = (NAMED as u32 / 2, (ANONYMOUS as u32 - 1) / 2);
        assert_eq!(bucket.waiting().count() as u32, half + anonymous_half + 1);
        let last = 1000 - half - anonymous_half;
        assert_eq!(
            anonymous(&bucket).last(),
            Some(&(&b"28P01"[..], false, last))
        );
        for other in [through(6, 7, "bob"), refusal("bob")] {
            note(&mut bucket, &other);
            assert!(named(&bucket, &other));
        }
        // Also of what has come again.
        note(&mut bucket, &through(5, 0, "alice"));
        assert_eq!(counts(&bucket)[0], 2);
        // Those without a proxy may fill what is left.
        (0..1000).for_each(|number| note(&mut bucket, &refusal(&number.to_string())));
        assert_eq!(counts(&bucket).len(), NAMED + anonymous_half as usize + 2);
    }

    /// Rule A8: what is taken does not wait any more, and is known by its bucket.
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

    /// Rule A8: what is counted while the rest is written is not lost.
    #[test]
    fn what_comes_while_rows_are_written_stays() {
        let mut bucket = Bucket::empty(0);
        let proxy_addr = Some(Ipv4Addr::new(10, 0, 0, 5).into());
        let bob = Refusal {
            proxy_addr,
            ..refusal("bob")
        };
        note(&mut bucket, &refusal("alice"));
        note(&mut bucket, &bob);
        let written: Vec<Counted> = bucket.waiting().copied().collect();
        note(&mut bucket, &bob);
        written
            .iter()
            .for_each(|counted| bucket.remove(counted, 77));
        let left: Vec<_> = bucket
            .waiting()
            .map(|left| (left.count, left.first.at, left.first.proxy_addr))
            .collect();
        assert_eq!(left, [(1, 77, proxy_addr)]);
        written
            .iter()
            .for_each(|counted| bucket.remove(counted, 78));
        assert_eq!(bucket.waiting().count(), 0);
    }

    /// Rule A8: also from a server that starts, if the client has said who it is.
    #[test]
    fn what_is_a_refusal() {
        assert!(is_refusal(b"28P01", false));
        assert!(is_refusal(b"57P03", true));
        assert!(!is_refusal(b"57P03", false));
    }

    /// Rule A8: one record for all, without what could deceive a reader.
    #[test]
    fn a_count_is_one_record() {
        let mut bucket = Bucket::empty(0);
        let last = Refusal {
            at: 5,
            ..refusal("a\nb")
        };
        (0..2).for_each(|_| note(&mut bucket, &refusal("a\nb")));
        note(&mut bucket, &last);
        let record = bucket
            .waiting()
            .next()
            .unwrap()
            .record(|at| CString::new(format!("time {at}")).unwrap());
        assert_eq!(record.context.bytes(), br#"{"last_at": "time 5"}"#);
        assert_eq!((record.kind, record.count), (Kind::Refused, 3));
        assert_eq!(record.login_user.bytes(), b"a?b");
        assert_eq!(record.logon_at, None);
    }

    /// Rule A8: a host has one bucket, also with all the IPv6 addresses of its network.
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

    /// Rule A8: within a minute, and also if the clock is set back.
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
