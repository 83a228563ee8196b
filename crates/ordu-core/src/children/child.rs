use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use ordu_crdt::Stamp;

use crate::claims::Claims;
use crate::planted::Planted;
use crate::registers::Rank;
use crate::wire::Place;
use crate::{ChildInfo, ChildSpec, NodeId, StartId, Time, Token};

/// All this node knows of one child beside the registers.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) claims: Claims,
    /// What the copy here is.
    pub(crate) spec: Option<Arc<ChildSpec>>,
    /// The start under way or running.
    pub(crate) start: Option<StartId>,
    /// The copy was started by a user's restart: a failure is told and not retried.
    pub(crate) fresh_run: bool,
    /// The claim by which it was to be taken over here, where that was called off before anything began.
    pub(crate) called_off: Option<Token>,
    /// Failed starts in a row of a take-over.
    pub(crate) attempts: u32,
    /// Not started before.
    pub(crate) retry_at: Option<Time>,
    /// A first start under way, or waiting for the copy of an older life to end.
    pub(crate) placed: Option<Pending>,
    /// The copy here is one too many.
    pub(crate) conflict: Option<Conflict>,
    /// Another node knows a claim of this rank: no start below it (S4.7).
    pub(crate) refused: Option<Rank>,
    /// Since when it has had no living owner in a settled view.
    pub(crate) ownerless: Option<Time>,
    /// A take-over was handed to a node that has until then to claim it.
    pub(crate) handed: Option<(NodeId, Time)>,
    /// When a child that nobody can run is looked at again, and what was last said of why.
    pub(crate) look_again: Option<Time>,
    pub(crate) unclaimed: Option<String>,
    /// The owner of the winning claim.
    pub(crate) owner: Option<NodeId>,
    pub(crate) published: Option<Arc<ChildInfo>>,
    /// When it is looked at again.
    pub(crate) wakes: Vec<Time>,
}

/// A first start on this node, for a decider.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pending {
    pub(crate) decider: NodeId,
    pub(crate) place: Place,
    pub(crate) birth: Stamp,
    pub(crate) spec: Arc<ChildSpec>,
    pub(crate) deadline: Time,
    pub(crate) begun: bool,
}

/// What the loser of a conflict remembers (S7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Conflict {
    pub(crate) rank: Rank,
    /// When the winner was last asked.
    pub(crate) asked: Option<Time>,
    /// Since when the winner has answered that it is starting.
    pub(crate) starting: Option<Time>,
}

impl Child {
    pub(crate) fn new(me: NodeId, planted: Planted) -> Self {
        Self {
            claims: Claims::new(me, planted),
            spec: None,
            start: None,
            fresh_run: false,
            called_off: None,
            attempts: 0,
            retry_at: None,
            placed: None,
            conflict: None,
            refused: None,
            ownerless: None,
            handed: None,
            look_again: None,
            unclaimed: None,
            owner: None,
            published: None,
            wakes: Vec::new(),
        }
    }

    /// Whether nothing is under way here.
    pub(crate) fn is_idle(&self) -> bool {
        self.placed.is_none() && self.published.is_none() && self.start.is_none()
    }
}
