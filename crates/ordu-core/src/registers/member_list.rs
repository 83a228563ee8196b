use alloc::vec::Vec;

use ordu_crdt::Stamp;
use serde::{Deserialize, Serialize};

use crate::NodeName;

/// Who may be a member (S6.4): one for the cluster, written by whoever serves the call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MemberList {
    /// When it was set. Of several the highest wins; whoever takes over what an ended node wrote leaves this as it is.
    pub(crate) set: Stamp,
    /// The name of the node that was asked.
    pub(crate) by: NodeName,
    /// In their order, each once; `None`: the list was cleared, and everybody may.
    pub(crate) names: Option<Vec<NodeName>>,
}

impl MemberList {
    /// The most names on it: it is sent as a whole to whoever is refused.
    pub(crate) const MOST: usize = 250;

    /// Whether a node of this name may be a member.
    pub(crate) fn admits(&self, name: &NodeName) -> bool {
        self.names
            .as_ref()
            .is_none_or(|names| names.binary_search(name).is_ok())
    }
}
