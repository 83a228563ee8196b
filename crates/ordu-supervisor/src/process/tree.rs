//! Ending a process with everything that descends from it.

use std::collections::{BTreeMap, BTreeSet};

use rustix::process::Pid;

use super::procfs::{self, Stat};
use super::{Signal, sys};

/// How often a tree that forks while it is being stopped is looked through before it is killed.
const STOP_ROUNDS: usize = 16;

/// Kills `roots` and all their descendants, with those of their process groups that `is_ours` lets through.
///
/// The tree is stopped first, until a look finds nobody new: what is stopped cannot fork, and a killed
/// parent would take with it the knowledge whose child its children were. For that reason it also says whom
/// it killed: they take a moment to be gone, and cannot be found by their descent any more.
pub(super) fn end(roots: &[Stat], is_ours: impl Fn(i32) -> bool) -> Vec<Stat> {
    let mut tree: BTreeMap<i32, Stat> = BTreeMap::new();
    let mut groups: BTreeSet<i32> = BTreeSet::new();
    for _ in 0..STOP_ROUNDS {
        let mut grew = false;
        for stat in families_of(roots.iter().copied()) {
            if tree.insert(number(stat.pid), stat).is_some() {
                continue;
            }
            grew = true;
            // A stopped process keeps its group, so the number of that cannot become another's. A signal
            // to a group is one act that no `fork` escapes.
            if procfs::signal_exactly(stat.pid, stat.start, Signal::STOP)
                && let Ok(stopped) = procfs::stat(stat.pid)
                && is_ours(stopped.group)
                && groups.insert(stopped.group)
            {
                signal_group(stopped.group, Signal::STOP);
            }
        }
        if !grew {
            break;
        }
    }
    for group in groups {
        signal_group(group, Signal::KILL);
    }
    for stat in tree.values() {
        procfs::signal_exactly(stat.pid, stat.start, Signal::KILL);
    }
    tree.into_values().collect()
}

/// A group that is gone already is as good as signalled.
fn signal_group(group: i32, signal: Signal) {
    if let Some(group) = Pid::from_raw(group) {
        let _ = sys::signal_group(group, signal);
    }
}

fn number(pid: Pid) -> i32 {
    pid.as_raw_nonzero().get()
}

/// These processes and their descendants, each once: those that still run.
pub(super) fn families_of(roots: impl IntoIterator<Item = Stat>) -> Vec<Stat> {
    let mut found: BTreeMap<i32, Stat> = BTreeMap::new();
    let mut open: Vec<Stat> = roots.into_iter().collect();
    while let Some(seen) = open.pop() {
        let Ok(now) = procfs::stat(seen.pid) else { continue };
        if now.dead || now.start != seen.start || found.contains_key(&number(seen.pid)) {
            continue;
        }
        found.insert(number(seen.pid), now);
        let children = procfs::children(seen.pid);
        // If it was reaped meanwhile, they may be the children of another that got its number. So may a child be
        // another process by now; then it has another parent.
        if procfs::stat(seen.pid).is_ok_and(|again| again.start == seen.start) {
            let children = children.into_iter().filter_map(|pid| procfs::stat(pid).ok());
            open.extend(children.filter(|child| child.parent == number(seen.pid)));
        }
    }
    found.into_values().collect()
}
