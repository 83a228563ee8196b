//! What a replica says of what it has seen, so that a peer can tell what it lacks.

use alloc::vec::Vec;
use core::hash::Hash;

use crate::{AwLwwMap, EncodedLen, Message, Replica, ReplicaId, VersionVector, digest};

/// Into how many ranges what was folded away is divided: only those that differ are listed in an answer.
const RANGES: usize = 16;

/// What a peer has seen, as it said when it asked for the rest.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    /// What it listed.
    pub(crate) vector: VersionVector,
    /// The digest of all others.
    pub(crate) rest: u128,
    /// The same by ranges of ids.
    pub(crate) ranges: Vec<(ReplicaId, u128)>,
}

impl Asked {
    /// Nothing is known of what the peer has seen.
    pub(crate) fn unknown() -> Self {
        Self {
            rest: 1,
            ..Self::default()
        }
    }

    /// Whether the peer has seen of all that it did not list just what is seen in `map`.
    pub(crate) fn equals_in_the_rest<K, V>(&self, map: &AwLwwMap<K, V>) -> bool {
        let listed = self.vector.iter().fold(0_u128, |sum, (id, _)| {
            sum.wrapping_add(digest::covered(id, map.seen(id)))
        });
        map.digest.wrapping_sub(listed) == self.rest
    }

    /// Whether the peer listed all that it has seen.
    pub(crate) const fn is_all_it_has_seen(&self) -> bool {
        self.rest == 0
    }

    /// What was folded away in `map` and must be told, because the peer listed it or may have seen something else.
    pub(crate) fn folds_to_tell<K, V>(&self, map: &AwLwwMap<K, V>) -> Vec<(ReplicaId, u64)> {
        let in_the_rest = |&(id, _): &(ReplicaId, u64)| self.vector.get(id) == 0;
        let mut seen: Vec<_> = map
            .folds
            .iter()
            .chain(map.vector.iter())
            .filter(in_the_rest)
            .collect();
        let is_whole = !self.ranges.is_empty() || self.is_all_it_has_seen();
        if !is_whole {
            return map.folds.iter().collect();
        }
        seen.sort_unstable();
        let everything = [(ReplicaId(u128::MAX), self.rest)];
        let ranges = if self.ranges.is_empty() {
            &everything[..]
        } else {
            &self.ranges
        };
        let mut rest = &seen[..];
        let mut told: Vec<_> = map.folds.iter().filter(|entry| !in_the_rest(entry)).collect();
        for &(last, sum) in ranges {
            let end = rest.partition_point(|&(id, _)| id <= last);
            let (range, after) = rest.split_at(end);
            rest = after;
            let here = range.iter().fold(0_u128, |sum, &(id, seq)| {
                sum.wrapping_add(digest::covered(id, seq))
            });
            if here != sum {
                told.extend(range.iter().filter(|&&(id, _)| map.folds.get(id) > 0));
            }
        }
        told.extend(rest.iter().filter(|&&(id, _)| map.folds.get(id) > 0));
        told
    }
}

impl<K, V> Replica<K, V>
where
    K: Hash + Eq + Clone + EncodedLen,
    V: Clone + EncodedLen,
{
    /// The message that tells `peer` what is seen here: all that is not folded away, if it fits a frame; else what the
    /// peer is not known to have before what it is.
    pub(super) fn what_is_seen(&self, peer: ReplicaId, round: u64) -> Message<K, V> {
        let room = self.config.entries_in_a_frame().saturating_sub(2 * RANGES + 2);
        let is_whole = self.map.vector.len() <= room;
        let vector: VersionVector = if is_whole {
            self.map.vector.clone()
        } else {
            let acknowledged = self.acknowledged(peer);
            let is_common = |id, seq| acknowledged.is_some_and(|held| held.get(id) == seq);
            let (common, news): (Vec<_>, Vec<_>) =
                self.map.vector.iter().partition(|&(id, seq)| is_common(id, seq));
            news.into_iter()
                .chain(common.into_iter().rev())
                .take(room)
                .collect()
        };
        let rest = self.map.digest.wrapping_sub(vector.digest());
        let ranges = if is_whole {
            self.map.folds.ranges(RANGES)
        } else {
            Vec::new()
        };
        Message::Vector {
            round,
            vector,
            rest,
            ranges,
        }
    }
}
