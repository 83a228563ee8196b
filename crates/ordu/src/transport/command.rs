use std::net::SocketAddr;
use std::time::Duration;

/// One connection; a number is never used again within a boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ConnId(pub(crate) u64);

/// One of the two streams of frames that a connection has in each direction.
///
/// Frames are in order within a channel and not ordered between channels, so a bulk transfer holds up no
/// answer; what waits on both is sent from `Control` first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Channel {
    /// Requests, answers, new operations.
    Control,
    /// Transfers of the map.
    Bulk,
}

impl Channel {
    pub(super) const ALL: [Self; 2] = [Self::Control, Self::Bulk];

    /// The byte that opens a stream of this channel.
    pub(super) const fn tag(self) -> u8 {
        match self {
            Self::Control => 1,
            Self::Bulk => 2,
        }
    }

    pub(super) fn from_tag(tag: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.tag() == tag)
    }

    /// Higher goes first.
    pub(super) const fn priority(self) -> i32 {
        match self {
            Self::Control => 1,
            Self::Bulk => 0,
        }
    }

    pub(super) const fn index(self) -> usize {
        match self {
            Self::Control => 0,
            Self::Bulk => 1,
        }
    }
}

/// What the transport is to do. No command waits or fails: what comes of it is an event.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    /// Connect on a fresh connection. Answered by one `Connected` or one `DialFailed`.
    Dial {
        /// Chosen by the caller, never used twice.
        attempt: u64,
        /// Where to.
        addr: SocketAddr,
        /// When to give up.
        timeout: Duration,
    },
    /// Close a connection. Answered by `Closed`; nothing but that comes of the connection after an immediate
    /// close.
    Close {
        /// Which.
        conn: ConnId,
        /// Wait until both sides have read what the other sent before (at most five seconds), or close at
        /// once and lose what is under way.
        after_streams_end: bool,
        /// Told to the peer.
        reason: String,
    },
    /// Send a datagram of at most [`MAX_DATAGRAM`](super::MAX_DATAGRAM) bytes; it may get lost.
    SendDatagram {
        /// On which connection.
        conn: ConnId,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// Send a frame of at most [`MAX_FRAME`](super::frame::MAX_FRAME) bytes. A peer that leaves too much unread is
    /// closed with [`ClosedReason::QueueFull`](super::error::ClosedReason::QueueFull).
    Send {
        /// On which connection.
        conn: ConnId,
        /// On which of its channels.
        channel: Channel,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// Find out whether anybody listens (TCP) at an address. Answered by `ProbeResult`.
    Probe {
        /// Chosen by the caller.
        probe: u64,
        /// Where.
        addr: SocketAddr,
    },
}
