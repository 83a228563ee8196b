use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, getpgrp, wait};

use super::super::cgroup::{Group, RunGroup};
use super::super::mark::Nonce;
use super::super::procfs::Stat;
use super::super::wire::Reply;
use super::super::{ProcessExit, Signal, procfs, sys, tree};
use super::end::exit_of;
use super::ending::{AGAIN, Due, Ending};
use super::orphans::Orphans;

/// The children of a keeper.
///
/// A child is over when its leader is reaped **and** nothing else of it is left. So whoever starts the next
/// incarnation on the report never has two at once.
#[derive(Debug, Default)]
pub(super) struct Family {
    children: BTreeMap<u64, Child>,
    /// Whose process group a number is. A later child may get the number of an earlier one whose group is
    /// empty; it then is the later one's.
    groups: BTreeMap<i32, u64>,
    /// Whose start a nonce is.
    starts: BTreeMap<Nonce, u64>,
    /// Those that end: to be looked at.
    ending: BTreeSet<u64>,
    orphans: Orphans,
    /// When to look again at what is not clear yet.
    look_at: Option<Duration>,
}

/// A child that was just started.
#[derive(Debug)]
pub(super) struct Newborn {
    pub(super) pid: Pid,
    pub(super) start: Nonce,
    pub(super) control_group: Option<Group>,
    pub(super) stop_signal: Signal,
    pub(super) leftover_timeout: Duration,
}

#[derive(Debug)]
struct Child {
    born: Newborn,
    end: Ending,
    /// Whom the last kill hit and who may not be gone yet. When their parents are, they are orphans that
    /// may show no sign of whose they were.
    killed: Vec<Stat>,
}

impl Family {
    pub(super) fn add(&mut self, incarnation: u64, born: Newborn) {
        self.groups.insert(number(born.pid), incarnation);
        self.starts.insert(born.start, incarnation);
        let child = Child {
            born,
            end: Ending::default(),
            killed: Vec::new(),
        };
        self.children.insert(incarnation, child);
    }

    /// Whether a child of this incarnation is not over yet.
    pub(super) fn holds(&self, incarnation: u64) -> bool {
        self.children.contains_key(&incarnation)
    }

    /// Signals the group of a child whose leader lives; says nothing if it does not.
    pub(super) fn signal(&self, incarnation: u64, signal: Signal) {
        // An unreaped leader keeps the number of its group from being another's.
        if let Some(child) = self.children.get(&incarnation).filter(|child| child.lives()) {
            let _ = sys::signal_group(child.born.pid, signal);
        }
    }

    /// Sends a child its stop signal: to the group now, and to what else is left once its leader has ended. Until
    /// then the rest is the leader's to end, which may know a better way.
    pub(super) fn stop(&mut self, incarnation: u64) {
        if let Some(child) = self.children.get_mut(&incarnation)
            && child.end.ask()
        {
            let _ = sys::signal_group(child.born.pid, child.born.stop_signal);
            // What is suspended would not hear it.
            let _ = sys::signal_group(child.born.pid, Signal::CONT);
        }
    }

    /// Kills all of a child, now and until nothing is left.
    pub(super) fn kill(&mut self, incarnation: u64, now: Duration) {
        if let Some(child) = self.children.get_mut(&incarnation) {
            child.end.kill(now);
            self.ending.insert(incarnation);
        }
    }

