//! What an origin that has ended put, written anew.

use core::hash::Hash;

use crate::{EncodedLen, Replica, ReplicaId, map::NewOp};

impl<K, V> Replica<K, V>
where
    K: Hash + Eq + Clone + EncodedLen,
    V: Clone + EncodedLen,
{
    /// Writes up to `limit` values that an origin put which has ended anew, as this replica's own operations with the
    /// stamps they had. Returns how many.
    ///
    /// One replica should do it, while the cluster is quiet: a remove that is written elsewhere at the same moment
    /// has not seen the new operation and loses to it. A key with a sibling of this replica's own is left as it is
    /// until the siblings are resolved.
    pub fn adopt(&mut self, origin: ReplicaId, limit: usize) -> usize {
        let ended = self.map.origins.find(origin).filter(|_| self.has_ended(origin));
        let Some(from) = ended else { return 0 };
        let mut adopted = 0;
        let mut next = self.map.origins[from].oldest;
        let mut seq = self.map.origins[self.own].covered;
        while let Some(id) = next.filter(|_| adopted < limit) {
            let op = &self.map.ops[id];
            next = op.newer;
            if op.value.is_none() || self.map.has_op_of(id, self.own) {
                continue;
            }
            let mut context = op.context.clone();
            context.absorb_dot(from, op.seq, self.own);
            let (key, value, hlc) = (op.key.clone(), op.value.clone(), op.hlc);
            seq += 1;
            adopted += 1;
            self.map.apply(NewOp {
                key,
                value,
                hlc,
                origin: self.own,
                seq,
                context,
            });
        }
        if adopted > 0 {
            self.map.advance(self.own, seq);
            self.all_ready();
        }
        adopted
    }
}
