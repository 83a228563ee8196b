use std::collections::BTreeMap;

use rustix::process::Pid;

use super::super::cgroup::RunGroup;
use super::super::mark::Nonce;
use super::super::procfs::Stat;
use super::child::Child;

/// What tells whose a process is: of the children that are not over.
#[derive(Debug)]
pub(super) struct Signs<'a> {
    pub(super) children: &'a BTreeMap<u64, Child>,
    /// Whose process group a number is.
    pub(super) groups: &'a BTreeMap<i32, u64>,
    /// Whose start a nonce is.
    pub(super) starts: &'a BTreeMap<Nonce, u64>,
    pub(super) control_groups: Option<&'a RunGroup>,
}

impl Signs<'_> {
    /// Whether it is the first process of a child, and not reaped.
    pub(super) fn is_leader(&self, pid: Pid) -> bool {
        let incarnation = self.groups.get(&pid.as_raw_nonzero().get());
        let child = incarnation.and_then(|incarnation| self.children.get(incarnation));
        child.is_some_and(Child::lives)
    }

    pub(super) fn is_present(&self, incarnation: u64) -> bool {
        self.children.contains_key(&incarnation)
    }

    /// Whose a process is by its control group, by having been seen below its parents, or by its process group.
    pub(super) fn owner_of(&self, stat: &Stat) -> Option<u64> {
        let by_control_group = || self.by_mark(self.control_groups?.start_of(stat.pid)?);
        by_control_group()
            .or_else(|| self.by_note(stat))
            .or_else(|| self.groups.get(&stat.group).copied())
    }

    pub(super) fn by_mark(&self, start: Nonce) -> Option<u64> {
        self.starts.get(&start).copied()
    }

    fn by_note(&self, stat: &Stat) -> Option<u64> {
        let mut children = self.children.iter();
        children
            .find(|(_, child)| child.noted.has(stat))
            .map(|(incarnation, _)| *incarnation)
    }

    /// Whose it must be, if there is one child only that was started before it.
    pub(super) fn only_possible(&self, stat: &Stat) -> Option<u64> {
        let mut elder = self
            .children
            .iter()
            .filter(|(_, child)| child.born.start_time <= stat.start);
        let (only, _) = elder.next()?;
        elder.next().is_none().then_some(*only)
    }
}
