//! The retained operations of one origin, in the order it wrote them.

use super::{AwLwwMap, origins::OriginIdx, slab::SlotId};

impl<K, V> AwLwwMap<K, V> {
    /// Puts an operation into the list of its origin. Almost always at its end: the walk only goes past newer
    /// operations, which a transfer brings after this one.
    pub(super) fn link(&mut self, id: SlotId) {
        let (origin, seq) = (self.ops[id].origin, self.ops[id].seq);
        let mut older = self.origins[origin].newest;
        let mut newer = None;
        while let Some(at) = older.filter(|&at| self.ops[at].seq > seq) {
            newer = Some(at);
            older = self.ops[at].older;
        }
        self.ops[id].older = older;
        self.ops[id].newer = newer;
        match older {
            Some(older) => self.ops[older].newer = Some(id),
            None => self.origins[origin].oldest = Some(id),
        }
        match newer {
            Some(newer) => self.ops[newer].older = Some(id),
            None => self.origins[origin].newest = Some(id),
        }
    }

    pub(super) fn unlink(&mut self, id: SlotId) {
        let op = &self.ops[id];
        let (origin, older, newer) = (op.origin, op.older, op.newer);
        match older {
            Some(older) => self.ops[older].newer = newer,
            None => self.origins[origin].oldest = newer,
        }
        match newer {
            Some(newer) => self.ops[newer].older = older,
            None => self.origins[origin].newest = older,
        }
    }

    /// The oldest retained operation of `origin` above `seq`.
    ///
    /// `hint`, where the last search ended, makes this O(1) while that operation is still retained; without it the
    /// walk from the newest costs as much as what is about to be sent.
    pub(crate) fn first_after(&self, origin: OriginIdx, seq: u64, hint: Option<SlotId>) -> Option<SlotId> {
        if let Some(op) = hint
            .and_then(|id| self.ops.occupant(id))
            .filter(|op| op.is(origin, seq))
        {
            return op.newer;
        }
        if seq == 0 {
            return self.origins[origin].oldest;
        }
        let mut first = None;
        let mut at = self.origins[origin].newest;
        while let Some(id) = at.filter(|&id| self.ops[id].seq > seq) {
            first = Some(id);
            at = self.ops[id].older;
        }
        first
    }
}
