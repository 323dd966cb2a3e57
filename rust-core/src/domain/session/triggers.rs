//! Which triggers fire, and in what order (rules E5 and F1). Reading the catalog
//! and calling the triggers' functions are left to the caller.

use crate::domain::delegation::Standing;
use crate::domain::session::event::Event;
use std::collections::TryReserveError;
use std::ffi::{CStr, c_char};
use std::ops::Range;

/// The OID of a trigger, which a trigger of the same name that replaces it does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TriggerId(pub u32);

/// The OID of a trigger's function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionId(pub u32);

/// The OID of a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoleId(pub u32);

impl RoleId {
    /// The role that the cluster was made with. It owns the functions and operators of the
    /// system, so it can do what a superuser can, in any case.
    pub const BOOTSTRAP: RoleId = RoleId(10);
}

/// In which sessions a trigger is enabled: `pg_event_trigger.evtenabled`. The numbers are the
/// catalog's letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Enabled {
    /// `ENABLE`: unless `session_replication_role` is `replica`.
    Origin = b'O',
    /// `ENABLE REPLICA`: only if `session_replication_role` is `replica`.
    Replica = b'R',
    /// `ENABLE ALWAYS`: in every session.
    Always = b'A',
    /// `DISABLE`: in no session.
    Never = b'D',
}

impl Enabled {
    /// Decodes the catalog's letter; `None` if no supported major uses it.
    pub const fn from_catalog(letter: u8) -> Option<Enabled> {
        match letter {
            b'O' => Some(Enabled::Origin),
            b'R' => Some(Enabled::Replica),
            b'A' => Some(Enabled::Always),
            b'D' => Some(Enabled::Never),
            _ => None,
        }
    }

    const fn applies(self, replica: bool) -> bool {
        match self {
            Enabled::Origin => !replica,
            Enabled::Replica => replica,
            Enabled::Always => true,
            Enabled::Never => false,
        }
    }
}

/// What pg_event_trigger says of a trigger, but for its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Which trigger it is, whatever its name.
    pub id: TriggerId,
    /// The event on which it fires.
    pub event: Event,
    /// The function that it calls.
    pub function: FunctionId,
    /// In which sessions it is enabled.
    pub enabled: Enabled,
    /// In which firing of this session it runs, if in any (rules N2 and N3).
    pub standing: Standing,
}

/// How the server log, `pg_stat_activity` (rule F11) and the context of an error (rule
/// F3) name a trigger while it runs.
///
/// The bytes end with the only zero among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Description<'a>(&'a [u8]);

impl<'a> Description<'a> {
    /// A pointer to the text, for C, which needs no length.
    pub fn as_ptr(self) -> *const c_char {
        self.0.as_ptr().cast()
    }

    /// The text. Its length is computed at each call.
    pub fn as_c_str(self) -> &'a CStr {
        CStr::from_bytes_with_nul(self.0).expect("a description ends with its only zero")
    }
}

/// An event trigger on a session event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trigger<'a> {
    /// What pg_event_trigger says of it.
    pub definition: Definition,
    /// How it is named. This contains its name.
    pub description: Description<'a>,
    name_length: usize,
}

impl<'a> Trigger<'a> {
    /// Its name.
    pub fn name(&self) -> &'a [u8] {
        let start = TriggerSet::BEFORE_NAME.len();
        &self.description.0[start..start + self.name_length]
    }
}

/// Some of an event's triggers. Those that fire in no session like this one are in none of
/// these scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    All,
    /// Those of superusers, which fire first.
    Superusers,
    /// Those of other roles, which fire afterwards (rule N3).
    Delegated,
}

impl Scope {
    const fn has(self, definition: &Definition) -> bool {
        match (definition.standing, self) {
            (Standing::Barred(_), _) => false,
            (_, Scope::All) => true,
            (Standing::Superuser, scope) => matches!(scope, Scope::Superusers),
            (Standing::Delegated, scope) => matches!(scope, Scope::Delegated),
        }
    }
}

/// Where a trigger's description is, and what else is known of it.
#[derive(Debug)]
struct Entry {
    definition: Definition,
    description: Range<usize>,
    name_length: usize,
    /// What stands for the name while the triggers are sorted.
    key: u64,
}

/// The triggers of a database on session events.
///
/// Every session pays for this, so all texts are in one buffer, and a name is only there
/// as a part of the description.
#[derive(Debug, Default)]
pub struct TriggerSet {
    entries: Vec<Entry>,
    descriptions: Vec<u8>,
    /// Whether there is a delegated one. Mostly there is none to look for.
    delegated: bool,
}

