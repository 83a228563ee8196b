//! What a departed origin leaves behind in a map.

use super::{AwLwwMap, origins::OriginIdx, slab::SlotId};
use crate::ReplicaId;

impl<K, V> AwLwwMap<K, V> {
    /// Whether an operation of `origin` is held under the same key as this one.
    pub(crate) fn has_op_of(&self, id: SlotId, origin: OriginIdx) -> bool
    where
        K: core::hash::Hash + Eq,
    {
        self.chain(self.head(&self.ops[id].key))
            .any(|other| self.ops[other].origin == origin)
    }

    /// Whether a context names an operation of `origin` that is covered here.
    pub(crate) fn is_named(&self, origin: OriginIdx, covered: u64) -> bool {
        let contexts = self
            .garbage
            .iter()
            .filter_map(|&(id, _, _)| self.ops.occupant(id));
        let mut named = contexts.map(|op| op.context.get(origin));
        named.any(|seq| seq > 0 && seq <= covered)
    }

    /// Forgets an origin of which no operation is held. What contexts still name of it never arrived anywhere, and
    /// if it does it is refused.
    pub(crate) fn remove_origin(&mut self, id: ReplicaId, origin: OriginIdx) {
        for &(at, by, seq) in &self.garbage {
            if self.ops.occupant(at).is_some_and(|op| op.is(by, seq)) {
                self.ops[at].context.retain(|named, _| named != origin);
            }
        }
        self.vector.remove(id);
        self.floor.remove(id);
        self.origins.remove(origin);
    }
}