    /// Reaps what has ended.
    pub(super) fn reap(&mut self, now: Duration) {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) => self.reaped(pid, exit_of(status), now),
                Err(Errno::INTR) => {}
                Ok(None) | Err(_) => break,
            }
        }
    }

    pub(super) fn reaped(&mut self, pid: Pid, exit: ProcessExit, now: Duration) {
        self.orphans.forget(pid);
        let Some(&incarnation) = self.groups.get(&number(pid)) else {
            return;
        };
        let Some(child) = self.children.get_mut(&incarnation) else {
            return;
        };
        if child.lives() {
            child.end.first_ended(exit, now, child.born.leftover_timeout);
            self.ending.insert(incarnation);
        }
    }

    /// Carries on with those that end; reports those that are over.
    pub(super) fn attend(
        &mut self,
        now: Duration,
        control_groups: Option<&RunGroup>,
        mut report: impl FnMut(Reply),
    ) {
        self.look_at = None;
        if self.ending.is_empty() {
            return;
        }
        self.orphans.refresh(
            now,
            |pid| is_leader(&self.children, &self.groups, pid),
            |group| self.groups.get(&group).copied(),
            |start| self.starts.get(&start).copied(),
            control_groups,
        );
        let unclear = self.orphans.some_are_unclear();
        let mut look_again = unclear;
        for incarnation in self.ending.clone() {
            let Some(child) = self.children.get_mut(&incarnation) else {
                continue;
            };
            child.killed.retain(procfs::runs);
            let orphans: Vec<Pid> = self.orphans.of(incarnation).collect();
            let all_known = !unclear || child.born.control_group.is_some();
            if let Some(exit) = child.end.first()
                && orphans.is_empty()
                && child.killed.is_empty()
                && all_known
            {
                // Who was moved below a parent that is not this process ends without a sign to it.
                if !child.is_populated() {
                    self.remove(incarnation);
                    report(Reply::Exited { incarnation, exit });
                    continue;
                }
                look_again = true;
            }
            match child.end.due(now, all_known) {
                Due::Nothing => {}
                Due::Tell { group_too } => child.tell(&orphans, group_too),
                Due::Kill => {
                    let own_group = number(getpgrp());
                    child.kill(&orphans, |group| {
                        group != own_group
                            && self.groups.get(&group).is_none_or(|owner| *owner == incarnation)
                    });
                }
            }
        }
        self.look_at = look_again.then_some(now + AGAIN);
    }

    /// When there is something to do next.
    pub(super) fn next_deadline(&self) -> Option<Duration> {
        let kills = self
            .ending
            .iter()
            .filter_map(|incarnation| self.children.get(incarnation)?.end.deadline());
        kills.chain(self.look_at).min()
    }

    /// Everything was ended: reports all that were not over before.
    pub(super) fn report_all(&mut self, mut report: impl FnMut(Reply)) {
        for (incarnation, child) in std::mem::take(&mut self.children) {
            report(Reply::Exited {
                incarnation,
                exit: child.end.first().unwrap_or(ProcessExit::Lost),
            });
        }
    }

    fn remove(&mut self, incarnation: u64) {
        let Some(child) = self.children.remove(&incarnation) else {
            return;
        };
        self.ending.remove(&incarnation);
        if self.groups.get(&number(child.born.pid)) == Some(&incarnation) {
            self.groups.remove(&number(child.born.pid));
        }
        self.starts.remove(&child.born.start);
        child.born.control_group.into_iter().for_each(Group::remove);
    }
}

impl Child {
    /// Whether its leader is not reaped yet.
    fn lives(&self) -> bool {
        self.end.first().is_none()
    }

    fn is_populated(&self) -> bool {
        self.born.control_group.as_ref().is_some_and(Group::is_populated)
    }

    /// Sends the stop signal to what its leader left behind. Who is forked meanwhile is not told: it may be a part of
    /// how the others end.
    fn tell(&self, orphans: &[Pid], group_too: bool) {
        let mut left: BTreeMap<i32, Stat> = BTreeMap::new();
        let grouped = self.born.control_group.as_ref().map(Group::members);
        let roots = orphans.iter().copied().chain(grouped.into_iter().flatten());
        for stat in roots.filter_map(|pid| procfs::stat(pid).ok()) {
            left.extend(
                tree::family_of(&stat)
                    .into_iter()
                    .map(|stat| (number(stat.pid), stat)),
            );
        }
        for stat in left.into_values() {
            if group_too || stat.group != number(self.born.pid) {
                procfs::signal_exactly(stat.pid, stat.start, self.born.stop_signal);
                procfs::signal_exactly(stat.pid, stat.start, Signal::CONT);
            }
        }
    }

    /// Kills what there is of it.
    fn kill(&mut self, orphans: &[Pid], is_ours: impl Fn(i32) -> bool) {
        if let Some(group) = &self.born.control_group {
            group.kill();
        }
        let leader = self.lives().then_some(self.born.pid);
        let mut roots: Vec<Stat> = orphans
            .iter()
            .copied()
            .chain(leader)
            .filter_map(|pid| procfs::stat(pid).ok())
            .collect();
        roots.append(&mut self.killed);
        self.killed = tree::end(&roots, is_ours);
    }
}

fn is_leader(children: &BTreeMap<u64, Child>, groups: &BTreeMap<i32, u64>, pid: Pid) -> bool {
    let child = groups
        .get(&number(pid))
        .and_then(|incarnation| children.get(incarnation));
    child.is_some_and(Child::lives)
}

fn number(pid: Pid) -> i32 {
    pid.as_raw_nonzero().get()
}
