//! How an origin that has ended is folded away, and how it comes back.

use alloc::{vec, vec::Vec};

use super::{AwLwwMap, origins::OriginIdx, slab::SlotId};
use crate::{ReplicaId, digest, planted::Bug};

impl<K, V> AwLwwMap<K, V> {
    /// How far an origin is covered, folded away or not.
    pub(crate) fn seen(&self, id: ReplicaId) -> u64 {
        match self.origins.find(id) {
            Some(index) => self.origins[index].covered,
            None => self.folds.get(id),
        }
    }

    /// The index of `id`, which is interned now if it is new. One that was folded away is taken up again where it was
    /// left; how far that was is told beside.
    pub(crate) fn intern(&mut self, id: ReplicaId) -> (OriginIdx, Option<u64>) {
        let index = self.origins.intern(id);
        let revived = if self.folds.is_empty() {
            None
        } else {
            self.folds.remove(id)
        };
        if let Some(covered) = revived {
            self.origins[index].covered = covered;
            self.vector.advance(id, covered);
            if !self.planted.is(Bug::FoldWithoutFloor) {
                self.floor.advance(id, covered);
            }
        }
        (index, revived)
    }

    /// Folds an origin away of which no operation is held and which no context names: its last sequence is all that is
    /// left. What this replica has seen stays the same.
    pub(crate) fn fold(&mut self, index: OriginIdx) {
        let (id, covered) = (self.origins[index].id, self.origins[index].covered);
        if self.planted.is(Bug::ContextStrippedByFold) {
            for &(at, by, seq) in &self.garbage {
                if self.ops.occupant(at).is_some_and(|op| op.is(by, seq)) {
                    self.ops[at].context.retain(|named, _| named != index);
                }
            }
        }
        self.vector.remove(id);
        self.floor.remove(id);
        self.origins.remove(index);
        self.folds.advance(id, covered);
    }

    /// Covers what another replica had folded away of an origin that is not known here. Whether that was news.
    pub(crate) fn advance_fold(&mut self, id: ReplicaId, seq: u64) -> bool {
        let before = self.folds.get(id);
        let is_news = seq > before;
        if is_news {
            self.folds.advance(id, seq);
            self.digest = self.digest.wrapping_sub(digest::covered(id, before));
            self.digest = self.digest.wrapping_add(digest::covered(id, seq));
        }
        is_news
    }

    /// The origins that some context names, by their indices.
    pub(crate) fn named(&self) -> Vec<bool> {
        let mut named = vec![false; self.origins.len()];
        let candidates = self.garbage.iter();
        for op in candidates.filter_map(|&(id, _, _)| self.ops.occupant(id)) {
            for (origin, _) in op.context.iter() {
                named[origin.index()] = true;
            }
        }
        named
    }

    /// Whether an operation of `origin` is held under the same key as this one.
    pub(crate) fn has_op_of(&self, id: SlotId, origin: OriginIdx) -> bool
    where
        K: core::hash::Hash + Eq,
    {
        self.chain(self.head(&self.ops[id].key))
            .any(|other| self.ops[other].origin == origin)
    }
}
