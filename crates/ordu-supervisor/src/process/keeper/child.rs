use std::time::Duration;

use rustix::process::Pid;

use super::super::cgroup::Group;
use super::super::mark::Nonce;
use super::super::procfs::Stat;
use super::super::{Signal, procfs, sys, tree};
use super::ending::Ending;
use super::noted::Noted;

/// A child that was just started.
#[derive(Debug)]
pub(super) struct Newborn {
    pub(super) pid: Pid,
    /// In clock ticks since the machine started; 0 if that is not known.
    pub(super) start_time: u64,
    pub(super) start: Nonce,
    pub(super) control_group: Option<Group>,
    pub(super) stop_signal: Signal,
    pub(super) leftover_timeout: Duration,
}

/// A child that is not over.
#[derive(Debug)]
pub(super) struct Child {
    pub(super) born: Newborn,
    pub(super) end: Ending,
    /// Who was seen below its leader, or was hit by a kill and may not be gone yet. When their parents are, they are
    /// orphans that may show no sign of whose they were.
    pub(super) noted: Noted,
}

impl Child {
    pub(super) fn new(born: Newborn) -> Self {
        Self {
            born,
            end: Ending::default(),
            noted: Noted::default(),
        }
    }

    /// Whether its leader is not reaped yet.
    pub(super) fn lives(&self) -> bool {
        self.end.first().is_none()
    }

    pub(super) fn is_populated(&self) -> bool {
        self.born.control_group.as_ref().is_some_and(Group::is_populated)
    }

    /// Signals the process group of its leader, which must not be reaped: so it keeps the number of the group from
    /// being another's. Who is orphaned by that is known from before.
    pub(super) fn signal(&mut self, signal: Signal) {
        self.note([]);
        let _ = sys::signal_group(self.born.pid, signal);
    }

    /// Sends it its stop signal.
    pub(super) fn ask_to_stop(&mut self) {
        self.signal(self.born.stop_signal);
        // What is suspended would not hear it.
        let _ = sys::signal_group(self.born.pid, Signal::CONT);
    }

    /// Notes who descends from it.
    pub(super) fn note(&mut self, orphans: impl IntoIterator<Item = Pid>) {
        let leader = self.lives().then_some(self.born.pid);
        let roots = leader.into_iter().chain(orphans);
        self.noted.look(roots.filter_map(|pid| procfs::stat(pid).ok()));
    }

    /// Sends the stop signal to what its leader left behind. Who is forked meanwhile is not told: it may be a part of
    /// how the others end.
    pub(super) fn tell(&self, orphans: &[Pid], group_too: bool) {
        let grouped = self.born.control_group.as_ref().map(Group::members);
        let roots = orphans.iter().copied().chain(grouped.into_iter().flatten());
        let roots = roots.filter_map(|pid| procfs::stat(pid).ok());
        for stat in tree::families_of(roots.chain(self.noted.iter())) {
            if group_too || stat.group != self.born.pid.as_raw_nonzero().get() {
                procfs::signal_exactly(stat.pid, stat.start, self.born.stop_signal);
                procfs::signal_exactly(stat.pid, stat.start, Signal::CONT);
            }
        }
    }

    /// Kills what there is of it, and those of its process groups that `is_ours` lets through.
    pub(super) fn kill(&mut self, orphans: &[Pid], is_ours: impl Fn(i32) -> bool) {
        if let Some(group) = &self.born.control_group {
            group.kill();
        }
        let leader = self.lives().then_some(self.born.pid);
        let roots = orphans.iter().copied().chain(leader);
        let roots: Vec<Stat> = roots
            .filter_map(|pid| procfs::stat(pid).ok())
            .chain(self.noted.iter())
            .collect();
        self.noted.add(tree::end(&roots, is_ours));
    }
}
