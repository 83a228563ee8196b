use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use ordu_crdt::{Dot, Stamp};
use serde::{Deserialize, Serialize};

use super::{Hello, Refusal};
use crate::claims::Verdict;
use crate::membership::Removed;
use crate::registers::{ChildKey, Key, Rank, Value};
use crate::requests::Closed;
use crate::{Answer, CallError, ChildSpec, Command, NodeId, RequestId, Token};

/// One frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Message {
    Hello(Hello),
    Refused(Refusal),
    /// A message of the map's own protocol.
    Sync(ordu_crdt::Message<Key, Value>),
    /// Are you there? (S6.2, S6.3)
    Ping(u64),
    Pong(u64),
    /// What the sender sent on another connection may not have arrived, and that is gone: the reader asks again what it waits
    /// for (S6.2).
    Lost,
    /// The sender had given up the reader under this generation.
    Down(u32),
    /// Another boot of the reader's name had this seniority and generation, and would win against the reader.
    Outrank {
        seniority: NodeId,
        generation: u32,
    },
    /// The reader has ended, and hands over what only it has; by these removals, which it weighs itself (S2.4). Comes
    /// before anything else on a connection.
    HandOver(Vec<Removed>),
    /// The reader is to leave the cluster: an operator removes it (S2.4).
    Leave,
    /// Does the reader hear this node? A newcomer bears its name (S2.4). The answer has the question's number: an earlier one
    /// tells of an earlier moment.
    Hears {
        node: NodeId,
        question: u64,
    },
    Heard {
        node: NodeId,
        question: u64,
        heard: bool,
    },
    /// The sender found that the node's kernel refuses connections, or another node is there (S6.3).
    Evidence(NodeId),
    Ask(Ask),
    /// The asked node does nothing about the call: it sees another decide (S4.1).
    Redirect {
        request: RequestId,
        to: NodeId,
    },
    /// The calls of the sender that no answer is waited for any more (S5.8).
    Acknowledge(Closed),
    /// Does the caller of this request still wait? Asked by the decider of the child.
    IsOpen(RequestId, ChildKey),
    Open {
        request: RequestId,
        child: ChildKey,
        open: bool,
    },
    Told(Told),
    Place(Place),
    Placed(Placed),
    Propose(Propose),
    Proposed(Proposed),
    /// The loser of a conflict asks the winner (S7.1).
    Confirm {
        child: ChildKey,
        rank: Rank,
    },
    Verdict {
        child: ChildKey,
        rank: Rank,
        verdict: Verdict,
    },
}

/// A request on its way to the decider of its id (S4.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ask {
    /// Whom the caller asked.
    pub(crate) origin: NodeId,
    pub(crate) request: RequestId,
    /// The calls of that node that no answer is waited for any more (S5.8).
    pub(crate) closed: Closed,
    /// How long the caller still waits.
    pub(crate) timeout: Duration,
    /// It was passed on to another node before, which may have carried it out.
    pub(crate) again: bool,
    /// What the asked node knows of the child's entry: the answer is not to be that of one who has not heard of it
    /// (S5.13).
    pub(crate) seen: Vec<Dot>,
    pub(crate) command: Command,
}

/// The decider's answer to the node that was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) request: RequestId,
    pub(crate) result: Result<Answer, CallError>,
    /// The operations that must be held by the write concern before the caller hears of it, each of them; that of the
    /// child's entry comes first (S5.2).
    pub(crate) written: Vec<Dot>,
    /// Nodes that hold all of them, as far as the decider knows.
    pub(crate) held_by: Vec<NodeId>,
}

/// The decider tells the target to start a child.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// Numbered by the decider.
    pub(crate) placement: u64,
    /// No placement of the decider below this one is open any more.
    pub(crate) lowest: u64,
    pub(crate) child: ChildKey,
    /// How long the start may take.
    pub(crate) timeout: Duration,
    /// The highest epoch the decider has seen for the id.
    pub(crate) epoch: u64,
    pub(crate) what: ClaimNotice,
}

/// What is to be started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ClaimNotice {
    /// A new life.
    Birth {
        birth: Stamp,
        /// It was handed to another node before, which may have carried it out (S2.1).
        retried: bool,
        spec: Arc<ChildSpec>,
    },
    /// A life that has no living owner, or whose owner gave up.
    TakeOver { birth: Stamp },
}

/// The target's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Placed {
    pub(crate) placement: u64,
    pub(crate) child: ChildKey,
    /// The token of the start and the operation that wrote intent and claim.
    pub(crate) result: Result<(Token, Dot), PlaceError>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum PlaceError {
    /// The child's own start failed: definite.
    StartFailed(String),
    /// The child chose not to run: definite.
    Ignored,
    /// The target is starting it for another decider, or the placement may be of before the decider was out of sight: ask
    /// again, if the caller still waits.
    Busy,
    /// The target did not try; another may.
    Refused(String),
    /// It started, but was stopped before it was written down.
    Superseded,
    /// Its start did not return, and could not be killed.
    Stuck,
}

/// A claim of a take-over, shown to the next in rank before the start (S4.7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Propose {
    pub(crate) proposal: u64,
    /// A proposal of many claims is shown in parts.
    pub(crate) part: u32,
    /// The last operation of the claims: the answer says that the sender holds it.
    pub(crate) written: Dot,
    pub(crate) claims: Vec<(ChildKey, Rank)>,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Proposed {
    pub(crate) proposal: u64,
    pub(crate) part: u32,
    /// The claims that the asked node knows a higher rank than.
    pub(crate) refused: Vec<(ChildKey, Rank)>,
    /// What it holds of the intents of these children: the start waits until that is known where it is to be (S5.9).
    pub(crate) holds: Vec<Dot>,
}