impl TriggerSet {
    const BEFORE_NAME: &[u8] = b"event trigger \"";
    const AFTER_NAME: &[u8] = b"\" on event ";
    const BEFORE_OWNER: &[u8] = b" of role \"";

    /// A set that has room for this number of triggers.
    ///
    /// # Errors
    /// Returns an error if there is not so much memory.
    pub fn try_with_capacity(count: usize) -> Result<TriggerSet, TryReserveError> {
        // Room for names of average length. If that is not enough, the buffer grows.
        const DESCRIPTION: usize = 80;
        let mut set = TriggerSet::default();
        set.entries.try_reserve_exact(count)?;
        set.descriptions.try_reserve_exact(count * DESCRIPTION)?;
        Ok(set)
    }

    /// Adds a trigger with that name, which is in the server's encoding. When all have
    /// been added, call [`TriggerSet::sort`], unless they came in order. If it is a delegated one, `owner` is the
    /// name of its owner, which the description then has, too (rule N3).
    ///
    /// # Errors
    /// Returns an error if there is no memory for it.
    pub fn add(
        &mut self,
        name: &CStr,
        owner: Option<&CStr>,
        definition: Definition,
    ) -> Result<(), TryReserveError> {
        let start = self.descriptions.len();
        let event = definition.event.name().to_bytes();
        let [before, after] = [TriggerSet::BEFORE_NAME, TriggerSet::AFTER_NAME];
        for part in [before, name.to_bytes(), after, event] {
            self.describe(part)?;
        }
        if let Some(owner) = owner {
            for part in [TriggerSet::BEFORE_OWNER, owner.to_bytes(), b"\""] {
                self.describe(part)?;
            }
        }
        self.describe(b"\0")?;
        self.entries.try_reserve(1)?;
        self.delegated |= definition.standing == Standing::Delegated;
        self.entries.push(Entry {
            definition,
            description: start..self.descriptions.len(),
            name_length: name.count_bytes(),
            key: 0,
        });
        Ok(())
    }

    fn describe(&mut self, part: &[u8]) -> Result<(), TryReserveError> {
        self.descriptions.try_reserve(part.len())?;
        self.descriptions.extend_from_slice(part);
        Ok(())
    }

    /// Sorts the triggers, which may have come in any order, into the order of rule F1,
    /// which is byte order of names.
    ///
    /// Names of many triggers often begin alike. So what is compared first is a number made
    /// of the bytes that follow what all have in common.
    pub fn sort(&mut self) {
        let descriptions = &self.descriptions;
        let name = |entry: &Entry| {
            let start = entry.description.start + TriggerSet::BEFORE_NAME.len();
            &descriptions[start..start + entry.name_length]
        };
        let [first, rest @ ..] = self.entries.as_slice() else {
            return;
        };
        let mut alike = name(first);
        for other in rest {
            if !name(other).starts_with(alike) {
                let common = name(other).iter().zip(alike).take_while(|(a, b)| a == b);
                alike = &alike[..common.count()];
            }
        }
        let alike = alike.len();
        for entry in &mut self.entries {
            let mut key = [0; 8];
            let bytes = &name(entry)[alike..];
            let length = bytes.len().min(key.len());
            key[..length].copy_from_slice(&bytes[..length]);
            entry.key = u64::from_be_bytes(key);
        }
        self.entries
            .sort_unstable_by(|a, b| a.key.cmp(&b.key).then_with(|| name(a).cmp(name(b))));
    }

    /// Whether there is no trigger.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many triggers there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// All triggers, of both events, in firing order.
    pub fn iter(&self) -> impl Iterator<Item = Trigger<'_>> {
        self.entries.iter().map(|entry| self.trigger(entry))
    }

    /// The triggers to run for `event`, in firing order. `replica` says whether
    /// `session_replication_role` is `replica`.
    pub fn to_fire(
        &self,
        event: Event,
        replica: bool,
        scope: Scope,
    ) -> impl Iterator<Item = Trigger<'_>> {
        let entries = match scope {
            Scope::Delegated if !self.delegated => &[],
            _ => self.entries.as_slice(),
        };
        entries
            .iter()
            .filter(move |Entry { definition, .. }| {
                definition.event == event
                    && definition.enabled.applies(replica)
                    && scope.has(definition)
            })
            .map(|entry| self.trigger(entry))
    }

    /// The trigger with that OID, whether or not it is to fire.
    pub fn find(&self, id: TriggerId) -> Option<Trigger<'_>> {
        self.entries
            .iter()
            .find(|entry| entry.definition.id == id)
            .map(|entry| self.trigger(entry))
    }

    /// The triggers' OIDs, sorted.
    ///
    /// # Errors
    /// Returns an error if there is no memory for them.
    pub fn ids(&self) -> Result<Vec<TriggerId>, TryReserveError> {
        let mut ids = Vec::new();
        ids.try_reserve_exact(self.entries.len())?;
        ids.extend(self.entries.iter().map(|entry| entry.definition.id));
        ids.sort_unstable();
        Ok(ids)
    }

    fn trigger(&self, entry: &Entry) -> Trigger<'_> {
        Trigger {
            definition: entry.definition,
            description: Description(&self.descriptions[entry.description.clone()]),
            name_length: entry.name_length,
        }
    }
}

