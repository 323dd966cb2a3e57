//! Whether a trigger whose owner is not a superuser fires in a session (rules N1 to N3).
//! Nothing here reads a catalog; what is known of the roles comes from the caller.

use std::ffi::CStr;

/// What keeps a trigger of a role that is not a superuser from firing in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// `session_triggers.creator_role` is empty.
    NoCreatorRole,
    /// The session is one of a superuser, or began as one.
    Superuser,
    /// The owner is not a member of the creator role, or no role has that name.
    NotCreator,
    /// The owner cannot become the role that logged on.
    OtherRole,
    /// The trigger's function has another owner than the trigger.
    FunctionOwner,
}

impl Obstacle {
    /// The obstacle in a sentence, for the detail of a message.
    pub const fn detail(self) -> &'static CStr {
        match self {
            Obstacle::NoCreatorRole => {
                c"Its owner is not a superuser, and \"session_triggers.creator_role\" is empty."
            }
            Obstacle::Superuser => {
                c"Its owner is not a superuser, but the role that logged on is or was one."
            }
            Obstacle::NotCreator => {
                c"Its owner is neither a superuser nor a member of \"session_triggers.creator_role\"."
            }
            Obstacle::OtherRole => c"Its owner cannot become the role that logged on.",
            Obstacle::FunctionOwner => c"Its function has another owner.",
        }
    }
}

/// In which firing of its event a trigger runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// In the first, as its owner is a superuser.
    Superuser,
    /// In the second, as a delegated trigger (rule N3).
    Delegated,
    /// In none.
    Barred(Obstacle),
}

/// What is asked about a trigger and the session. Each answer costs something, so that
/// none is asked for in vain.
pub trait Facts {
    /// The error of a question that could not be answered.
    type Error;

    /// Whether the trigger's owner is a superuser.
    fn owner_is_superuser(&self) -> Result<bool, Self::Error>;
    /// Whether `session_triggers.creator_role` names a role, which may not exist.
    fn creator_role_is_set(&self) -> bool;
    /// Whether the role that logged on is a superuser, or was one when it logged on.
    fn login_is_superuser(&self) -> Result<bool, Self::Error>;
    /// Whether the owner is a member of the creator role, which exists then.
    fn owner_is_creator(&self) -> Result<bool, Self::Error>;
    /// Whether the owner could `SET ROLE` to the role that logged on.
    fn owner_can_become_login(&self) -> Result<bool, Self::Error>;
    /// Whether the trigger's owner is the owner of its function.
    fn owner_has_function(&self) -> Result<bool, Self::Error>;
}

/// Decides in which firing a trigger runs (rules N1 and N2).
///
/// That the owner only inherits what the login role may do is not enough: the session
/// could become a third role, by SET ROLE, which the owner could not become.
pub fn standing<F: Facts>(facts: &F) -> Result<Standing, F::Error> {
    if facts.owner_is_superuser()? {
        return Ok(Standing::Superuser);
    }
    let obstacle = if !facts.creator_role_is_set() {
        Obstacle::NoCreatorRole
    } else if facts.login_is_superuser()? {
        Obstacle::Superuser
    } else if !facts.owner_is_creator()? {
        Obstacle::NotCreator
    } else if !facts.owner_can_become_login()? {
        Obstacle::OtherRole
    } else if !facts.owner_has_function()? {
        Obstacle::FunctionOwner
    } else {
        return Ok(Standing::Delegated);
    };
    Ok(Standing::Barred(obstacle))
}

/// What is known when a trigger on a session event gets another owner (rule N4).
#[derive(Clone, Copy, Debug)]
pub struct Transfer {
    /// Whether the new owner is a superuser.
    pub to_superuser: bool,
    /// Whether the new owner is a member of the creator role.
    pub to_creator: bool,
    /// Whether the present owner is a superuser.
    pub from_superuser: bool,
    /// Whether the trigger is enabled.
    pub enabled: bool,
    /// Whether this is what the restore of a dump does.
    pub restored: bool,
}

/// What comes of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// The new owner may not own it.
    Refused,
    /// The new owner has it.
    Given,
    /// The new owner has it, but it will not fire. If a restore were refused, the trigger
    /// would stay with the superuser who restores it, and fire in all sessions.
    Barred,
    /// The new owner has it, and it is disabled: as a superuser's it would fire in all
    /// sessions, and nobody has said that what another role has written should.
    Disabled,
}

