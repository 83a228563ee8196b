use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::map::Vector;
use super::{Map, Peer};
use crate::claims::Verdict;
use crate::registers::Rank;
use crate::{NodeId, Token};

/// A cluster and how far it is followed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Model {
    pub(super) bounds: Bounds,
    /// A mistake that is made on purpose, to see it found.
    pub(super) mistake: Option<Mistake>,
}

/// How far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) nodes: usize,
    /// How often the child is created: twice in a split makes two lives.
    pub(super) births: u8,
    /// The highest epoch.
    pub(super) epochs: u64,
    /// Nodes killed.
    pub(super) crashes: u8,
    /// Copies that end by themselves.
    pub(super) exits: u8,
    /// Stops, restarts and deletions by users.
    pub(super) calls: u8,
    /// Whether users change the policy, too.
    pub(super) updates: bool,
    /// Whether members are written off: a mark is then forgotten before everybody has it.
    pub(super) written_off: bool,
    /// Messages under way at once.
    pub(super) messages: usize,
    /// Operations of the map.
    pub(super) writes: usize,
    /// Whether owners write down how far their copies are, as they do in reality. `Claims` does not care: a claim
    /// that is being started, runs or is started again counts the same. So this only multiplies operations.
    pub(super) progress: bool,
}

/// What could have been programmed wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mistake {
    /// The loser stops its copy because the map says so (against S7.2).
    StopUnasked,
    /// The winner answers from its claim, whatever runs (against S7.1).
    AnswerFromMap,
    /// The latest write wins, whatever its rank (against S2.2).
    RankByClock,
    /// A copy that is started again in place keeps its token (against S3.1).
    KeepToken,
    /// An owner starts its copy with the first epoch again (against S3.1).
    ForgetEpochs,
    /// A copy is started anew before the one before it has ended.
    StartBeside,
    /// A node that boots again has the id it had (against S1.6).
    KeepIdentity,
    /// An owner does not stop its copy for a user (against S5.3).
    IgnoreStop,
    /// An owner whose copy is of a run before the last restart leaves it (against S5.3).
    IgnoreRestart,
    /// An owner keeps its claim of a life that is over (against S2.1).
    KeepClaim,
    /// The latest intent wins, be a deletion among them (against S2.1).
    DeletionByClock,
    /// What was written last is what is wished, be it a change of policy alone (against S2.1).
    WishOfLastWrite,
    /// What is brought of a life that is over is believed (against S2.1).
    BelieveReturned,
}

/// One moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) peers: Vec<Peer>,
    pub(super) map: Map,
    pub(super) network: BTreeSet<Packet>,
    pub(super) births: u8,
    pub(super) crashes: u8,
    pub(super) exits: u8,
    pub(super) calls: u8,
    /// Tokens of all starts there ever were.
    pub(super) tokens: BTreeSet<Token>,
    /// The first rule that was broken.
    pub(super) broken: Option<Broken>,
}

/// A message under way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Packet {
    /// All that the sender held when it sent this.
    Delta { to: NodeId, seen: Vector },
    /// A loser asks the owner of `rank` (S7.1).
    Confirm { from: NodeId, rank: Rank },
    /// The answer of the owner of `rank`.
    Verdict {
        to: NodeId,
        rank: Rank,
        said: Said,
        /// Whether a copy truly ran there at that moment, or nothing did where it is over. Nobody sees it but the
        /// rules.
        true_then: bool,
    },
}

/// [`Verdict`], in an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Said {
    Running,
    Starting,
    Over,
}

/// What must never happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Broken {
    /// S3.1: two starts with one token.
    TokenTwice,
    /// S3.1: a start with a token that is not above all its starter knew.
    TokenNotAbove,
    /// Two copies on one node.
    TwoOnOneNode,
    /// S7.1: a copy was stopped for a conflict, and the other had not been seen running, was not over, and
    /// was given no time to come up.
    StoppedUnconfirmed,
    /// S7.2: a copy was stopped for a conflict, and though no node was killed, no copy ended by itself and no user
    /// asked for anything, no other was left that runs or starts.
    StoppedTheLast,
    /// S2.1: a copy of a life was started by a node that had seen that life deleted.
    StartedDeleted,
}

impl World {
    pub(super) fn breaks(&mut self, rule: Broken) {
        self.broken.get_or_insert(rule);
    }

    /// Where the node of this id runs, if it does.
    pub(super) fn place_of(&self, id: NodeId) -> Option<usize> {
        self.peers.iter().position(|peer| peer.up && peer.id() == id)
    }

    /// Everything that anybody who is up holds.
    pub(super) fn union(&self) -> Option<Vector> {
        let mut all = self.peers.iter().filter(|peer| peer.up).map(|peer| &peer.seen);
        let mut union = all.next()?.clone();
        all.for_each(|seen| super::map::join(&mut union, seen));
        Some(union)
    }
}

impl Packet {
    pub(super) fn to(&self) -> NodeId {
        match self {
            Self::Delta { to, .. } | Self::Verdict { to, .. } => *to,
            Self::Confirm { rank, .. } => rank.token.owner,
        }
    }
}

impl Said {
    pub(super) fn of(verdict: Verdict) -> Option<Self> {
        match verdict {
            Verdict::Running => Some(Self::Running),
            Verdict::Starting => Some(Self::Starting),
            Verdict::Over => Some(Self::Over),
            // Changes nothing at the reader.
            Verdict::NotWinner => None,
        }
    }
}
