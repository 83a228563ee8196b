use ordu_crdt::Stamp;

use crate::Token;
use crate::registers::Rank;

/// A copy of a child on this node: what really is here, whatever the registers say.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Copy {
    pub(crate) birth: Stamp,
    pub(crate) run: Stamp,
    /// The token of its last start.
    pub(crate) token: Token,
    pub(crate) phase: Phase,
    /// Its first start has not returned, so no register speaks of it yet.
    pub(crate) unwritten: bool,
    /// That start was handed to another node before, which may have carried it out (S2.1).
    pub(crate) retried: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    /// The claim of a take-over is written and waits for its holders (S3.2). Nothing runs.
    Claiming,
    Starting,
    Running {
        os_pid: Option<u32>,
    },
    /// It ended and will be started again in place.
    Restarting,
    Stopping(StopWhy),
    /// Killed, and it did not die.
    Zombie,
}

/// Why a copy is being stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum StopWhy {
    /// A user stopped the child.
    Terminated,
    /// A user deleted it, or it is lost.
    Deleted,
    /// Its run finished elsewhere (S5.4).
    Finished,
    /// It is of a life that is over: a newer one began (S2.3).
    Void,
    /// Another copy won (S7).
    Conflict,
    /// A user restarted it: stop, then start (S5.3).
    Rerun,
    /// A store had seen a higher token, or an older life had a higher epoch: start again above it (S3.4).
    Outranked,
    /// This node leaves the cluster.
    Leave,
}

impl StopWhy {
    /// Whether the child goes on, here or elsewhere, though no user asked for a restart.
    pub(crate) const fn child_goes_on(self) -> bool {
        matches!(self, Self::Conflict | Self::Outranked | Self::Leave)
    }
}

impl Copy {
    pub(crate) fn rank(&self) -> Rank {
        Rank {
            birth: self.birth,
            token: self.token,
        }
    }
}