/// Decides what comes of giving a trigger to another owner.
pub fn ownership(transfer: &Transfer) -> Ownership {
    let Transfer {
        to_superuser,
        to_creator,
        from_superuser,
        enabled,
        restored,
    } = *transfer;
    if to_superuser {
        if enabled && !from_superuser {
            Ownership::Disabled
        } else {
            Ownership::Given
        }
    } else if to_creator {
        Ownership::Given
    } else if restored {
        Ownership::Barred
    } else {
        Ownership::Refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::convert::Infallible;

    /// The answers, in the order of the trait, and how many were asked for.
    struct Answers([bool; 6], Cell<usize>);

    impl Answers {
        fn get(&self, index: usize) -> Result<bool, Infallible> {
            self.1.set(self.1.get().max(index + 1));
            Ok(self.0[index])
        }
    }

    impl Facts for Answers {
        type Error = Infallible;
        fn owner_is_superuser(&self) -> Result<bool, Infallible> {
            self.get(0)
        }
        fn creator_role_is_set(&self) -> bool {
            let Ok(answer) = self.get(1);
            answer
        }
        fn login_is_superuser(&self) -> Result<bool, Infallible> {
            self.get(2)
        }
        fn owner_is_creator(&self) -> Result<bool, Infallible> {
            self.get(3)
        }
        fn owner_can_become_login(&self) -> Result<bool, Infallible> {
            self.get(4)
        }
        fn owner_has_function(&self) -> Result<bool, Infallible> {
            self.get(5)
        }
    }

    fn decide(answers: [bool; 6]) -> (Standing, usize) {
        let facts = Answers(answers, Cell::new(0));
        let Ok(standing) = standing(&facts);
        (standing, facts.1.get())
    }

    /// Rules N1 and N2: each obstacle, and that nothing is asked after it.
    #[test]
    fn each_obstacle_bars_a_trigger() {
        use Obstacle::*;
        let delegated = [false, true, false, true, true, true];
        assert_eq!(decide(delegated), (Standing::Delegated, 6));
        let table = [
            (1, NoCreatorRole),
            (2, Superuser),
            (3, NotCreator),
            (4, OtherRole),
            (5, FunctionOwner),
        ];
        for (index, obstacle) in table {
            let mut answers = delegated;
            answers[index] = !answers[index];
            assert_eq!(
                decide(answers),
                (Standing::Barred(obstacle), index + 1),
                "{answers:?}"
            );
        }
    }

    /// Of 64 combinations of answers, one makes a trigger a delegated one, and a
    /// superuser's fires whatever the other answers are.
    #[test]
    fn one_combination_delegates() {
        let mut delegated = 0;
        for bits in 0..64 {
            let answers = std::array::from_fn(|index| bits >> index & 1 == 1);
            let (standing, asked) = decide(answers);
            assert_eq!(standing == Standing::Superuser, answers[0]);
            assert!(!answers[0] || asked == 1);
            delegated += usize::from(standing == Standing::Delegated);
        }
        assert_eq!(delegated, 1);
    }

    /// Rule N4.
    #[test]
    fn who_may_own_a_trigger() {
        let given = Transfer {
            to_superuser: false,
            to_creator: false,
            from_superuser: true,
            enabled: true,
            restored: false,
        };
        let table = [
            (given, Ownership::Refused),
            (
                Transfer {
                    restored: true,
                    ..given
                },
                Ownership::Barred,
            ),
            (
                Transfer {
                    to_creator: true,
                    restored: true,
                    ..given
                },
                Ownership::Given,
            ),
            (
                Transfer {
                    to_superuser: true,
                    ..given
                },
                Ownership::Given,
            ),
            (
                Transfer {
                    to_superuser: true,
                    from_superuser: false,
                    ..given
                },
                Ownership::Disabled,
            ),
            (
                Transfer {
                    to_superuser: true,
                    from_superuser: false,
                    enabled: false,
                    ..given
                },
                Ownership::Given,
            ),
        ];
        for (transfer, ownership) in table {
            assert_eq!(super::ownership(&transfer), ownership, "{transfer:?}");
        }
    }
}
