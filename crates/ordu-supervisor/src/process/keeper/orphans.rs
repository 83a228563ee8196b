use std::collections::BTreeMap;
use std::time::Duration;

use rustix::process::Pid;

use super::super::mark::{Marked, mark_of};
use super::super::procfs::{self, Stat};
use super::signs::Signs;

/// How long a process that shows no environment may be just replacing its program; then it is believed to have none.
const MAY_CHANGE: Duration = Duration::from_millis(100);

/// Processes that the keeper adopted because their parent ended, and whose child each of them is.
///
/// An orphan is known by its control group; by having been seen below its parents; by its process group; or by the mark
/// in its environment. One that has none of these is of a child all the same, for the keeper starts nothing else: if
/// one child only is old enough, it is that one's. Otherwise nobody can tell, now or later: it ends with the keeper.
#[derive(Debug, Default)]
pub(super) struct Orphans {
    known: BTreeMap<i32, Owner>,
    /// Whose those were that were reaped since the last look.
    reaped: Vec<Owner>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Child(u64),
    Nobody,
    /// It shows no environment since then: while a process replaces its program, there is none to see. If it shows no
    /// mark in the end it is of the only child that it can be of.
    Unclear {
        since: Duration,
        only: Option<u64>,
    },
}

impl Orphans {
    /// Looks who was adopted.
    pub(super) fn refresh(&mut self, now: Duration, signs: &Signs<'_>) {
        let before = self.known.values().copied().chain(self.reaped.drain(..));
        // What these fork, and leave behind, is not of those children that are there now.
        let some_are_strays = before.into_iter().any(|owner| owner.is_stray(signs));
        let mut seen = BTreeMap::new();
        for pid in procfs::children(rustix::process::getpid()) {
            if signs.is_leader(pid) {
                continue;
            }
            let number = pid.as_raw_nonzero().get();
            // Only this process reaps it, so until `forget` its number stays its own.
            let known = self.known.get(&number).copied();
            if let Some(owner @ (Owner::Child(_) | Owner::Nobody)) = known {
                seen.insert(number, owner);
                continue;
            }
            let Ok(stat) = procfs::stat(pid) else { continue };
            let (since, only) = match known {
                Some(Owner::Unclear { since, only }) => (since, only),
                _ if some_are_strays => (now, None),
                _ => (now, signs.only_possible(&stat)),
            };
            let owner = match find_owner(&stat, signs) {
                Found::Owner(owner) => owner,
                Found::Unclear if now < since + MAY_CHANGE => Owner::Unclear { since, only },
                Found::Unclear | Found::Unmarked => only.map_or(Owner::Nobody, Owner::Child),
            };
            seen.insert(number, owner);
        }
        self.known = seen;
    }

    /// It was reaped.
    pub(super) fn forget(&mut self, pid: Pid) {
        self.reaped.extend(self.known.remove(&pid.as_raw_nonzero().get()));
    }

    /// Those of one child.
    pub(super) fn of(&self, incarnation: u64) -> impl Iterator<Item = Pid> {
        let of_it = move |(pid, owner): (&i32, &Owner)| {
            Pid::from_raw(*pid).filter(|_| *owner == Owner::Child(incarnation))
        };
        self.known.iter().filter_map(of_it)
    }

    /// Whether there is one that may belong to any child that has a mark.
    pub(super) fn some_are_unclear(&self) -> bool {
        self.known
            .values()
            .any(|owner| matches!(owner, Owner::Unclear { .. }))
    }
}

impl Owner {
    /// Whether it may be of a child that is over.
    fn is_stray(self, signs: &Signs<'_>) -> bool {
        match self {
            Self::Child(child) => !signs.is_present(child),
            Self::Nobody => true,
            Self::Unclear { only, .. } => !only.is_some_and(|child| signs.is_present(child)),
        }
    }
}

enum Found {
    Owner(Owner),
    Unclear,
    Unmarked,
}

fn find_owner(stat: &Stat, signs: &Signs<'_>) -> Found {
    if let Some(child) = signs.owner_of(stat) {
        return Found::Owner(Owner::Child(child));
    }
    match mark_of(stat.pid) {
        Marked::Unclear if !stat.dead => Found::Unclear,
        // If it is that of no child here, then that of one that is over, or of another keeper that a child has.
        Marked::With(mark) => Found::Owner(signs.by_mark(mark.start).map_or(Owner::Nobody, Owner::Child)),
        Marked::Not | Marked::Unclear => Found::Unmarked,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Signal;
    use super::super::super::mark::Nonce;
    use super::super::child::{Child, Newborn};
    use super::*;

    /// A child with this start time.
    fn child(start_time: u64) -> Child {
        Child::new(Newborn {
            pid: Pid::INIT,
            start_time,
            start: Nonce::planted(1),
            control_group: None,
            stop_signal: Signal::TERM,
            leftover_timeout: Duration::ZERO,
        })
    }

    fn started_at(start: u64) -> Stat {
        Stat {
            start,
            ..procfs::stat(rustix::process::getpid()).unwrap()
        }
    }

    #[test]
    fn an_orphan_without_a_sign_is_of_a_child_only_if_no_other_was_there_before_it() {
        let children = BTreeMap::from([(1, child(10)), (2, child(20))]);
        let signs = Signs {
            children: &children,
            groups: &BTreeMap::new(),
            starts: &BTreeMap::new(),
            control_groups: None,
        };

        assert_eq!(signs.only_possible(&started_at(9)), None);
        assert_eq!(signs.only_possible(&started_at(10)), Some(1));
        assert_eq!(signs.only_possible(&started_at(19)), Some(1));
        // In the same tick of the clock either may have been the first.
        assert_eq!(signs.only_possible(&started_at(20)), None);
    }

    #[test]
    fn who_may_be_of_a_child_that_is_over_is_a_stray() {
        let children = BTreeMap::from([(1, child(10))]);
        let signs = Signs {
            children: &children,
            groups: &BTreeMap::new(),
            starts: &BTreeMap::new(),
            control_groups: None,
        };
        let unclear = |only| Owner::Unclear {
            since: Duration::ZERO,
            only,
        };

        for owner in [Owner::Child(1), unclear(Some(1))] {
            assert!(!owner.is_stray(&signs), "{owner:?}");
        }
        for owner in [Owner::Nobody, Owner::Child(2), unclear(Some(2)), unclear(None)] {
            assert!(owner.is_stray(&signs), "{owner:?}");
        }
    }
}
