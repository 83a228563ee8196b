//! The moment a transfer becomes part of the state.

use alloc::{collections::BTreeSet, vec::Vec};
use core::hash::Hash;

use super::{Part, outgoing::dot};
use crate::{
    EncodedLen, Replica, ReplicaId, SyncError, VersionVector,
    map::{NewOp, op::Context, origins::OriginIdx, origins::Origins},
};

impl<K, V> Replica<K, V>
where
    K: Hash + Eq + Clone + EncodedLen,
    V: Clone + EncodedLen,
{
    /// Applies a whole transfer and adopts its vector, or nothing of it.
    pub(super) fn commit(
        &mut self,
        parts: Vec<Part<K, V>>,
        end: &[(ReplicaId, u64)],
    ) -> Result<(), SyncError> {
        self.check(&parts, end)?;
        for Part { origins, ops } in parts {
            let origins: Vec<OriginIdx> = origins
                .into_iter()
                .map(|id| self.map.origins.intern(id))
                .collect();
            for op in ops {
                let origin = origins[usize::from(op.origin)];
                self.hlc = self.hlc.max(op.hlc);
                if op.seq <= self.map.origins[origin].covered {
                    continue;
                }
                let mut context = Context::default();
                for (position, seq) in op.context {
                    context.add(origins[usize::from(position)], seq);
                }
                let (key, value, hlc, seq) = (op.key, op.value, op.hlc, op.seq);
                self.map.apply(NewOp {
                    key,
                    value,
                    hlc,
                    origin,
                    seq,
                    context,
                });
            }
        }
        for &(id, seq) in end {
            let origin = self.map.origins.intern(id);
            self.map.advance(origin, seq);
        }
        Ok(())
    }

    fn check(&self, parts: &[Part<K, V>], end: &[(ReplicaId, u64)]) -> Result<(), SyncError> {
        self.check_own(end.iter().copied())?;
        // An empty context of what was covered already is no news and may be sent by a peer that restarts a
        // transfer, so operations are held against both.
        let mut covered: VersionVector = end.iter().copied().collect();
        covered.merge(&self.map.vector);
        let mut new = BTreeSet::new();
        for part in parts {
            let unknown = part
                .origins
                .iter()
                .filter(|&&id| self.map.origins.find(id).is_none());
            new.extend(unknown.copied());
            for op in &part.ops {
                let dot = dot(part.origins[usize::from(op.origin)], op.seq);
                if dot.seq == 0 || !covered.covers(dot) {
                    return Err(SyncError::BeyondVector(dot));
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
