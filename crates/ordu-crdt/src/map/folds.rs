//! What is left of an origin that was folded away.

use alloc::vec::Vec;

use crate::{ReplicaId, digest};

/// The origins that were folded away, each with the sequence up to which it is covered: 24 bytes each.
///
/// They are a part of what the replica has seen like any other origin; only nothing else is kept of them. Two lists
/// of the same order, because a pair of an id and a number would take 32 bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Folds {
    /// Sorted.
    ids: Vec<ReplicaId>,
    seqs: Vec<u64>,
}

impl Folds {
    /// How far an origin is covered that was folded away, 0 if it was not.
    pub(crate) fn get(&self, id: ReplicaId) -> u64 {
        self.ids.binary_search(&id).map_or(0, |at| self.seqs[at])
    }

    /// Covers the operations of an origin up to `seq`. A lower `seq` changes nothing.
    pub(crate) fn advance(&mut self, id: ReplicaId, seq: u64) {
        match self.ids.binary_search(&id) {
            Ok(at) => self.seqs[at] = self.seqs[at].max(seq),
            Err(at) if seq > 0 => {
                // Doubling would cost as much again as the list itself.
                let more = self.ids.len() / 8 + 8;
                if self.ids.len() == self.ids.capacity() {
                    self.ids.reserve_exact(more);
                    self.seqs.reserve_exact(more);
                }
                self.ids.insert(at, id);
                self.seqs.insert(at, seq);
            }
            Err(_) => {}
        }
    }

    /// Takes an origin out; how far it is covered, if it was folded away.
    pub(crate) fn remove(&mut self, id: ReplicaId) -> Option<u64> {
        let at = self.ids.binary_search(&id).ok()?;
        self.ids.remove(at);
        Some(self.seqs.remove(at))
    }

    pub(crate) const fn len(&self) -> usize {
        self.ids.len()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// In the order of the ids.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ReplicaId, u64)> + '_ {
        self.ids.iter().copied().zip(self.seqs.iter().copied())
    }

    /// All of them in at most `most` ranges of ids: for each the last id that belongs to it, and the sum of the
    /// digests of what is in it. The last one has no end.
    pub(crate) fn ranges(&self, most: usize) -> Vec<(ReplicaId, u128)> {
        let each = self.len().div_ceil(most).max(1);
        let mut ranges: Vec<_> = self
            .ids
            .chunks(each)
            .zip(self.seqs.chunks(each))
            .filter_map(|(ids, seqs)| {
                let entries = ids.iter().zip(seqs);
                let sum = entries.fold(0_u128, |sum, (&id, &seq)| {
                    sum.wrapping_add(digest::covered(id, seq))
                });
                ids.last().map(|&last| (last, sum))
            })
            .collect();
        if let Some(last) = ranges.last_mut() {
            last.0 = ReplicaId(u128::MAX);
        }
        ranges
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fold_takes_no_more_than_twenty_eight_bytes() {
        let mut folds = Folds::default();
        for id in 0..10_000 {
            folds.advance(ReplicaId(id * 7 % 10_007), 3);
        }
        assert_eq!(folds.len(), 10_000);
        assert!(folds.ids.capacity() * 16 + folds.seqs.capacity() * 8 <= 28 * 10_000);
    }

    #[test]
    fn ranges_add_up_to_all_there_is() {
        let mut folds = Folds::default();
        for id in 0..100 {
            folds.advance(ReplicaId(id), 3);
        }
        let ranges = folds.ranges(16);
        assert_eq!(ranges.len(), 15);
        assert_eq!(ranges.last().unwrap().0, ReplicaId(u128::MAX));
        let all = folds.iter().map(|(id, seq)| digest::covered(id, seq));
        let sum = |sums: &mut dyn Iterator<Item = u128>| sums.fold(0_u128, u128::wrapping_add);
        assert_eq!(sum(&mut ranges.iter().map(|range| range.1)), sum(&mut { all }));
    }
}
