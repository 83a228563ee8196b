use core::fmt;

use serde::{Deserialize, Serialize};

use crate::{ChildId, HordeName, NodeId};

/// A child of the cluster: its horde and its id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct ChildKey {
    pub(crate) horde: HordeName,
    pub(crate) id: ChildId,
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
    /// A node was removed from the cluster; dominates its member record (S2.4).
    Removed(NodeId),
    /// What the user wants (S2.1).
    Intent(ChildKey),
    /// Who runs it (S2.2).
    Claim(ChildKey),
}
