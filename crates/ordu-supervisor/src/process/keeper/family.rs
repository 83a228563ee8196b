use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, getpgrp, wait};

use super::super::cgroup::{Group, RunGroup};
use super::super::mark::Nonce;
use super::super::wire::Reply;
use super::super::{ProcessExit, Signal, procfs};
use super::child::{Child, Newborn};
use super::end::exit_of;
use super::ending::{AGAIN, Due};
use super::orphans::Orphans;
use super::signs::Signs;

/// How often it is noted who descends from children that run, at most. The agent is heard of as often.
const NOTE_PERIOD: Duration = Duration::from_secs(1);

/// Which part of its time a keeper spends with that, at most: one of so many.
const NOTE_SHARE: u32 = 100;

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
    /// When at the earliest to note again who descends from all children.
    note_all_at: Duration,
}

impl Family {
    pub(super) fn add(&mut self, incarnation: u64, born: Newborn) {
        self.groups.insert(number(born.pid), incarnation);
        self.starts.insert(born.start, incarnation);
        self.children.insert(incarnation, Child::new(born));
    }

    /// Whether a child of this incarnation is not over yet.
    pub(super) fn holds(&self, incarnation: u64) -> bool {
        self.children.contains_key(&incarnation)
    }

    /// Signals the group of a child whose leader lives; says nothing if it does not.
    pub(super) fn signal(&mut self, incarnation: u64, signal: Signal) {
        let child = self.children.get_mut(&incarnation);
        if let Some(child) = child.filter(|child| child.lives()) {
            child.signal(signal);
        }
    }

    /// Sends a child its stop signal: to the group now, and to what else is left once its leader has ended. Until
    /// then the rest is the leader's to end, which may know a better way.
    pub(super) fn stop(&mut self, incarnation: u64, now: Duration) {
        if let Some(child) = self.children.get_mut(&incarnation)
            && child.end.ask(now)
        {
            child.ask_to_stop();
            self.ending.insert(incarnation);
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
        let all_noted = self.note(now);
        if self.ending.is_empty() && !all_noted {
            return;
        }
        let signs = Signs {
            children: &self.children,
            groups: &self.groups,
            starts: &self.starts,
            control_groups,
        };
        self.orphans.refresh(now, &signs);
        let unclear = self.orphans.some_are_unclear();
        let mut look_again = unclear.then_some(now + AGAIN);
        for incarnation in self.ending.clone() {
            let Some(child) = self.children.get_mut(&incarnation) else {
                continue;
            };
            child.noted.forget_ended();
            let orphans: Vec<Pid> = self.orphans.of(incarnation).collect();
            let all_known = !unclear || child.born.control_group.is_some();
            if let Some(exit) = child.end.first()
                && orphans.is_empty()
                && child.noted.is_empty()
                && all_known
            {
                // Who was moved below a parent that is not this process ends without a sign to it.
                if !child.is_populated() {
                    self.remove(incarnation);
                    report(Reply::Exited { incarnation, exit });
                    continue;
                }
                look_again = Some(now + AGAIN);
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
            if child.born.control_group.is_none() {
                look_again = look_again.into_iter().chain(child.end.next_look(now)).min();
            }
        }
        self.look_at = look_again;
    }

    /// Notes who descends from those that end and, from time to time, from all; says whether it was from all.
    ///
    /// A control group knows its processes by itself.
    fn note(&mut self, now: Duration) -> bool {
        let all = self.note_all_at <= now;
        let children = self.children.iter_mut();
        for (incarnation, child) in children.filter(|(_, child)| child.born.control_group.is_none()) {
            if all || self.ending.contains(incarnation) {
                child.note(self.orphans.of(*incarnation));
            }
        }
        if all {
            let took = procfs::since_boot().saturating_sub(now);
            self.note_all_at = now + (took * NOTE_SHARE).max(NOTE_PERIOD);
        }
        all
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

fn number(pid: Pid) -> i32 {
    pid.as_raw_nonzero().get()
}
