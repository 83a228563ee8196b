use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

use crate::placement::hash;
use crate::{ChildId, HordeName, NodeId};

/// A child of the cluster: its horde and its id.
///
/// Keys are looked up far more often than they are made, so each carries its hash, and is compared by that first: the
/// order is one and the same on every node and has no meaning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(HordeName, ChildId)")]
pub(crate) struct ChildKey {
    #[serde(skip)]
    hash: u64,
    pub(crate) horde: HordeName,
    pub(crate) id: ChildId,
}

impl ChildKey {
    pub(crate) fn new(horde: HordeName, id: ChildId) -> Self {
        let hash = hash(&horde, &id);
        Self { hash, horde, id }
    }

    /// The hash by which placement goes, too.
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }
}

impl From<(HordeName, ChildId)> for ChildKey {
    fn from((horde, id): (HordeName, ChildId)) -> Self {
        Self::new(horde, id)
    }
}

impl From<(&HordeName, &ChildId)> for ChildKey {
    fn from((horde, id): (&HordeName, &ChildId)) -> Self {
        Self::new(horde.clone(), id.clone())
    }
}

impl Ord for ChildKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.hash.cmp(&other.hash).then_with(|| {
            // Mostly these are two handles of one string, which equality sees at once.
            if self == other {
                Ordering::Equal
            } else {
                (&self.horde, &self.id).cmp(&(&other.horde, &other.id))
            }
        })
    }
}

impl PartialOrd for ChildKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for ChildKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl fmt::Display for ChildKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.horde, self.id)
    }
}

/// A key of the replicated map.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Key {
    /// What a node says of itself; only that node writes it (S2.4).
    Member(NodeId),
    /// A node has ended; dominates its member record (S2.4).
    Removed(NodeId),
    /// What the user wants (S2.1).
    Intent(ChildKey),
    /// Who runs it (S2.2).
    Claim(ChildKey),
    /// Who may be a member (S6.4).
    MemberList,
}
