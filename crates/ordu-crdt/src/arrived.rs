//! What came with transfers.

use alloc::collections::BTreeMap;

use crate::{Dot, ReplicaId};

/// What transfers from peers changed of what a replica has seen: see
/// [`Replica::take_arrived`](crate::Replica::take_arrived).
#[derive(Clone, Debug, Default)]
pub struct Arrived {
    /// How far each origin that they named was covered before.
    before: BTreeMap<ReplicaId, u64>,
    by_full_join: bool,
}

impl Arrived {
    /// Whether an operation was covered before all of it came. `seen` is how far its origin is covered now.
    pub fn covered_before(&self, dot: Dot, seen: u64) -> bool {
        dot.seq <= self.before.get(&dot.origin).copied().unwrap_or(seen)
    }

    /// Whether a full causal join was among them.
    pub const fn by_full_join(&self) -> bool {
        self.by_full_join
    }

    pub(crate) fn note(&mut self, origin: ReplicaId, before: u64) {
        self.before.entry(origin).or_insert(before);
    }

    pub(crate) const fn joined(&mut self) {
        self.by_full_join = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_covered_before_the_first_of_several_transfers_counts() {
        let dot = |origin, seq| Dot {
            origin: ReplicaId(origin),
            seq,
        };
        let mut arrived = Arrived::default();
        arrived.note(ReplicaId(1), 3);
        arrived.note(ReplicaId(1), 5);
        arrived.note(ReplicaId(2), 0);
        assert!(arrived.covered_before(dot(1, 3), 9));
        assert!(!arrived.covered_before(dot(1, 4), 9));
        assert!(!arrived.covered_before(dot(2, 1), 9), "it is new");
        assert!(arrived.covered_before(dot(3, 9), 9), "nothing came of it");
    }
}
