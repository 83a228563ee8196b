//! The moment a transfer becomes part of the state.

use alloc::{collections::BTreeSet, vec::Vec};
use core::hash::Hash;

use super::{Part, full::HeldElsewhere};
use crate::{
    Dot, EncodedLen, End, Replica, ReplicaId, Scope, SyncError, VersionVector, WireOp,
    map::{
        NewOp,
        op::Context,
        origins::{OriginIdx, Origins},
    },
};

impl<K, V> Replica<K, V>
where
    K: Hash + Eq + Clone + EncodedLen,
    V: Clone + EncodedLen,
{
    /// Applies a whole transfer and adopts its vector, or nothing of it. Returns the vector.
    pub(super) fn commit(
        &mut self,
        parts: Vec<Part<K, V>>,
        end: End,
        scope: Scope,
    ) -> Result<Vec<(ReplicaId, u64)>, SyncError> {
        let last = parts.last().map_or(&[][..], |part| &part.origins);
        let named = |(position, seq): (u16, u64)| (last[usize::from(position)], seq);
        let covered: Vec<_> = end.vector.into_iter().map(named).collect();
        // A vector names no retired origin, so nobody would ever be above a floor that does.
        let is_known = |&(id, _): &(ReplicaId, u64)| !self.is_retired(id);
        let floor: VersionVector = end.floor.into_iter().map(named).filter(is_known).collect();
        let retired: Vec<_> = end.retired.into_iter().map(named).collect();
        self.check(&parts, &covered, &retired)?;

        // Those that were never heard of here stay out of the table of origins.
        let (known, unknown): (Vec<_>, Vec<_>) = retired
            .into_iter()
            .partition(|&(origin, _)| self.map.origins.find(origin).is_some());
        for (origin, last_seq) in unknown {
            self.drop_origin(origin, last_seq);
        }
        self.map.reserve(parts.iter().map(|part| part.ops.len()).sum());
        let is_full = matches!(scope, Scope::Full { .. });
        let is_repair = matches!(scope, Scope::Repair);
        let mut held = HeldElsewhere::default();
        for Part {
            origins,
            ops,
            held: runs,
        } in parts
        {
            let origins: Vec<_> = origins.into_iter().map(|id| self.intern(id)).collect();
            if is_full {
                let runs = runs.iter().map(|run| (run.origin, run.first, run.last));
                let ops = ops.iter().map(|op| (op.origin, op.seq, op.seq));
                let named = |(position, first, last)| Some((origins[usize::from(position)]?, first, last));
                held.extend(runs.chain(ops).filter_map(named));
            }
            for op in ops {
                self.apply(op, &origins, is_repair);
            }
        }
        if is_full {
            self.drop_what_is_gone(&covered, &floor, held);
            self.map.floor.merge(&floor);
        }
        for &(id, seq) in &covered {
            if let Some(origin) = self.intern(id) {
                self.map.advance(origin, seq);
            }
        }
        if is_full {
            for (origin, last_seq) in known {
                self.drop_origin(origin, last_seq);
            }
            self.restart_transfers();
        }
        Ok(covered)
    }

    /// The index of an origin, unless it is retired: what a peer that does not know it yet still sends of it is
    /// everywhere already, and superseded.
    pub(crate) fn intern(&mut self, id: ReplicaId) -> Option<OriginIdx> {
        if self.is_retired(id) {
            None
        } else {
            Some(self.map.origins.intern(id))
        }
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
        retired: &[(ReplicaId, u64)],
    ) -> Result<(), SyncError> {
        self.check_own(covered.iter().copied())?;
        if retired.iter().any(|&(origin, _)| origin == self.id) {
            return Err(SyncError::OwnIdRetired);
        }
        // A transfer that began before others may bring what is known by now, so operations are held against
        // both vectors.
        let named: VersionVector = covered.iter().copied().collect();
        let reach = |id| named.get(id).max(self.map.vector.get(id));
        let mut new = BTreeSet::new();
        for part in parts {
            let unknown = part
                .origins
                .iter()
                .filter(|&&id| self.map.origins.find(id).is_none());
            new.extend(unknown.copied());
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
