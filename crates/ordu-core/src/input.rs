use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use ordu_supervisor::decisions::ExitReason;
use serde::{Deserialize, Serialize};

use crate::{Command, NodeId, NodeName, RequestId};

/// One connection, numbered by the shell in the order in which connections come up; a number is never used again within a
/// boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ConnId(pub u64);

/// One attempt to connect, numbered by the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DialId(pub u64);

/// One question whether an address still listens, numbered by the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProbeId(pub u64);

/// One start of one child on this node, numbered by the core: what the supervisor calls an incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StartId(pub u64);

/// A reliable, ordered stream of frames in each direction of a connection. The two are not ordered to each
/// other, so bulk transfers hold up no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Channel {
    /// Requests, answers, new operations of the map.
    Control,
    /// Transfers of the map.
    Bulk,
}

/// What happened, as the shell saw it.
///
/// Bytes of peers are passed as they came: the core decodes them and closes a connection that speaks
/// nonsense.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Input {
    /// The deadline of `Node::next_deadline` has come.
    Timer,
    /// A connection is up and its peer proved to be `peer` of this cluster.
    Connected {
        /// The connection.
        conn: ConnId,
        /// Whom its certificate names.
        peer: NodeId,
        /// Where the packets come from.
        #[serde(with = "crate::recording::address")]
        addr: SocketAddr,
        /// The dial that led to it; `None` if the peer dialled.
        dialled: Option<DialId>,
        /// The first round-trip time measured.
        rtt: Duration,
    },
    /// A dial came to nothing.
    DialFailed {
        /// Which.
        dial: DialId,
        /// Why.
        error: DialError,
    },
    /// A connection is gone, whoever closed it.
    Disconnected {
        /// Which.
        conn: ConnId,
        /// Why, for people.
        reason: String,
    },
    /// A datagram came.
    Datagram {
        /// On which connection.
        conn: ConnId,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// A frame came.
    Received {
        /// On which connection.
        conn: ConnId,
        /// On which of its channels.
        channel: Channel,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// The lifeline of a connection was closed by the peer's kernel (S6.3): a hint that the peer died.
    LifelineClosed {
        /// Which connection's.
        conn: ConnId,
    },
    /// The answer to `Output::Probe`.
    Probed {
        /// Which.
        probe: ProbeId,
        /// What was found.
        outcome: ProbeOutcome,
    },
    /// A child is up: its start returned.
    ChildStarted {
        /// Which start.
        start: StartId,
        /// Its process id, if it is an OS process.
        os_pid: Option<u32>,
    },
    /// A child chose not to run (OTP's `ignore`).
    ChildIgnored {
        /// Which start.
        start: StartId,
    },
    /// A child could not be started; nothing of it is left.
    ChildStartFailed {
        /// Which start.
        start: StartId,
        /// The start's own error, or the operating system's.
        error: String,
    },
    /// A child that was up has ended, all of it.
    ChildExited {
        /// Which start.
        start: StartId,
        /// How.
        reason: ExitReason,
    },
    /// A caller on this node asks for something. Each request gets exactly one `Output::Reply`.
    Request {
        /// Chosen by the shell, unique within a boot.
        request: RequestId,
        /// How long the caller waits.
        timeout: Duration,
        /// What is asked.
        command: Command,
    },
    /// A caller on this node wants every node of a name out of the cluster: one that lives is made to leave first. Each gets
    /// exactly one `Output::Reply`.
    Remove {
        /// Chosen by the shell, as those of `Request`.
        request: RequestId,
        /// How long the caller waits.
        timeout: Duration,
        /// The member's name.
        name: NodeName,
    },
    /// The addresses to dial besides known members, replacing those of before (discovery).
    Seeds(#[serde(with = "crate::recording::address::several")] Vec<SocketAddr>),
    /// Leave: stop all children here, tell the others, then `Output::Exit`.
    Leave,
    /// A caller on this node says who may be a member. Each gets exactly one `Output::Reply`.
    SetMembers {
        /// Chosen by the shell, as those of `Request`.
        request: RequestId,
        /// How long the caller waits.
        timeout: Duration,
        /// The names of all that may; `None`: everybody may, as where nobody ever said.
        names: Option<Vec<NodeName>>,
    },
}

/// Why a dial came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DialError {
    /// Nobody listens there.
    Refused,
    /// No answer in time.
    Timeout,
    /// The peer is of another cluster.
    OtherCluster {
        /// The message for people, with both fingerprints.
        detail: String,
    },
    /// Anything else.
    Other {
        /// The message for people.
        detail: String,
    },
}

/// What a probe found at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProbeOutcome {
    /// The kernel there refused: nobody listens.
    Refused,
    /// Somebody accepted.
    Accepted,
    /// No answer, or the network said unreachable: proves nothing.
    Silent,
}
