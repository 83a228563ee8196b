use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;

use ordu_crdt::{Hlc, Stamp};
use serde::{Deserialize, Serialize};

use crate::membership::Identity;
use crate::{DialId, NodeId, NodeName, WallTime};

/// The version of the messages. A node speaks exactly this one; the shell negotiates it (ALPN `ordu/1`).
pub(crate) const PROTOCOL: u16 = 1;

/// The first message in each direction of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) protocol: u16,
    /// The dial that the connection came of, by the writer's count, if it dialled: by it both sides know which of several
    /// connections is the newest.
    pub(crate) dial: Option<DialId>,
    pub(crate) identity: Identity,
    /// Others took it in under its name, and decided with it (S2.4).
    pub(crate) was_admitted: bool,
    /// When the list of members was set that it goes by, if there ever was one: nobody is refused by an older one (S6.4).
    pub(crate) listed: Option<Stamp>,
    /// Compared with the reader's (S1.7).
    pub(crate) wall: WallTime,
    /// Adopted by the reader (S1.7).
    pub(crate) hlc: Hlc,
}

/// Why a handshake is refused, in words the refused node can act on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Refusal {
    /// A live node has this name (S6.2).
    NameTaken {
        name: NodeName,
        holder: NodeId,
        addr: SocketAddr,
    },
    /// Anything else.
    Other { detail: String },
    /// The name of the refused node is not on the list of members (S6.4).
    NotListed {
        /// When that was set.
        set: Stamp,
        names: Vec<NodeName>,
    },
}
