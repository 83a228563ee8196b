use alloc::string::String;

use ordu_crdt::{Dot, Stamp};
use serde::{Deserialize, Serialize};

use crate::{NodeId, Token};

/// Who runs a child, or ran it last (S2.2). Only owners write claims.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Claim {
    /// The life it is about; void if it is not the intent's.
    pub(crate) birth: Stamp,
    /// The operation that created that life: who has seen it and holds no intent of it knows that it is over (S2.1).
    pub(crate) born: Dot,
    /// The run it is about.
    pub(crate) run: Stamp,
    /// The token of the last start: epoch and owner.
    pub(crate) token: Token,
    /// Whose claim this one replaced.
    pub(crate) previous: Option<NodeId>,
    pub(crate) state: ClaimState,
    /// Automatic restarts since `run`.
    pub(crate) restarts: u32,
    /// Nodes that gave up on it since `run`.
    pub(crate) relocations: u32,
    /// Process id on the owner, while it runs.
    pub(crate) os_pid: Option<u32>,
    /// Why the child last ended.
    pub(crate) reason: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum ClaimState {
    Starting,
    Running,
    Restarting,
    /// Stopped because a user wanted it.
    Stopped,
    /// The owner gives the child to another node: it used up the restart budget, or leaves and has stopped it.
    Relocating,
    /// No node is to try again until a user restarts it (S2.5).
    Failed,
    /// It does not die; nobody may start it beside itself silently.
    Zombie,
}

/// The order of claims (S2.2): never the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Rank {
    pub(crate) birth: Stamp,
    pub(crate) token: Token,
}

impl Claim {
    pub(crate) fn rank(&self) -> Rank {
        Rank {
            birth: self.birth,
            token: self.token,
        }
    }

    /// The same with a reason, of which no more than is worth replicating is kept.
    pub(crate) fn because(self, reason: &str) -> Self {
        const MOST: usize = 500;
        Self {
            reason: Some(reason.chars().take(MOST).collect()),
            ..self
        }
    }

    pub(crate) fn owner(&self) -> NodeId {
        self.token.owner
    }
}