/// What a firing does when it commits: the context of errors that belong to no single
/// trigger, such as violations of deferred constraints.
pub const fn describe_commit(event: Event, scope: Scope) -> &'static CStr {
    match (event, scope) {
        (Event::Logon, Scope::Delegated) => {
            c"commit of delegated event triggers on event after_user_logon"
        }
        (Event::Logoff, Scope::Delegated) => {
            c"commit of delegated event triggers on event before_user_logoff"
        }
        (Event::Logon, _) => c"commit of event triggers on event after_user_logon",
        (Event::Logoff, _) => c"commit of event triggers on event before_user_logoff",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::delegation::Obstacle;
    use proptest::prelude::*;
    use std::ffi::CString;

    fn definition(event: Event, enabled: Enabled) -> Definition {
        Definition {
            id: TriggerId(1),
            event,
            function: FunctionId(1),
            enabled,
            standing: Standing::Superuser,
        }
    }

    /// The delegated triggers are those whose names begin with the letter d, and those that
    /// fire in no session those with x.
    fn set(triggers: &[(Vec<u8>, Event, Enabled)]) -> TriggerSet {
        let mut set = TriggerSet::default();
        for (name, event, enabled) in triggers {
            let standing = match name.first() {
                Some(b'd') => Standing::Delegated,
                Some(b'x') => Standing::Barred(Obstacle::OtherRole),
                _ => Standing::Superuser,
            };
            set.add(
                &CString::new(name.clone()).unwrap(),
                None,
                Definition {
                    standing,
                    ..definition(*event, *enabled)
                },
            )
            .unwrap();
        }
        set.sort();
        set
    }

    fn names(triggers: &[Trigger]) -> Vec<Vec<u8>> {
        triggers
            .iter()
            .map(|trigger| {
                let text = trigger.description.as_c_str().to_bytes();
                let end = format!("\" on event {}", trigger.definition.event);
                let name = text
                    .strip_prefix(b"event trigger \"")
                    .and_then(|text| text.strip_suffix(end.as_bytes()))
                    .unwrap();
                assert_eq!(trigger.name(), name);
                name.to_vec()
            })
            .collect()
    }

    /// Rule E5: every state that ALTER EVENT TRIGGER can give a trigger, with and
    /// without `session_replication_role = replica`.
    #[test]
    fn enabled_states() {
        let table = [
            (b'O', true, false),
            (b'R', false, true),
            (b'A', true, true),
            (b'D', false, false),
        ];
        for (letter, on_origin, on_replica) in table {
            let enabled = Enabled::from_catalog(letter).unwrap();
            let set = set(&[(b"t".to_vec(), Event::Logon, enabled)]);
            for (replica, fires) in [(false, on_origin), (true, on_replica)] {
                assert_eq!(
                    set.to_fire(Event::Logon, replica, Scope::All).count(),
                    usize::from(fires),
                    "{letter} {replica}"
                );
                assert_eq!(set.to_fire(Event::Logoff, replica, Scope::All).count(), 0);
            }
        }
        assert_eq!(Enabled::from_catalog(b'x'), None);
    }

    #[test]
    fn descriptions_keep_the_bytes_of_any_encoding() {
        let set = set(&[
            (b"later".to_vec(), Event::Logoff, Enabled::Always),
            (b"\xE9\"x".to_vec(), Event::Logoff, Enabled::Always),
            (b"first".to_vec(), Event::Logoff, Enabled::Always),
        ]);
        let texts: Vec<&CStr> = set
            .to_fire(Event::Logoff, false, Scope::All)
            .map(|trigger| trigger.description.as_c_str())
            .collect();
        assert_eq!(
            texts,
            [
                c"event trigger \"first\" on event before_user_logoff",
                c"event trigger \"later\" on event before_user_logoff",
                c"event trigger \"\xE9\"x\" on event before_user_logoff",
            ]
        );
    }

    #[test]
    fn triggers_are_found_by_their_oid() {
        let mut set = TriggerSet::default();
        for (id, name) in [(7, c"b"), (9, c"a")] {
            set.add(
                name,
                None,
                Definition {
                    id: TriggerId(id),
                    ..definition(Event::Logon, Enabled::Never)
                },
            )
            .unwrap();
        }
        set.sort();
        let name = |id| set.find(TriggerId(id)).map(|trigger| trigger.name());
        assert_eq!(name(7), Some(&b"b"[..]));
        assert_eq!(name(9), Some(&b"a"[..]));
        assert_eq!(name(8), None);
    }

    proptest! {
        /// Rule F1, for names that begin alike, however long that goes on.
        #[test]
        fn names_that_begin_alike_are_in_byte_order(
            start in "[ab]{0,3}",
            ends in proptest::collection::vec("[a-c\u{e9}]{0,12}", 1..20),
        ) {
            let mut expected: Vec<Vec<u8>> =
                ends.iter().map(|end| format!("{start}{end}").into_bytes()).collect();
            let triggers: Vec<_> = expected
                .iter()
                .map(|name| (name.clone(), Event::Logon, Enabled::Always))
                .collect();
            let set = set(&triggers);
            let sorted: Vec<_> = set.to_fire(Event::Logon, false, Scope::All).collect();
            expected.sort();
            prop_assert_eq!(names(&sorted), expected);
        }
    }

    #[test]
    fn descriptions_of_commits_name_the_event() {
        for event in Event::ALL {
            for (scope, word) in [(Scope::Superusers, ""), (Scope::Delegated, "delegated ")] {
                let expected = format!("commit of {word}event triggers on event {event}");
                assert_eq!(
                    describe_commit(event, scope).to_bytes(),
                    expected.as_bytes()
                );
            }
        }
    }

    /// Rule N3: the log says whose a delegated trigger is, whatever the names are.
    #[test]
    fn descriptions_name_the_owner_of_a_delegated_trigger() {
        let mut set = TriggerSet::default();
        set.add(
            c"t\" of role \"x",
            Some(c"al\xEFce"),
            Definition {
                standing: Standing::Delegated,
                ..definition(Event::Logon, Enabled::Always)
            },
        )
        .unwrap();
        let trigger = set.to_fire(Event::Logon, false, Scope::All).next().unwrap();
        assert_eq!(trigger.name(), b"t\" of role \"x");
        assert_eq!(
            trigger.description.as_c_str(),
            c"event trigger \"t\" of role \"x\" on event after_user_logon of role \"al\xEFce\""
        );
    }

    fn any_trigger() -> impl Strategy<Value = (Vec<u8>, Event, Enabled)> {
        let enabled = prop_oneof![
            Just(Enabled::Origin),
            Just(Enabled::Replica),
            Just(Enabled::Always),
            Just(Enabled::Never)
        ];
        let event = prop_oneof![Just(Event::Logon), Just(Event::Logoff)];
        let first = prop_oneof![Just(b'd'), Just(b'x'), 1u8..];
        let name = (first, prop::collection::vec(1u8.., 0..3))
            .prop_map(|(first, rest)| [vec![first], rest].concat());
        (name, event, enabled)
    }

    proptest! {
        /// Rule F1: byte order of names, whatever the order of the rows.
        #[test]
        fn triggers_fire_in_byte_order_of_names(
            triggers in prop::collection::vec(any_trigger(), 0..30),
            replica: bool,
        ) {
            let set = set(&triggers);
            for event in Event::ALL {
                let fired: Vec<Trigger> = set.to_fire(event, replica, Scope::All).collect();
                let mut expected: Vec<Vec<u8>> = triggers
                    .iter()
                    .filter(|(name, on, enabled)| {
                        name[0] != b'x' && *on == event && enabled.applies(replica)
                    })
                    .map(|(name, _, _)| name.clone())
                    .collect();
                expected.sort();
                prop_assert_eq!(names(&fired), expected);
                // Rule N3: those of superusers, and delegated ones, in the same order.
                let (delegated, of_superusers): (Vec<Trigger>, Vec<Trigger>) =
                    fired.into_iter().partition(|trigger| trigger.name()[0] == b'd');
                prop_assert!(set.to_fire(event, replica, Scope::Superusers).eq(of_superusers));
                prop_assert!(set.to_fire(event, replica, Scope::Delegated).eq(delegated));
            }
        }
    }
}
