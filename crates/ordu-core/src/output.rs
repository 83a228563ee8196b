use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use alloc::sync::Arc;

use crate::{
    Answer, CallError, Channel, ChildId, ChildInfo, ChildSpec, ConnId, DialId, Event, HordeName, Life,
    MemberInfo, NodeId, NodeName, ProbeId, RequestId, StartId, Token,
};

/// What the shell is to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Output {
    /// Connect, on a fresh connection.
    Dial {
        /// Which.
        dial: DialId,
        /// Where to.
        addr: SocketAddr,
        /// When to give up.
        timeout: Duration,
    },
    /// Close a connection; what was sent on it before is still delivered if the peer reads.
    Close {
        /// Which.
        conn: ConnId,
        /// Why.
        reason: CloseReason,
    },
    /// Send a datagram: unreliable, at most 1,100 bytes.
    Datagram {
        /// On which connection.
        conn: ConnId,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// Send a frame: reliable and in order within its channel.
    Send {
        /// On which connection.
        conn: ConnId,
        /// On which of its channels.
        channel: Channel,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// Find out whether anybody listens (TCP) at an address; answered by `Input::Probed`.
    Probe {
        /// Which.
        probe: ProbeId,
        /// Where.
        addr: SocketAddr,
    },
    /// Start a child; answered by `ChildStarted`, `ChildIgnored` or `ChildStartFailed`.
    StartChild {
        /// Which start.
        start: StartId,
        /// Of which horde.
        horde: HordeName,
        /// Which child.
        id: ChildId,
        /// Which life of the child's id.
        life: Life,
        /// The fencing token of this start (S3.1).
        token: Token,
        /// What to start.
        spec: Arc<ChildSpec>,
    },
    /// Ask a child to stop; answered by `ChildExited`. Also for one whose start has not returned, which is
    /// answered by `ChildStartFailed`.
    ShutdownChild {
        /// Which start.
        start: StartId,
    },
    /// Stop a child by force, with all its descendants.
    KillChild {
        /// Which start.
        start: StartId,
    },
    /// The answer to a request.
    Reply {
        /// Which.
        request: RequestId,
        /// The outcome.
        result: Result<Answer, CallError>,
    },
    /// What is known of a child has changed: publish it for readers. `None`: it is gone.
    Child {
        /// Of which horde.
        horde: HordeName,
        /// Which child.
        id: ChildId,
        /// Which life of the id, if it is there.
        life: Option<Life>,
        /// What is known now.
        info: Option<Arc<ChildInfo>>,
    },
    /// What is known of a member has changed: publish it for readers. `None`: it is forgotten.
    Member {
        /// Which.
        node: NodeId,
        /// What is known now.
        info: Option<Arc<MemberInfo>>,
    },
    /// Something worth telling people.
    Event(Event),
    /// The node must end; nothing it runs may outlive it.
    Exit {
        /// Why.
        cause: ExitCause,
    },
    /// Who may be a member has changed: publish it for readers. `None`: everybody may.
    MemberList {
        /// The names, in their order.
        names: Option<Vec<NodeName>>,
    },
}

/// Why the core closes a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CloseReason {
    /// There is another connection with this peer and both agree that it stays.
    Duplicate,
    /// The peer was declared down, left or was removed.
    PeerGone,
    /// The peer's handshake was refused.
    Refused {
        /// What was expected, what was got.
        detail: String,
    },
    /// The peer sent what the protocol does not allow.
    Protocol {
        /// What was wrong.
        detail: String,
    },
    /// This node ends.
    Leaving,
}

/// Why a node ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExitCause {
    /// It was asked to leave and has left.
    Left,
    /// A live node has this node's name (S2.4).
    NameTaken {
        /// The name.
        name: NodeName,
        /// Who holds it.
        holder: NodeId,
        /// Where it is.
        addr: SocketAddr,
    },
    /// Another node removed this one from the cluster (S2.4).
    Removed,
    /// Operations of this node's own id came from elsewhere: a cloned machine or a restored snapshot (S1.6).
    Cloned,
    /// This node's name is not on the list of members of the cluster that it was to join (S6.4).
    NotListed {
        /// Its name.
        name: NodeName,
        /// Those on the list.
        listed: Vec<NodeName>,
        /// Where the node is that said so.
        addr: SocketAddr,
    },
}
