//! The moment a transfer becomes part of the state.

use alloc::{collections::BTreeSet, vec, vec::Vec};
use core::hash::Hash;

use super::{Part, full::HeldElsewhere};
use crate::{
    Dot, EncodedLen, Replica, ReplicaId, Scope, SyncError, VersionVector, WireOp,
    map::{
        NewOp,
        op::Context,
        origins::{OriginIdx, Origins},
    },
    planted::Bug,
};

impl<K, V> Replica<K, V>
where
    K: Hash + Eq + Clone + EncodedLen,
    V: Clone + EncodedLen,
{
    /// Applies a whole transfer and adopts its vector, or nothing of it. Returns what of it is not folded away.
    pub(super) fn commit(
        &mut self,
        parts: Vec<Part<K, V>>,
        scope: Scope,
    ) -> Result<Vec<(ReplicaId, u64)>, SyncError> {
        let mut covered = named(&parts, |part| &part.vector);
        let folds = named(&parts, |part| &part.folds);
        let mut floor: VersionVector = named(&parts, |part| &part.floor).into_iter().collect();
        self.check(&parts, &covered, &folds)?;

        for &(id, _) in covered.iter().chain(&folds) {
            self.arrived.note(id, self.map.seen(id));
        }
        if matches!(scope, Scope::Full { .. }) {
            self.arrived.joined();
        }
        self.map.reserve(parts.iter().map(|part| part.ops.len()).sum());
        let is_full = matches!(scope, Scope::Full { .. });
        let is_repair = matches!(scope, Scope::Repair);
        let mut held = HeldElsewhere::default();
        for part in parts {
            let origins = self.intern_all(&part);
            if is_full {
                let runs = part.held.iter().map(|run| (run.origin, run.first, run.last));
                let ops = part.ops.iter().map(|op| (op.origin, op.seq, op.seq));
                let named = |(position, first, last)| Some((origins[usize::from(position)]?, first, last));
                held.extend(runs.chain(ops).filter_map(named));
            }
            for op in part.ops {
                self.apply(op, &origins, is_repair);
            }
        }
        for &(id, _) in &covered {
            self.intern(id);
        }
        if is_full {
            self.adopt_folds(folds, &mut covered, &mut floor);
            self.drop_what_is_gone(&covered, &floor, held);
            for (id, seq) in floor.iter() {
                // What is folded away is below the floor as it is.
                if self.map.origins.find(id).is_some() {
                    self.map.floor.advance(id, seq);
                }
            }
        }
        for &(id, seq) in &covered {
            let origin = self.intern(id);
            self.map.advance(origin, seq);
        }
        if is_full {
            self.restart_transfers();
        }
        Ok(covered)
    }

    /// Covers what the sender had folded away. Origins that are not folded away here are left to be `covered` like
    /// others, and a fold is a floor (S1.5).
    fn adopt_folds(
        &mut self,
        folds: Vec<(ReplicaId, u64)>,
        covered: &mut Vec<(ReplicaId, u64)>,
        floor: &mut VersionVector,
    ) {
        let mut is_news = false;
        for (id, seq) in folds {
            if self.map.origins.find(id).is_some() {
                covered.push((id, seq));
                if !self.map.planted.is(Bug::FoldWithoutFloor) {
                    floor.advance(id, seq);
                }
            } else {
                is_news |= self.map.advance_fold(id, seq);
            }
        }
        if is_news {
            for peer in self.peers.values_mut() {
                peer.covers_folds = false;
            }
        }
    }

    /// The indices of the origins that a part refers to. Those that only stand in its lists of what is folded away, or
    /// of what is held elsewhere, are not interned for that.
    fn intern_all(&mut self, part: &Part<K, V>) -> Vec<Option<OriginIdx>> {
        let needed = positions_in_ops(part);
        let origins = part.origins.iter().zip(needed);
        origins
            .map(|(&id, is_needed)| {
                if is_needed {
                    Some(self.intern(id))
                } else {
                    self.map.origins.find(id)
                }
            })
            .collect()
    }

    pub(crate) fn apply(&mut self, op: WireOp<K, V>, origins: &[Option<OriginIdx>], is_repair: bool) {
        let Some(origin) = origins[usize::from(op.origin)] else {
            return;
        };
        self.hlc = self.hlc.max(op.hlc);
        if op.seq <= self.map.origins[origin].covered && !is_repair {
            return;
        }
        let mut context = Context::default();
        for (position, seq) in op.context {
            if let Some(seen) = origins[usize::from(position)] {
                context.absorb_dot(seen, seq, origin);
            }
        }
        let WireOp {
            key, value, hlc, seq, ..
        } = op;
        self.map.apply(NewOp {
            key,
            value,
            hlc,
            origin,
            seq,
            context,
        });
    }

    fn check(
        &self,
        parts: &[Part<K, V>],
        covered: &[(ReplicaId, u64)],
        folds: &[(ReplicaId, u64)],
    ) -> Result<(), SyncError> {
        let all = || covered.iter().chain(folds).copied();
        self.check_own(all())?;
        // A transfer that began before others may bring what is known by now, so operations are held against
        // both vectors.
        let mut new: BTreeSet<_> = covered
            .iter()
            .map(|&(id, _)| id)
            .filter(|&id| self.map.origins.find(id).is_none())
            .collect();
        let named: VersionVector = all().collect();
        let reach = |id| named.get(id).max(self.map.seen(id));
        for part in parts {
            let needed = positions_in_ops(part);
            let unknown = part
                .origins
                .iter()
                .zip(needed)
                .filter(|&(&id, is_needed)| is_needed && self.map.origins.find(id).is_none());
            new.extend(unknown.map(|(&id, _)| id));
            let covered: Vec<u64> = part.origins.iter().map(|&id| reach(id)).collect();
            for op in &part.ops {
                let position = usize::from(op.origin);
                if op.seq == 0 || op.seq > covered[position] {
                    let origin = part.origins[position];
                    return Err(SyncError::BeyondVector(Dot { origin, seq: op.seq }));
                }
            }
        }
        if self.map.origins.has_room_for(new.len()) {
            Ok(())
        } else {
            Err(SyncError::TooManyOrigins {
                new: new.len(),
                known: Origins::MAX,
            })
        }
    }
}

/// For each position in a part's list of origins, whether an operation is of that origin or names it.
fn positions_in_ops<K, V>(part: &Part<K, V>) -> Vec<bool> {
    let mut needed = vec![false; part.origins.len()];
    for op in &part.ops {
        needed[usize::from(op.origin)] = true;
        for &(position, _) in &op.context {
            needed[usize::from(position)] = true;
        }
    }
    needed
}

/// The entries of one list of all parts.
fn named<K, V>(parts: &[Part<K, V>], list: impl Fn(&Part<K, V>) -> &[(u16, u64)]) -> Vec<(ReplicaId, u64)> {
    parts.iter().flat_map(|part| part.named(list(part))).collect()
}
