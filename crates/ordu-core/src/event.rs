use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::{ChildId, HordeName, MemberState, NodeId, NodeName, Token};

/// Something worth telling people: logs, metrics and `ordu events` are made of these. No decision depends
/// on them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Event {
    /// What this node thinks of a member changed.
    MemberChanged {
        /// Its id.
        node: NodeId,
        /// Its name.
        name: NodeName,
        /// Its state now.
        state: MemberState,
        /// Why.
        reason: String,
    },
    /// This node is ready: it takes children and decides.
    Ready,
    /// The others had given this node up: it takes nothing and decides nothing until it has caught up with one of
    /// them, and is [`Ready`](Self::Ready) again then. What runs here runs on (S4.6).
    CatchingUp,
    /// A peer that has seen the same operations holds another state. That cannot happen unless memory or code failed
    /// (S1.2). The two send each other all they hold, so what either had both will have; what both lost stays lost.
    AuditFailed {
        /// The peer.
        peer: NodeId,
        /// Its name.
        name: NodeName,
        /// How often this node has found it, with any peer, since it booted.
        times: u64,
    },
    /// Who may be a member has changed (S6.4).
    MembersListed {
        /// The names of all that may; `None`: everybody may.
        names: Option<Vec<NodeName>>,
        /// The name of the node that was told so.
        by: NodeName,
    },
    /// This node is not on the list of members, and leaves (S6.4).
    NotListed {
        /// The names of those that are.
        names: Vec<NodeName>,
        /// The name of the node that was told so.
        by: NodeName,
    },
    /// A peer's handshake was refused.
    PeerRefused {
        /// Where it is.
        addr: SocketAddr,
        /// What was expected, what was got.
        detail: String,
    },
    /// The clock stood still or jumped: views and suspicions are void (S4.5).
    ClockGap {
        /// By how many milliseconds.
        millis: u64,
    },
    /// The wall clock was set, or the machine slept: it went on by so much more than the clock that only goes forward.
    /// What is written from now on carries the new time; nobody is blamed for it (S1.7).
    WallClockJumped {
        /// By how many milliseconds; less than zero: back.
        millis: i64,
    },
    /// A member that may hold something newer about children of a node that is gone does not answer: they are started
    /// without its word (S5.9).
    TakenOverUnheard {
        /// Its id.
        node: NodeId,
        /// Its name.
        name: NodeName,
        /// How many children.
        children: u32,
    },
    /// A child is up on this node.
    ChildStarted {
        /// Its horde.
        horde: HordeName,
        /// Its id.
        id: ChildId,
        /// The token of this start.
        token: Token,
        /// Whose child it was before, if this is its first start after a take-over.
        previous: Option<NodeId>,
    },
    /// A child of this node ended.
    ChildExited {
        /// Its horde.
        horde: HordeName,
        /// Its id.
        id: ChildId,
        /// The token of the start that ended.
        token: Token,
        /// How it ended.
        reason: String,
        /// What comes next: `restart`, `stopped`, `finished`, `failed`, `relocate`.
        next: String,
    },
    /// Two copies of a child were found; this node's gives way (S7).
    Conflict {
        /// Its horde.
        horde: HordeName,
        /// Its id.
        id: ChildId,
        /// The token of the copy here.
        loser: Token,
        /// The token of the copy that stays.
        winner: Token,
    },
    /// A child cannot be placed.
    Unclaimed {
        /// Its horde.
        horde: HordeName,
        /// Its id.
        id: ChildId,
        /// Why.
        reason: String,
    },
    /// Output of a child of this node was dropped: the disk was full, or failed, or did not take it in time. Told at
    /// once, and then every ten seconds while it goes on.
    OutputDropped {
        /// Its horde.
        horde: HordeName,
        /// Its id.
        id: ChildId,
        /// How many bytes since it was last told.
        bytes: u64,
        /// Why the last of them.
        reason: String,
    },
    /// The keeper of this node's processes was lost, and another cannot be started: no process here runs or can be
    /// started. Told at once, and while it lasts again after ten seconds, twenty and so on up to every ten minutes.
    KeeperMissing {
        /// Why none can be started.
        reason: String,
    },
}
