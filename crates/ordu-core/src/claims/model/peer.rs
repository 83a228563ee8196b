use alloc::collections::BTreeSet;

use ordu_crdt::Stamp;

use super::map::{Vector, nothing};
use crate::claims::Claims;
use crate::planted::Planted;
use crate::registers::Rank;
use crate::{NodeId, Token};

/// One machine, with the node that runs on it now or last did.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Peer {
    /// Which boot: decides its id. A later boot has the higher one (S1.6).
    pub(super) boot: usize,
    pub(super) up: bool,
    /// It caught up with another node since it booted, or was there from the beginning (S4.6).
    pub(super) ready: bool,
    /// The real thing.
    pub(super) claims: Claims,
    /// What it holds of the map.
    pub(super) seen: Vector,
    /// The lives that it has seen deleted. It does not know that itself: nobody sees it but the rules.
    pub(super) deleted: BTreeSet<Stamp>,
    /// What truly runs on it.
    pub(super) process: Option<Process>,
    /// What the loser of a conflict remembers.
    pub(super) conflict: Option<Conflict>,
}

/// A process of the child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Process {
    pub(super) token: Token,
    /// Its start has returned.
    pub(super) up: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Conflict {
    pub(super) rank: Rank,
    pub(super) patience: Patience,
}

/// How long the winner has been starting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Patience {
    /// It has not said that it is.
    Fresh,
    /// For less than `conflict_wait`.
    Waiting,
    /// For longer.
    Over,
}

impl Peer {
    pub(super) fn new(boot: usize, boots: usize) -> Self {
        Self {
            boot,
            up: true,
            ready: true,
            claims: Claims::new(id(boot), Planted::default()),
            seen: nothing(boots),
            deleted: BTreeSet::new(),
            process: None,
            conflict: None,
        }
    }

    pub(super) fn id(&self) -> NodeId {
        id(self.boot)
    }

    /// The process, if its start has returned.
    pub(super) fn running(&self) -> Option<Process> {
        self.process.filter(|process| process.up)
    }
}

/// The id of a boot; see [`boot`].
pub(super) fn id(boot: usize) -> NodeId {
    NodeId(u128::try_from(boot).unwrap_or(0) + 1)
}

/// The boot of an id.
pub(super) fn boot(id: NodeId) -> usize {
    usize::try_from(id.0).unwrap_or(0) - 1
}
