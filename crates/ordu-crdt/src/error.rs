//! What can go wrong, one type an operation.

use crate::{Dot, ReplicaId};

/// A message that a correct peer never sends. Nothing of it was applied; the peer is best disconnected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SyncError {
    /// The message is from a replica that was not added.
    #[error("replica {0} is not a peer; it was removed, or never added")]
    UnknownPeer(ReplicaId),
    /// The message claims operations of this replica that it never wrote: the id is in use twice, or this replica
    /// was restored from an old copy. It must end and start again with a new id (S1.6).
    #[error(
        "a peer holds operation {held:?} of this replica, which has written {written}: the id is used twice"
    )]
    OwnIdElsewhere {
        /// The operation that the peer claims.
        held: Dot,
        /// The last sequence this replica wrote.
        written: u64,
    },
    /// A position in a chunk points beyond its list of origins.
    #[error("a chunk names origin {position} of {origins}: the peer's encoder is broken")]
    NoSuchOrigin {
        /// The position.
        position: u16,
        /// The length of the list.
        origins: usize,
    },
    /// A transfer contains an operation that its own vector does not cover.
    #[error("a transfer brings operation {0:?} beyond its own vector: the peer's encoder is broken")]
    BeyondVector(Dot),
    /// The message would make this replica hold operations of more origins than it can tell apart.
    #[error(
        "a message names {new} new replicas, and at most {known} can be told apart at once: those that have ended \
         must be declared, so that they are folded away"
    )]
    TooManyOrigins {
        /// How many the message adds.
        new: usize,
        /// How many can be told apart.
        known: usize,
    },
}

/// A value that does not fit a frame. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an operation of {bytes} bytes is larger than the {limit} that fit a frame")]
pub struct TooLarge {
    /// The size of key and value, encoded.
    pub bytes: usize,
    /// The largest size, by [`SyncConfig::frame_bytes`](crate::SyncConfig::frame_bytes).
    pub limit: usize,
}
