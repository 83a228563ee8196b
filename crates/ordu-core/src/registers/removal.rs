use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::{NodeId, NodeName};

/// That a node has ended, and never comes back (S2.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Removal {
    /// Who says so. Whoever takes over what an ended node wrote leaves this as it is.
    pub(crate) by: NodeId,
    pub(crate) why: Why,
    /// Who was removed by hand: where that turns out to be void, it is a member like any other, and its record is gone.
    pub(crate) who: Option<(NodeName, SocketAddr)>,
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
