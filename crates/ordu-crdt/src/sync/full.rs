//! The full causal join of a replica that was away for longer than removes are kept (S1.5).

use alloc::{collections::BTreeMap, vec::Vec};
use core::hash::Hash;

use crate::{EncodedLen, Replica, ReplicaId, VersionVector, map::origins::OriginIdx, planted::Bug};

/// The operations that the sender of a full join still holds, as ranges of sequences.
#[derive(Debug, Default)]
pub(super) struct HeldElsewhere {
    ranges: BTreeMap<usize, Vec<(u64, u64)>>,
}

impl HeldElsewhere {
    pub(super) fn extend(&mut self, held: impl Iterator<Item = (OriginIdx, u64, u64)>) {
        for (origin, first, last) in held {
            let ranges = self.ranges.entry(origin.index()).or_default();
            match ranges.last_mut() {
                Some(range) if first.checked_sub(1) == Some(range.1) => range.1 = last,
                _ => ranges.push((first, last)),
            }
        }
    }

    fn of(&mut self, origin: OriginIdx) -> Vec<(u64, u64)> {
        let mut ranges = self.ranges.remove(&origin.index()).unwrap_or_default();
        // They come in order; a peer that sends them otherwise gets them sorted.
        ranges.sort_unstable();
        ranges
    }
}

impl<K, V> Replica<K, V>
where
    K: Hash + Eq + Clone + EncodedLen,
    V: Clone + EncodedLen,
{
    /// Drops every operation that the sender covers and no longer holds, whatever its origin: it was superseded by
    /// something that the sender has forgotten since.
    pub(super) fn drop_what_is_gone(
        &mut self,
        covered: &[(ReplicaId, u64)],
        floor: &VersionVector,
        mut held: HeldElsewhere,
    ) {
        for &(id, covered) in covered {
            let origin = self.intern(id);
            if self.map.planted.is(Bug::OneOriginReset) && floor.get(id) <= self.map.vector.get(id) {
                continue;
            }
            let mut ranges = held.of(origin).into_iter().peekable();
            let mut next = self.map.origins[origin].oldest;
            while let Some(at) = next {
                let seq = self.map.ops[at].seq;
                if seq > covered {
                    break;
                }
                next = self.map.ops[at].newer;
                while ranges.next_if(|&(_, last)| last < seq).is_some() {}
                if ranges.peek().is_none_or(|&(first, _)| seq < first) {
                    self.map.forget(at);
                }
            }
        }
    }
}
