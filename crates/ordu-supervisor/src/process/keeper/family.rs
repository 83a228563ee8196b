use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, getpgrp, wait};

use super::super::procfs::Stat;
use super::super::wire::Reply;
use super::super::{ProcessExit, Signal, procfs, sys, tree};
use super::end::exit_of;
use super::orphans::Orphans;

/// How long after a kill it is looked again whether something was missed.
const AGAIN: Duration = Duration::from_millis(10);

/// The children of a keeper.
///
/// A child is over when its leader is reaped **and** nothing else of it is left: what a leader leaves
/// behind gets the drain limit to finish its output and is killed then. So whoever starts the next
/// incarnation on the report never has two at once.
#[derive(Debug, Default)]
pub(super) struct Family {
    children: BTreeMap<u64, Child>,
    /// Whose process group a number is. A later child may get the number of an earlier one whose group is
    /// empty; it then is the later one's.
    groups: BTreeMap<i32, u64>,
    marks: BTreeMap<Vec<u8>, u64>,
    /// Those that end: to be looked at.
    ending: BTreeSet<u64>,
    orphans: Orphans,
    /// When to look again at orphans whose child is not clear yet.
    look_at: Option<Duration>,
}

#[derive(Debug)]
struct Child {
    pid: Pid,
    mark: Option<Vec<u8>>,
    drain_limit: Duration,
    /// How its leader ended, once it is reaped; from then on its pid is only the number of its group.
    leader_exit: Option<ProcessExit>,
    /// When to kill what is left of it.
    kill_at: Option<Duration>,
    /// Whom the last kill hit and who may not be gone yet. When their parents are, they are orphans that
    /// may show no sign of whose they were.
    killed: Vec<Stat>,
}

impl Family {
    pub(super) fn add(&mut self, incarnation: u64, pid: Pid, mark: Option<Vec<u8>>, drain_limit: Duration) {
        self.groups.insert(number(pid), incarnation);
        if let Some(mark) = &mark {
            self.marks.insert(mark.clone(), incarnation);
        }
        let child = Child {
            pid,
            mark,
            drain_limit,
            leader_exit: None,
            kill_at: None,
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
        if let Some(child) = self
            .children
            .get(&incarnation)
            .filter(|child| child.leader_exit.is_none())
        {
            let _ = sys::signal_group(child.pid, signal);
        }
    }

    /// Kills all of a child, now and until nothing is left.
    pub(super) fn kill(&mut self, incarnation: u64, now: Duration) {
        if let Some(child) = self.children.get_mut(&incarnation) {
            child.kill_at = Some(now);
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
        if child.leader_exit.is_none() {
            child.leader_exit = Some(exit);
            child.kill_at.get_or_insert(now + child.drain_limit);
            self.ending.insert(incarnation);
        }
    }

    /// Carries on with those that end; reports those that are over.
    pub(super) fn attend(&mut self, now: Duration, mut report: impl FnMut(Reply)) {
        self.look_at = None;
        if self.ending.is_empty() {
            return;
        }
        self.orphans.refresh(
            |pid| is_leader(&self.children, &self.groups, pid),
            |group| self.groups.get(&group).copied(),
            |entry| self.marks.get(entry).copied(),
        );
        let unclear = self.orphans.some_are_unclear();
        self.look_at = unclear.then_some(now + AGAIN);
        for incarnation in self.ending.clone() {
            let Some(child) = self.children.get_mut(&incarnation) else {
                continue;
            };
            child.killed.retain(procfs::runs);
            let leader = child.leader_exit.is_none().then_some(child.pid);
            let left: Vec<Pid> = self.orphans.of(incarnation).chain(leader).collect();
            let may_have_more = unclear && child.mark.is_some();
            match child.leader_exit {
                Some(exit) if left.is_empty() && child.killed.is_empty() && !may_have_more => {
                    self.remove(incarnation);
                    report(Reply::Exited { incarnation, exit });
                }
                _ if child.kill_at.is_some_and(|at| at <= now) => {
                    child.kill_at = Some(now + AGAIN);
                    let mut roots: Vec<Stat> = left
                        .into_iter()
                        .filter_map(|pid| procfs::stat(pid).ok())
                        .collect();
                    roots.append(&mut child.killed);
                    let own_group = number(getpgrp());
                    child.killed = tree::end(&roots, |group| {
                        group != own_group
                            && self.groups.get(&group).is_none_or(|owner| *owner == incarnation)
                    });
                }
                _ => {}
            }
        }
    }

    /// When there is something to do next.
    pub(super) fn next_deadline(&self) -> Option<Duration> {
        let kills = self
            .ending
            .iter()
            .filter_map(|incarnation| self.children.get(incarnation)?.kill_at);
        kills.chain(self.look_at).min()
    }

    /// Everything was ended: reports all that were not over before.
    pub(super) fn report_all(&mut self, mut report: impl FnMut(Reply)) {
        for (incarnation, child) in std::mem::take(&mut self.children) {
            report(Reply::Exited {
                incarnation,
                exit: child.leader_exit.unwrap_or(ProcessExit::Lost),
            });
        }
    }

    fn remove(&mut self, incarnation: u64) {
        let Some(child) = self.children.remove(&incarnation) else {
            return;
        };
        self.ending.remove(&incarnation);
        if self.groups.get(&number(child.pid)) == Some(&incarnation) {
            self.groups.remove(&number(child.pid));
        }
        if let Some(mark) = child
            .mark
            .filter(|mark| self.marks.get(mark) == Some(&incarnation))
        {
            self.marks.remove(&mark);
        }
    }
}

fn is_leader(children: &BTreeMap<u64, Child>, groups: &BTreeMap<i32, u64>, pid: Pid) -> bool {
    let child = groups
        .get(&number(pid))
        .and_then(|incarnation| children.get(incarnation));
    child.is_some_and(|child| child.leader_exit.is_none())
}

fn number(pid: Pid) -> i32 {
    pid.as_raw_nonzero().get()
}
