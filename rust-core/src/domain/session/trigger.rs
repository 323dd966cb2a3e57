//! Which triggers fire, and in what order (rules E5 and F1). Reading the catalog
//! and calling the triggers' functions are left to the caller.

use super::event::Event;
use std::ffi::{CStr, CString};

/// The OID of a trigger's function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionId(pub u32);

/// In which sessions a trigger is enabled: `pg_event_trigger.evtenabled`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enabled {
    /// `ENABLE`: unless `session_replication_role` is `replica`.
    Origin,
    /// `ENABLE REPLICA`: only if `session_replication_role` is `replica`.
    Replica,
    /// `ENABLE ALWAYS`: in every session.
    Always,
    /// `DISABLE`: in no session.
    Never,
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

/// An event trigger on a session event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// The event on which it fires.
    pub event: Event,
    /// The function that it calls.
    pub function: FunctionId,
    /// In which sessions it is enabled.
    pub enabled: Enabled,
    /// Whether it is the session audit's, which records every end of a session,
    /// whatever `session_triggers.logoff_on` says to the others (rule A4).
    pub audit: bool,
    /// What [`Trigger::description`] returns. It contains the trigger's name, which is
    /// not stored a second time because every session pays for it.
    description: CString,
    /// The length of the name in bytes.
    name_length: usize,
}

impl Trigger {
    const BEFORE_NAME: &[u8] = b"event trigger \"";
    const AFTER_NAME: &[u8] = b"\" on event ";

    /// A trigger with that name, which is in the server's encoding.
    pub fn new(name: &CStr, event: Event, function: FunctionId, enabled: Enabled) -> Trigger {
        let parts = [
            Trigger::BEFORE_NAME,
            name.to_bytes(),
            Trigger::AFTER_NAME,
            event.name().to_bytes_with_nul(),
        ];
        Trigger {
            event,
            function,
            enabled,
            audit: false,
            description: CString::from_vec_with_nul(parts.concat())
                .expect("the parts are C strings, and only the last one is terminated"),
            name_length: name.count_bytes(),
        }
    }

    /// How the server log, `pg_stat_activity` (rule F11) and the context of an error
    /// (rule F3) name the trigger while it runs.
    pub fn description(&self) -> &CStr {
        &self.description
    }

    fn name(&self) -> &[u8] {
        &self.description.to_bytes()[Trigger::BEFORE_NAME.len()..][..self.name_length]
    }
}

/// Which of an event's triggers fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    All,
    /// Those of the session audit.
    Audit,
}

/// The triggers of a database on session events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TriggerSet {
    /// Sorted in firing order, which is byte order of names.
    triggers: Vec<Trigger>,
}

impl TriggerSet {
    /// Sorts the triggers, which may come in any order, into the order of rule F1.
    pub fn new(triggers: impl IntoIterator<Item = Trigger>) -> TriggerSet {
        let mut triggers: Vec<Trigger> = triggers.into_iter().collect();
        triggers.sort_by(|a, b| a.name().cmp(b.name()));
        TriggerSet { triggers }
    }

    /// The triggers to run for `event`, in firing order. `replica` says whether
    /// `session_replication_role` is `replica`.
    pub fn to_fire(
        &self,
        event: Event,
        replica: bool,
        scope: Scope,
    ) -> impl Iterator<Item = &Trigger> {
        self.triggers.iter().filter(move |trigger| {
            trigger.event == event
                && trigger.enabled.applies(replica)
                && (scope == Scope::All || trigger.audit)
        })
    }
}

/// What a firing does when it commits: the context of errors that belong to no single
/// trigger, such as violations of deferred constraints.
pub const fn describe_commit(event: Event) -> &'static CStr {
    match event {
        Event::Logon => c"commit of event triggers on event after_user_logon",
        Event::Logoff => c"commit of event triggers on event before_user_logoff",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn trigger(name: &[u8], event: Event, enabled: Enabled) -> Trigger {
        Trigger {
            audit: name.first() == Some(&b'a'),
            ..Trigger::new(&CString::new(name).unwrap(), event, FunctionId(1), enabled)
        }
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
            let set = TriggerSet::new([trigger(b"t", Event::Logon, enabled)]);
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
        let trigger = trigger(b"\xE9\"x", Event::Logoff, Enabled::Always);
        assert_eq!(
            trigger.description().to_bytes(),
            b"event trigger \"\xE9\"x\" on event before_user_logoff"
        );
        assert_eq!(trigger.name(), b"\xE9\"x");
    }

    #[test]
    fn descriptions_of_commits_name_the_event() {
        for event in Event::ALL {
            let expected = format!("commit of event triggers on event {event}");
            assert_eq!(describe_commit(event).to_bytes(), expected.as_bytes());
        }
    }

    fn any_trigger() -> impl Strategy<Value = Trigger> {
        let enabled = prop_oneof![
            Just(Enabled::Origin),
            Just(Enabled::Replica),
            Just(Enabled::Always),
            Just(Enabled::Never)
        ];
        let event = prop_oneof![Just(Event::Logon), Just(Event::Logoff)];
        (prop::collection::vec(1u8.., 1..4), event, enabled)
            .prop_map(|(name, event, enabled)| trigger(&name, event, enabled))
    }

    proptest! {
        /// Rule F1: byte order of names, whatever the order of the rows.
        #[test]
        fn triggers_fire_in_byte_order_of_names(
            triggers in prop::collection::vec(any_trigger(), 0..12),
            replica: bool,
        ) {
            let set = TriggerSet::new(triggers.iter().cloned());
            for event in Event::ALL {
                let fired: Vec<&Trigger> = set.to_fire(event, replica, Scope::All).collect();
                prop_assert!(fired.is_sorted_by_key(|t| t.name()));
                let expected = triggers
                    .iter()
                    .filter(|t| t.event == event && t.enabled.applies(replica))
                    .count();
                prop_assert_eq!(fired.len(), expected);
                // Rule A4: the audit's triggers alone, in the same order.
                let audit: Vec<&Trigger> = set.to_fire(event, replica, Scope::Audit).collect();
                prop_assert!(audit.into_iter().eq(fired.into_iter().filter(|t| t.audit)));
            }
        }
    }
}
