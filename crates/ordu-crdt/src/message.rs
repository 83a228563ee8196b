//! What replicas say to each other.

use alloc::vec::Vec;

use crate::{Hlc, ReplicaId, VersionVector};

/// One message of the protocol, of at most [`SyncConfig::frame_bytes`](crate::SyncConfig::frame_bytes) once
/// encoded.
///
/// Messages may be lost, repeated and reordered; a transport that keeps order is faster. Treat the content as
/// opaque: it is public only so that it can be encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Message<K, V> {
    /// "Are we equal?" Answered by `Match`, or by a `Vector` if not.
    Probe {
        /// The sender's number for this exchange.
        round: u64,
        /// The digest of the sender's vector.
        digest: u128,
        /// The fingerprint of its map.
        fingerprint: u64,
    },
    /// "We are": the vectors were equal.
    Match {
        /// The round of the probe.
        round: u64,
    },
    /// "This is what I have; send what I lack." Answered by a transfer or by `UpToDate`.
    Vector {
        /// The sender's number for this exchange.
        round: u64,
        /// What the sender has seen of some origins: of all that it has not folded away, if they fit a frame.
        vector: VersionVector,
        /// The digest of what it has seen of all others.
        rest: u128,
        /// The same, by ranges of their ids: the last id of each, and its digest. Empty if the sender may hold
        /// operations of one that is not listed.
        ranges: Vec<(ReplicaId, u128)>,
    },
    /// "You lack nothing that I have."
    UpToDate {
        /// The round of the vector that is answered.
        round: u64,
    },
    /// A part of a transfer.
    Chunk(Chunk<K, V>),
    /// Receipt of chunks, and what the sender holds since.
    Ack {
        /// The highest [`Chunk::serial`] received.
        serial: u64,
        /// What the chunk made the sender cover: empty until the last one, and no more than fits a frame.
        held: Vec<(ReplicaId, u64)>,
    },
}

/// A part of a transfer. Its operations are applied, and its vector adopted, only with the last part (S1.3).
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Chunk<K, V> {
    /// Counts the chunks sent to this peer, for credit.
    pub serial: u64,
    /// The number of the transfer; later transfers of a replica have higher numbers.
    pub transfer: u64,
    /// The number of the chunk within the transfer, from 0.
    pub index: u32,
    /// What the transfer is about.
    pub scope: Scope,
    /// The origins that this chunk refers to by their position here.
    pub origins: Vec<ReplicaId>,
    /// The operations.
    pub ops: Vec<WireOp<K, V>>,
    /// In a full causal join: operations that the sender still holds and the receiver has seen.
    pub held: Vec<Run>,
    /// What the receiver adopts with the last chunk: how far origins are covered. In a full causal join all that the
    /// sender has not folded away, else what may be news.
    pub vector: Vec<(u16, u64)>,
    /// In a full causal join: the same of origins that the sender has folded away, as far as the receiver may cover
    /// something else.
    pub folds: Vec<(u16, u64)>,
    /// In a full causal join: the sender's floor.
    pub floor: Vec<(u16, u64)>,
    /// Nothing follows: the receiver applies the transfer.
    pub is_last: bool,
}

/// Consecutive operations of one origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Run {
    /// Who wrote them, by position in [`Chunk::origins`].
    pub origin: u16,
    /// The first.
    pub first: u64,
    /// The last, not before the first.
    pub last: u64,
}

/// What a transfer is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Scope {
    /// The sender's own new operations, pushed as they happen.
    Own {
        /// The operations up to this one are presumed known.
        after: u64,
    },
    /// All that the receiver lacked, of any origin.
    Missing {
        /// The round of the receiver's vector that is answered.
        round: u64,
    },
    /// All that the sender holds: a full causal join, for a receiver below the sender's floor (S1.5). What the
    /// sender covers and no longer holds, the receiver drops.
    Full {
        /// The round of the receiver's vector that is answered.
        round: u64,
    },
    /// All that the sender holds, to a replica that has an equal vector and another state. That cannot happen; if it
    /// does, nothing is dropped: what either holds, both hold afterwards.
    Repair,
}

/// An operation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct WireOp<K, V> {
    /// Who wrote it, by position in [`Chunk::origins`].
    pub origin: u16,
    /// Its sequence.
    pub seq: u64,
    /// Its stamp.
    pub hlc: Hlc,
    /// The operations on this key that its writer had seen: the highest of each origin, by position.
    pub context: Vec<(u16, u64)>,
    /// The key.
    pub key: K,
    /// The value, `None` for a remove.
    pub value: Option<V>,
}
