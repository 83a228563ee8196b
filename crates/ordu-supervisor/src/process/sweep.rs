//! Ending processes that lost their keeper.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitId, WaitIdOptions, WaitOptions, getpgrp, getpid, waitid, waitpid};

use super::own_child::OwnChild;
use super::procfs::{self, Stat};
use super::tree;

/// How long the processes together may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is known of one child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// The pid of its first process, which is its group too, and the start time; `None` if the keeper had
    /// not told yet.
    pub(super) identity: Option<(u32, u64)>,
    /// The entry of its environment that no other child has.
    pub(super) mark: Option<Vec<u8>>,
}

/// The session that a keeper made, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Session {
    /// The number has been the keeper's all the time, so every member of it is a child's.
    Certain(u32),
    /// The keeper may be long gone, and the number another's.
    Recorded(u32),
}

/// Ends what a keeper leaves behind, after it died unasked. It must not be reaped yet.
pub(super) fn end_children_of(keeper: &OwnChild, targets: &[Target]) {
    if let Some(pid) = i32::try_from(keeper.id()).ok().and_then(Pid::from_raw) {
        // Until it is dead, it could start another one.
        let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
    }
    end(Session::Certain(keeper.id()), targets);
}

/// Kills the targets, their groups and descendants, and waits until they are gone.
pub(super) fn end(session: Session, targets: &[Target]) {
    let started = Instant::now();
    let own_group = getpgrp().as_raw_nonzero().get();
    let own_pid = getpid().as_raw_nonzero().get();
    let mut killed: Vec<Stat> = Vec::new();
    let mut looked_in_vain = 0;
    // A process that is just replacing its program shows no mark, but does so at the next look.
    while looked_in_vain < 2 && started.elapsed() < PATIENCE {
        killed.retain(procfs::runs);
        let mut left = killed.clone();
        for stat in procfs::all()
            .into_iter()
            .filter(|stat| is_left(stat, session, targets))
        {
            if !stat.dead {
                left.push(stat);
            } else if stat.parent == own_pid {
                // Orphans come to this process if it is the first of its container: nobody else reaps them.
                let _ = waitpid(Some(stat.pid), WaitOptions::NOHANG);
            }
        }
        looked_in_vain = if left.is_empty() { looked_in_vain + 1 } else { 0 };
        killed = tree::end(&left, |group| group != own_group);
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Whether a process is one of those that lost their keeper; their descendants are found from them.
fn is_left(stat: &Stat, session: Session, targets: &[Target]) -> bool {
    if stat.pid == getpid() {
        return false;
    }
    let is = |number: i32, other: u32| u32::try_from(number) == Ok(other);
    let pid = stat.pid.as_raw_nonzero().get();
    let in_session = match session {
        Session::Certain(keeper) => is(stat.session, keeper) && !is(pid, keeper),
        // That both numbers were given anew, in this combination, is not to be expected.
        Session::Recorded(keeper) => {
            let groups: BTreeSet<u32> = targets.iter().filter_map(|it| Some(it.identity?.0)).collect();
            is(stat.session, keeper) && stat.group.try_into().is_ok_and(|group| groups.contains(&group))
        }
    };
    in_session
        || targets.iter().any(|target| {
            target
                .identity
                .is_some_and(|(it, start)| is(pid, it) && stat.start == start)
        })
        || has_a_mark(stat.pid, targets)
}

fn has_a_mark(pid: Pid, targets: &[Target]) -> bool {
    if targets.iter().all(|target| target.mark.is_none()) {
        return false;
    }
    let environment = procfs::environment(pid);
    let mut entries = environment.split(|&byte| byte == 0);
    entries.any(|entry| targets.iter().any(|target| target.mark.as_deref() == Some(entry)))
}
