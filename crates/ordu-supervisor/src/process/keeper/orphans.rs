use std::collections::BTreeMap;

use rustix::process::Pid;

use super::super::procfs;

/// How often a process that shows no environment is looked at before it is believed to have none.
const LOOKS: u8 = 5;

/// Processes that the keeper adopted because their parent ended, and whose child each of them is.
///
/// An orphan is known by its process group, or, if it left that, by the mark in its environment. One that
/// has neither belongs to no child: it ends with the keeper.
#[derive(Debug, Default)]
pub(super) struct Orphans {
    known: BTreeMap<i32, Owner>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Child(u64),
    Nobody,
    /// It showed no environment so many times: while a process replaces its program, there is none to see.
    Unclear(u8),
}

impl Orphans {
    /// Looks who was adopted. `is_running` tells leaders from orphans, `group` says whose process group a
    /// number is, `marked` whose mark an entry of an environment is.
    pub(super) fn refresh(
        &mut self,
        is_running: impl Fn(Pid) -> bool,
        group: impl Fn(i32) -> Option<u64>,
        marked: impl Fn(&[u8]) -> Option<u64>,
    ) {
        let mut seen = BTreeMap::new();
        for pid in procfs::children(rustix::process::getpid()) {
            if is_running(pid) {
                continue;
            }
            let number = pid.as_raw_nonzero().get();
            // Only this process reaps it, so until `forget` its number stays its own.
            let owner = match self.known.get(&number) {
                Some(owner @ (Owner::Child(_) | Owner::Nobody)) => *owner,
                Some(Owner::Unclear(looks)) => find_owner(pid, *looks + 1, &group, &marked),
                None => find_owner(pid, 1, &group, &marked),
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

fn find_owner(
    pid: Pid,
    looks: u8,
    group: impl Fn(i32) -> Option<u64>,
    marked: impl Fn(&[u8]) -> Option<u64>,
) -> Owner {
    let Ok(stat) = procfs::stat(pid) else {
        return Owner::Nobody;
    };
    if let Some(child) = group(stat.group) {
        return Owner::Child(child);
    }
    let environment = procfs::environment(pid);
    match environment.split(|&byte| byte == 0).find_map(marked) {
        Some(child) => Owner::Child(child),
        None if environment.is_empty() && !stat.dead && looks < LOOKS => Owner::Unclear(looks),
        None => Owner::Nobody,
    }
}
