//! Forgetting what everybody knows.
//!
//! Two things are kept only for replicas that have not seen an operation: a remove, and the context of a put. Once
//! every peer covers the operation, and this replica covers all that its context names, both can go:
//!
//! - no peer needs them to drop what the operation superseded, for it did when it applied the operation;
//! - this replica needs them to refuse nothing, for what the context names is covered here and so is late.
//!
//! Whoever is no peer may still need them, so the *floor* of the operation's origin rises to it. A replica that does
//! not cover the floor is never sent single operations but takes a full causal join (S1.5).
//!
//! A context may also name what has not arrived yet. That stays, whatever becomes of the origin, until it is certain
//! that nobody has it who may still come.

use core::hash::{BuildHasher, Hash};

use alloc::vec;

use super::{
    AwLwwMap,
    origins::{Origin, OriginIdx},
};
use crate::{ReplicaId, VersionVector, planted::Bug, room};

impl<K: Hash + Eq + Clone, V: Clone> AwLwwMap<K, V> {
    /// Whether there may be anything to collect.
    pub(crate) fn has_garbage(&self) -> bool {
        !self.garbage.is_empty()
    }

    /// Collects what is stable: `stable` tells how far every peer covers an origin, `is_told` whether nobody has more
    /// of an origin than is covered here. The work of a call is bounded: so many candidates are looked at, and the rest
    /// keep their turn.
    pub(crate) fn collect(
        &mut self,
        at_once: usize,
        stable: impl Fn(ReplicaId) -> u64,
        is_told: impl Fn(&Origin) -> bool,
    ) {
        let mut known = vec![None; self.origins.len()];
        for _ in 0..self.garbage.len().min(at_once) {
            let Some((id, origin, seq)) = self.garbage.pop_front() else {
                return;
            };
            if !self.ops.occupant(id).is_some_and(|op| op.is(origin, seq)) {
                continue;
            }
            let everywhere = *known[origin.index()].get_or_insert_with(|| stable(self.origins[origin].id));
            let is_stable = |seq| seq <= everywhere || self.planted.is(Bug::CollectedTooEarly);
            let named_since = self.ops[id].named_since;
            if !is_stable(named_since) {
                self.garbage.push_back((id, origin, seq));
                continue;
            }
            let origins = &self.origins;
            let op = &mut self.ops[id];
            let forgot = op
                .context
                .retain(|origin: OriginIdx, seq| seq > origins[origin].covered && !is_told(&origins[origin]));
            let is_settled = op.context.is_empty();
            // A change that was not told yet is marked on the head of the chain.
            let is_over = op.value.is_none() && is_settled && !op.changed && is_stable(seq);
            let is_done = is_settled && (op.value.is_some() || is_over);
            if forgot || is_over {
                let floor = if is_over { seq } else { named_since };
                self.floor.advance(self.origins[origin].id, floor);
            }
            if is_over {
                self.forget(id);
            } else if !is_done {
                self.garbage.push_back((id, origin, seq));
            }
        }
        self.give_back();
    }

    /// Gives back memory that a flood needed and nothing needs now.
    fn give_back(&mut self) {
        if let Some(enough) = room::enough_for(self.index.len(), self.index.num_buckets()) {
            let (ops, hasher) = (&self.ops, &self.hasher);
            self.index.shrink_to(enough, |&id| hasher.hash_one(&ops[id].key));
        }
        if let Some(enough) = room::enough_for(self.garbage.len(), self.garbage.capacity()) {
            self.garbage.shrink_to(enough);
        }
        if let Some(enough) = room::enough_for(self.changes.len(), self.changes.capacity()) {
            self.changes.shrink_to(enough);
        }
    }

    /// For how many operations and keys there is memory, in all lists together.
    #[cfg(test)]
    pub(crate) fn reserved(&self) -> usize {
        self.ops.reserved() + self.index.capacity() + self.garbage.capacity() + self.changes.capacity()
    }

    /// For each origin the operations whose removes and contexts may have been collected here.
    pub(crate) const fn floor(&self) -> &VersionVector {
        &self.floor
    }
}
