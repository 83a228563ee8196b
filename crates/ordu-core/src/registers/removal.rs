use serde::{Deserialize, Serialize};

use crate::NodeId;

/// That a node has ended, and never comes back (S2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Removal {
    /// Who says so. Whoever takes over what an ended node wrote leaves this as it is.
    pub(crate) by: NodeId,
    pub(crate) why: Why,
}

/// By what a node has ended: there is nothing else, and least of all its silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Why {
    /// It wrote that it left.
    Left,
    /// Another boot of its name was admitted.
    Replaced(NodeId),
    /// An operator removed it.
    ByHand,
}
