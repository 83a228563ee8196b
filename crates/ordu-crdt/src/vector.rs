//! Version vectors: what a replica has seen, as one number for each origin.

use alloc::vec::Vec;
use core::fmt;

use crate::{Dot, ReplicaId, digest, room};

/// For each origin, how many of its operations are covered: all up to and including that sequence.
///
/// Contexts in this crate are always gapless, so a vector is the exact causal context of a replica and its size
/// depends on the number of replicas, never on the number of operations.
///
/// ```
/// use ordu_crdt::{Dot, ReplicaId, VersionVector};
///
/// let (a, b) = (ReplicaId(1), ReplicaId(2));
/// let mine: VersionVector = [(a, 7), (b, 2)].into_iter().collect();
/// let theirs: VersionVector = [(a, 5)].into_iter().collect();
/// assert!(mine.covers(Dot { origin: a, seq: 6 }));
/// assert!(mine.dominates(&theirs) && !theirs.dominates(&mine));
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct VersionVector {
    /// Sorted by origin; no sequence is 0.
    entries: Vec<(ReplicaId, u64)>,
}

impl VersionVector {
    /// A vector that covers nothing.
    pub const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// The highest sequence of `origin` that is covered, 0 if none is. O(log n) in the number of origins.
    pub fn get(&self, origin: ReplicaId) -> u64 {
        self.position(origin).map_or(0, |at| self.entries[at].1)
    }

    /// Whether the operation is covered: it was applied here, or is known to be superseded.
    pub fn covers(&self, dot: Dot) -> bool {
        dot.seq <= self.get(dot.origin)
    }

    /// Whether everything that `other` covers is covered here too.
    pub fn dominates(&self, other: &Self) -> bool {
        // Both are sorted: one walk, not a search for each.
        let mut mine = self.entries.iter();
        other.entries.iter().all(|&(origin, seq)| {
            let covered = mine.find(|&&(id, _)| id >= origin);
            covered.is_some_and(|&(id, covered)| id == origin && seq <= covered)
        })
    }

    /// Covers the operations of `origin` up to `seq`. A lower `seq` changes nothing.
    pub fn advance(&mut self, origin: ReplicaId, seq: u64) {
        match self.position(origin) {
            Ok(at) => self.entries[at].1 = self.entries[at].1.max(seq),
            Err(at) if seq > 0 => self.entries.insert(at, (origin, seq)),
            Err(_) => {}
        }
    }

    /// Covers the operations of `origin` up to `seq` and no more.
    pub(crate) fn set(&mut self, origin: ReplicaId, seq: u64) {
        match self.position(origin) {
            Ok(at) if seq > 0 => self.entries[at].1 = seq,
            Ok(_) => self.remove(origin),
            Err(_) => self.advance(origin, seq),
        }
    }

    pub(crate) fn remove(&mut self, origin: ReplicaId) {
        if let Ok(at) = self.position(origin) {
            self.entries.remove(at);
            room::give_back(&mut self.entries);
        }
    }

    /// Covers everything that `other` covers.
    pub fn merge(&mut self, other: &Self) {
        for &(origin, seq) in &other.entries {
            self.advance(origin, seq);
        }
    }

    /// The origins and how far each is covered, in the order of their ids.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (ReplicaId, u64)> + '_ {
        self.entries.iter().copied()
    }

    /// How many origins have a covered operation.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is covered.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// A digest that is equal for equal vectors, and for different ones with odds of 2⁻¹²⁸.
    pub fn digest(&self) -> u128 {
        self.entries.iter().fold(0, |sum: u128, &(origin, seq)| {
            sum.wrapping_add(digest::covered(origin, seq))
        })
    }

    fn position(&self, origin: ReplicaId) -> Result<usize, usize> {
        self.entries.binary_search_by_key(&origin, |&(id, _)| id)
    }
}

impl FromIterator<(ReplicaId, u64)> for VersionVector {
    fn from_iter<I: IntoIterator<Item = (ReplicaId, u64)>>(entries: I) -> Self {
        let mut entries: Vec<_> = entries.into_iter().filter(|&(_, seq)| seq > 0).collect();
        // The highest sequence of a repeated origin comes first and is the one that stays.
        entries.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
        entries.dedup_by_key(|entry| entry.0);
        Self { entries }
    }
}

impl fmt::Debug for VersionVector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Peers' vectors are put in order on arrival: what follows relies on sorted entries.
#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for VersionVector {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<(ReplicaId, u64)>::deserialize(deserializer).map(Self::from_iter)
    }
}
