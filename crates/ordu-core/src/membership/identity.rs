use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::{NodeId, NodeName};

/// What the failure detector knows a member by. Its unique address is the name; a newer boot of a name, or a
/// newer generation of a boot, replaces the older.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) id: NodeId,
    /// The highest id of any boot of this name that the node was told of. Its own, unless the machine's clock
    /// was set back between two boots.
    pub(crate) seniority: NodeId,
    /// Raised each time the node finds that it was declared down, so that it can come back at once.
    pub(crate) generation: u32,
    pub(crate) name: NodeName,
    /// Where to dial it: members learn of each other here before the map reaches them.
    pub(crate) addr: SocketAddr,
}

impl Identity {
    /// What decides between two identities of one name.
    pub(crate) fn rank(&self) -> (NodeId, u32) {
        (self.seniority, self.generation)
    }
}

impl foca::Identity for Identity {
    type Addr = NodeName;

    fn renew(&self) -> Option<Self> {
        Some(Self {
            generation: self.generation.wrapping_add(1),
            ..self.clone()
        })
    }

    fn addr(&self) -> NodeName {
        self.name.clone()
    }

    fn win_addr_conflict(&self, adversary: &Self) -> bool {
        self.rank() > adversary.rank()
    }
}
