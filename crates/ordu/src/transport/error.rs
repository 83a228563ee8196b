use std::io;
use std::net::SocketAddr;

use quinn::{ConnectionError, TransportErrorCode, VarInt};

use super::command::Channel;
use crate::cluster_key::OtherCluster;

/// Why the ports could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ListenError {
    /// The operating system refused.
    #[error("cannot listen on {protocol} {addr}: {source}")]
    Bind {
        /// UDP (QUIC) or TCP (lifelines).
        protocol: &'static str,
        /// Where.
        addr: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// No port was free for both.
    #[error("cannot listen on {addr}: found no port that is free for both UDP and TCP in {tries} tries")]
    NoCommonPort {
        /// Where.
        addr: SocketAddr,
        /// How many were tried.
        tries: u32,
    },
    /// The socket or the TLS configuration was not to QUIC's liking.
    #[error("cannot set up QUIC on {addr}: {what}")]
    Quic {
        /// Where.
        addr: SocketAddr,
        /// What was wrong.
        what: String,
    },
}

/// Why two nodes could not agree that they are of one cluster.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum HandshakeError {
    /// The peer is of another cluster.
    #[error("{0}; give both the same cluster key and cluster name if they belong together")]
    OtherCluster(OtherCluster),
    /// The peer speaks another protocol, or another version of this one.
    #[error("peer does not speak `ordu/1`: it runs another version of ordu, or is something else")]
    OtherProtocol,
    /// The peer's certificate is good and names no node.
    #[error("expected a certificate that names one node, got one that names none or several")]
    NoNodeId,
    /// TLS or QUIC failed otherwise.
    #[error("handshake failed: {0}")]
    Failed(String),
}

impl HandshakeError {
    fn from_connection(error: &ConnectionError) -> Self {
        /// TLS alert 120, `no_application_protocol`.
        const NO_ALPN: u8 = 120;
        let (code, found) = match error {
            ConnectionError::TransportError(e) => (Some(e.code), OtherCluster::found_in(&e.reason)),
            ConnectionError::ConnectionClosed(close) => (
                Some(close.error_code),
                std::str::from_utf8(&close.reason)
                    .ok()
                    .and_then(OtherCluster::told_by_peer),
            ),
            _ => (None, None),
        };
        if let Some(found) = found {
            return Self::OtherCluster(found);
        }
        if code == Some(TransportErrorCode::crypto(NO_ALPN)) || *error == ConnectionError::VersionMismatch {
            return Self::OtherProtocol;
        }
        Self::Failed(printable(&error.to_string()))
    }
}

/// Why a dial came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum DialError {
    /// No answer in time: nobody listens, or the way there is cut. UDP cannot tell these apart; a probe can.
    #[error("no answer in time")]
    Timeout,
    /// A node listens there and takes no connection now: it has too many handshakes, or is shutting down.
    #[error("peer takes no connections now")]
    Refused,
    /// The address is this very node's.
    #[error("the address is this node's own")]
    Itself,
    /// Another process has this node's id: a cloned machine or a restored snapshot (S1.6).
    #[error("another node runs under the id of this node: one of them is a clone")]
    Twin,
    /// This node cannot send there at all.
    #[error("cannot dial that address: {0}")]
    Address(String),
    /// Peer and node could not agree.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
}

impl From<ConnectionError> for DialError {
    fn from(error: ConnectionError) -> Self {
        match &error {
            ConnectionError::TimedOut => Self::Timeout,
            ConnectionError::ConnectionClosed(close)
                if close.error_code == TransportErrorCode::CONNECTION_REFUSED =>
            {
                Self::Refused
            }
            ConnectionError::ApplicationClosed(_) => Self::Refused,
            _ => Self::Handshake(HandshakeError::from_connection(&error)),
        }
    }
}

