//! Ending processes that lost their keeper.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitId, WaitIdOptions, WaitOptions, getpid, waitid, waitpid};

use super::cgroup::RunGroup;
use super::mark::{Marked, Nonce, mark_of};
use super::own_child::OwnChild;
use super::procfs::{self, Stat};
use super::tree;

/// How long the processes together may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between two looks. A process that is just replacing its program shows no mark, but does so at the next look.
const PAUSE: Duration = Duration::from_millis(5);

/// What is known of all that one keeper started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Remains {
    /// The first part of their marks.
    pub(super) run: Nonce,
    pub(super) group: Option<RunGroup>,
    pub(super) session: Session,
    /// The pids of first processes, which are their groups too, and their start times.
    pub(super) leaders: BTreeSet<(u32, u64)>,
}

/// The session that a keeper made, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Session {
    /// The number has been the keeper's all the time, so every member of it is a child's.
    Certain(u32),
    /// The keeper may be long gone, and the number another's.
    Recorded(u32),
}

/// Ends what a keeper leaves behind, after it died unasked. It must not be reaped yet. Says whether all is gone.
pub(super) fn end_children_of(keeper: &OwnChild, remains: &Remains) -> bool {
    if let Some(pid) = i32::try_from(keeper.id()).ok().and_then(Pid::from_raw) {
        // Until it is dead, it could start another one.
        let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
    }
    end(remains)
}

/// Kills all that remains, with groups and descendants, and waits until it is gone. Says whether it is.
pub(super) fn end(remains: &Remains) -> bool {
    let started = Instant::now();
    // 0, if it was made outside of the container whose first process this is.
    let own_group = procfs::stat(getpid()).map_or(0, |own| own.group);
    let own_pid = getpid().as_raw_nonzero().get();
    let mut killed: Vec<Stat> = Vec::new();
    let mut looked_in_vain = 0;
    while looked_in_vain < 2 && started.elapsed() < PATIENCE {
        if let Some(group) = &remains.group {
            group.kill();
        }
        killed.retain(procfs::runs);
        let mut left = killed.clone();
        for stat in procfs::all().into_iter().filter(|stat| is_left(stat, remains)) {
            if !stat.dead {
                left.push(stat);
            } else if stat.parent == own_pid {
                // Orphans come to this process if it is the first of its container: nobody else reaps them.
                let _ = waitpid(Some(stat.pid), WaitOptions::NOHANG);
            }
        }
        let is_populated = remains.group.as_ref().is_some_and(RunGroup::is_populated);
        looked_in_vain = if left.is_empty() && !is_populated {
            looked_in_vain + 1
        } else {
            0
        };
        killed = tree::end(&left, |group| group != own_group);
        std::thread::sleep(PAUSE);
    }
    if let Some(group) = &remains.group {
        group.remove();
    }
    looked_in_vain >= 2
}

/// Whether a process is one of those that lost their keeper; their descendants are found from them.
fn is_left(stat: &Stat, remains: &Remains) -> bool {
    if stat.pid == getpid() {
        return false;
    }
    let is = |number: i32, other: u32| u32::try_from(number) == Ok(other);
    let leads = |number: i32| remains.leaders.iter().any(|(leader, _)| is(number, *leader));
    let pid = stat.pid.as_raw_nonzero().get();
    let in_session = match remains.session {
        Session::Certain(keeper) => is(stat.session, keeper) && !is(pid, keeper),
        // That both numbers were given anew, in this combination, is not to be expected. What the keeper forked in its
        // last moment may not be on record, and not have its mark yet: it still has the name of the keeper.
        Session::Recorded(keeper) => is(stat.session, keeper) && (leads(stat.group) || stat.is_keeper),
    };
    in_session
        || remains
            .leaders
            .iter()
            .any(|(leader, start)| is(pid, *leader) && stat.start == *start)
        || matches!(mark_of(stat.pid), Marked::With(mark) if mark.run == remains.run)
}
