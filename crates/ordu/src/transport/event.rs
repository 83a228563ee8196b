use std::net::SocketAddr;
use std::time::Duration;

use super::command::{Channel, ConnId};
use super::error::{ClosedReason, DialError, Refusal};

/// What happened on the network.
///
/// Of each connection: `Connected` first, then the others, `Closed` last. Datagrams and lifeline events
/// overtake frames, so that a probe never waits behind a transfer.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// A connection is up; both ends have proved to hold a key of this cluster.
    Connected {
        /// The connection.
        conn: ConnId,
        /// The node id in the peer's certificate.
        peer: u128,
        /// Where its packets come from.
        peer_addr: SocketAddr,
        /// The attempt that led to it; `None` if the peer dialled.
        dialled: Option<u64>,
        /// The round-trip time of the handshake.
        rtt: Duration,
    },
    /// A dial came to nothing.
    DialFailed {
        /// Which.
        attempt: u64,
        /// Where to.
        addr: SocketAddr,
        /// Why.
        error: DialError,
    },
    /// A connection is gone.
    Closed {
        /// Which.
        conn: ConnId,
        /// Who closed it and why.
        reason: ClosedReason,
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
    /// The lifeline of a connection is up.
    LifelineUp {
        /// Which connection's.
        conn: ConnId,
        /// To whom.
        peer: u128,
    },
    /// The lifeline of a connection ended without a good-bye: a hint that the peer died (S6.3). The
    /// connection itself is still open; the side that dialled goes on trying to raise the lifeline anew.
    LifelineClosed {
        /// Which connection's.
        conn: ConnId,
        /// To whom.
        peer: u128,
    },
    /// The lifeline of a connection could not be raised. Told once in a row of failures; the connection lives
    /// on without it.
    LifelineFailed {
        /// Which connection's.
        conn: ConnId,
        /// To whom.
        peer: u128,
        /// Why.
        error: String,
    },
    /// What was found at an address.
    ProbeResult {
        /// Which probe.
        probe: u64,
        /// What was found.
        outcome: ProbeOutcome,
    },
    /// Somebody who is not of this cluster was turned away. At most ten a second are told.
    StrangerRefused {
        /// Where from.
        addr: SocketAddr,
        /// What was wrong.
        what: Refusal,
        /// How many more were turned away since the last event of this kind.
        untold: u64,
    },
}

impl Event {
    /// The connection an event is of, other than the one that brings it up.
    pub(super) fn conn(&self) -> Option<ConnId> {
        match self {
            Self::Closed { conn, .. }
            | Self::Datagram { conn, .. }
            | Self::Received { conn, .. }
            | Self::LifelineUp { conn, .. }
            | Self::LifelineClosed { conn, .. }
            | Self::LifelineFailed { conn, .. } => Some(*conn),
            Self::Connected { .. }
            | Self::DialFailed { .. }
            | Self::ProbeResult { .. }
            | Self::StrangerRefused { .. } => None,
        }
    }
}

/// What a probe found at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProbeOutcome {
    /// The kernel there refused: nobody listens.
    Refused,
    /// Somebody accepted.
    Accepted,
    /// No answer in time, or the network said unreachable: proves nothing.
    Silent,
}