/// Why somebody was turned away.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Refusal {
    /// A QUIC handshake failed.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// A QUIC handshake was begun and not ended in time.
    #[error("handshake not ended in time")]
    HandshakeTimeout,
    /// There were too many handshakes at once.
    #[error("too many handshakes at once")]
    TooManyHandshakes,
    /// There were too many unproven TCP connections at once.
    #[error("too many unproven lifelines at once")]
    TooManyLifelines,
    /// A TCP connection proved to belong to no connection of a peer.
    #[error("lifeline without proof: sent {got} of 32 bytes in a second, or 32 that belong to no connection")]
    Lifeline {
        /// How many bytes came.
        got: usize,
    },
}

impl From<ConnectionError> for Refusal {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::TimedOut => Self::HandshakeTimeout,
            _ => Self::Handshake(HandshakeError::from_connection(&error)),
        }
    }
}

/// Who closed a connection and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ClosedReason {
    /// A command closed it.
    #[error("closed: {0}")]
    Local(String),
    /// The peer closed it.
    #[error("closed by the peer: {0}")]
    Peer(String),
    /// The peer left more unread than is kept for it; it was closed so that both can start afresh.
    #[error("peer reads too slowly: more than {limit} bytes wait for it on {channel:?}")]
    QueueFull {
        /// Where the last straw was.
        channel: Channel,
        /// The most that is kept for a peer, in bytes.
        limit: usize,
    },
    /// Too much waits to be sent to all peers together, and to this one most of it.
    #[error(
        "peers read too slowly: more than {limit} bytes wait for all of them, and most of that for this one"
    )]
    AllQueuesFull {
        /// The most that is kept for all, in bytes.
        limit: usize,
    },
    /// The peer broke the rules of the transport.
    #[error("peer broke the protocol: {0}")]
    Protocol(String),
    /// Nothing was heard of the peer for ten minutes.
    #[error("nothing heard of the peer for ten minutes")]
    Idle,
    /// QUIC gave up, or the peer knows the connection no more.
    #[error("lost: {0}")]
    Lost(String),
}

impl ClosedReason {
    /// What is told to the peer.
    pub(super) fn code(&self) -> VarInt {
        VarInt::from_u32(match self {
            Self::Local(_) | Self::Peer(_) | Self::Idle | Self::Lost(_) => 0,
            Self::Protocol(_) => 1,
            Self::QueueFull { .. } | Self::AllQueuesFull { .. } => 2,
        })
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::Local(reason) => reason.clone(),
            other => other.to_string(),
        }
    }
}

impl From<ConnectionError> for ClosedReason {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::ApplicationClosed(close) => {
                Self::Peer(printable(&String::from_utf8_lossy(&close.reason)))
            }
            ConnectionError::LocallyClosed => Self::Local("shut down".to_owned()),
            ConnectionError::TimedOut => Self::Idle,
            other => Self::Lost(printable(&other.to_string())),
        }
    }
}

/// Peers' words as they may go to a log: not long, one line, and nothing that deceives who reads it.
fn printable(text: &str) -> String {
    match text.char_indices().nth(200) {
        Some((end, _)) => ordu_core::printable(&text[..end]),
        None => ordu_core::printable(text),
    }
}

#[cfg(test)]
mod tests {
    use quinn::{ApplicationClose, VarInt};

    use super::*;

    #[test]
    fn what_a_peer_says_at_the_end_is_short_and_deceives_no_reader() {
        let said = |words: &str| {
            let close = ApplicationClose {
                error_code: VarInt::from_u32(0),
                reason: words.to_owned().into(),
            };
            match ClosedReason::from(ConnectionError::ApplicationClosed(close)) {
                ClosedReason::Peer(said) => said,
                other => panic!("expected the peer's reason, got {other}"),
            }
        };
        assert_eq!(said("größer"), "größer");
        assert_eq!(
            said("\u{1b}[2J\u{202e}a\u{200b}\n"),
            r"\u{1b}[2J\u{202e}a\u{200b}\u{a}"
        );
        assert_eq!(said(&"ä".repeat(10_000)), "ä".repeat(200));
    }
}
