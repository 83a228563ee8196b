use std::fmt;

use super::fingerprint::Fingerprint;

const PEER: &str = "peer is of cluster ";
const THIS: &str = ", this node of ";

/// Two nodes of different clusters met.
///
/// The side that finds out puts this text into the error that ends the handshake, QUIC carries the reason of
/// a close to the other side, and that side reads it back with [`told_by_peer`](Self::told_by_peer): so both
/// can say which two clusters met, though only one of them has seen a certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct OtherCluster {
    pub(crate) theirs: Fingerprint,
    pub(crate) ours: Fingerprint,
}

impl OtherCluster {
    /// Finds what this side said of the peer in the text of an error.
    pub(crate) fn found_in(text: &str) -> Option<Self> {
        let (_, after) = text.split_once(PEER)?;
        let (theirs, after) = after.split_once(THIS)?;
        let ours = after.get(..Fingerprint::DIGITS)?;
        Some(Self {
            theirs: theirs.parse().ok()?,
            ours: ours.parse().ok()?,
        })
    }

    /// Finds what the peer said of this side: its "this node" is our peer. An unproven claim, for people.
    pub(crate) fn told_by_peer(text: &str) -> Option<Self> {
        Self::found_in(text).map(|said| Self {
            theirs: said.ours,
            ours: said.theirs,
        })
    }
}

impl fmt::Display for OtherCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { theirs, ours } = self;
        write!(f, "{PEER}{theirs}{THIS}{ours}")
    }
}

// rustls shows errors that are not its own with `Debug`.
impl fmt::Debug for OtherCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for OtherCluster {}
