use std::collections::BTreeMap;
use std::time::Duration;

use rustix::process::Pid;

use super::super::cgroup::RunGroup;
use super::super::mark::{Marked, Nonce, mark_of};
use super::super::procfs;

/// How long a process that shows no environment may be just replacing its program; then it is believed to have none.
const MAY_CHANGE: Duration = Duration::from_millis(100);

/// Processes that the keeper adopted because their parent ended, and whose child each of them is.
///
/// An orphan is known by its control group, by its process group, or, if it left that, by the mark in its environment.
/// One that has none of these belongs to no child: it ends with the keeper.
#[derive(Debug, Default)]
pub(super) struct Orphans {
    known: BTreeMap<i32, Owner>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Child(u64),
    Nobody,
    /// It shows no environment since then: while a process replaces its program, there is none to see.
    Unclear(Duration),
}

impl Orphans {
    /// Looks who was adopted. `is_running` tells leaders from orphans, `group` says whose process group a
    /// number is, `marked` whose start a nonce is.
    pub(super) fn refresh(
        &mut self,
        now: Duration,
        is_running: impl Fn(Pid) -> bool,
        group: impl Fn(i32) -> Option<u64>,
        marked: impl Fn(Nonce) -> Option<u64>,
        control_groups: Option<&RunGroup>,
    ) {
        let mut seen = BTreeMap::new();
        for pid in procfs::children(rustix::process::getpid()) {
            if is_running(pid) {
                continue;
            }
            let number = pid.as_raw_nonzero().get();
            // Only this process reaps it, so until `forget` its number stays its own.
            let since = match self.known.get(&number) {
                Some(owner @ (Owner::Child(_) | Owner::Nobody)) => {
                    seen.insert(number, *owner);
                    continue;
                }
                Some(Owner::Unclear(since)) => *since,
                None => now,
            };
            let owner = match find_owner(pid, &group, &marked, control_groups) {
                Found::Owner(owner) => owner,
                Found::Unclear if now < since + MAY_CHANGE => Owner::Unclear(since),
                Found::Unclear => Owner::Nobody,
            };
            seen.insert(number, owner);
        }
        self.known = seen;
    }

    /// It was reaped.
    pub(super) fn forget(&mut self, pid: Pid) {
        self.known.remove(&pid.as_raw_nonzero().get());
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
            .any(|owner| matches!(owner, Owner::Unclear(_)))
    }
}

enum Found {
    Owner(Owner),
    Unclear,
}

fn find_owner(
    pid: Pid,
    group: impl Fn(i32) -> Option<u64>,
    marked: impl Fn(Nonce) -> Option<u64>,
    control_groups: Option<&RunGroup>,
) -> Found {
    let Ok(stat) = procfs::stat(pid) else {
        return Found::Owner(Owner::Nobody);
    };
    let in_control_group = || marked(control_groups?.start_of(pid)?);
    if let Some(child) = in_control_group().or_else(|| group(stat.group)) {
        return Found::Owner(Owner::Child(child));
    }
    match mark_of(pid) {
        Marked::Unclear if !stat.dead => Found::Unclear,
        Marked::With(mark) => Found::Owner(marked(mark.start).map_or(Owner::Nobody, Owner::Child)),
        Marked::Not | Marked::Unclear => Found::Owner(Owner::Nobody),
    }
}
