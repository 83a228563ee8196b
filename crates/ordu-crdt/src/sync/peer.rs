//! What a replica knows of one peer.

use super::{Incoming, Outgoing};
use crate::{AwLwwMap, VersionVector, planted::Bug};

/// The protocol's state with one peer.
#[derive(Clone, Debug)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "facts that are independent of each other"
)]
pub(crate) struct Peer<K, V> {
    /// It can be reached; if not, only what it has acknowledged is kept.
    pub(crate) is_connected: bool,
    /// What the peer holds for certain.
    pub(crate) acknowledged: VersionVector,
    /// It holds what was folded away here, for certain.
    pub(crate) covers_folds: bool,
    /// An exchange begun since the peer was added is complete.
    pub(crate) synced_once: bool,
    /// The last round in which all that the peer had came here; rounds count from 1.
    pub(crate) completed: u64,
    /// What this replica last said that it has.
    pub(crate) told: Option<Told>,
    pub(crate) outgoing: Outgoing,
    pub(crate) incoming: Incoming<K, V>,
    /// Already in the list of peers that something may be sent to.
    pub(crate) is_ready: bool,
}

/// A statement of what this replica has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    pub(crate) round: u64,
    pub(crate) digest: u128,
    /// How many operations it had written.
    pub(crate) written: u64,
}

impl<K, V> Default for Peer<K, V> {
    fn default() -> Self {
        Self {
            is_connected: true,
            acknowledged: VersionVector::new(),
            covers_folds: false,
            synced_once: false,
            completed: 0,
            told: None,
            outgoing: Outgoing::default(),
            incoming: Incoming::default(),
            is_ready: false,
        }
    }
}

impl<K, V> Peer<K, V> {
    /// A member that this replica has not met.
    pub(crate) fn unmet() -> Self {
        Self {
            is_connected: false,
            ..Self::default()
        }
    }

    /// Whether it certainly covers the floor, and what was folded away, which counts as one (S1.5).
    pub(crate) fn covers_floor(&self, map: &AwLwwMap<K, V>) -> bool {
        let covers_folds = self.covers_folds || map.folds.is_empty() || map.planted.is(Bug::FoldWithoutFloor);
        covers_folds && self.acknowledged.dominates(&map.floor)
    }
}
