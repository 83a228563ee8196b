//! What came with transfers.

use alloc::vec::Vec;

use crate::{Dot, ReplicaId, VersionVector};

/// What transfers from peers changed of what a replica has seen.
#[derive(Clone, Debug, Default)]
pub struct Arrived {
    /// How far each origin that they brought something of was covered before.
    before: VersionVector,
    /// The origins that were not covered at all.
    new: Vec<ReplicaId>,
    by_full_join: bool,
}

impl Arrived {
    /// Whether an operation was covered before all of it came. `seen` is how far its origin is covered now.
    pub fn covered_before(&self, dot: Dot, seen: u64) -> bool {
        let before = match self.before.get(dot.origin) {
            0 if self.new.contains(&dot.origin) => 0,
            0 => seen,
            before => before,
        };
        dot.seq <= before
    }

    /// Whether a full causal join was among them.
    pub const fn by_full_join(&self) -> bool {
        self.by_full_join
    }

    pub(crate) fn note(&mut self, origin: ReplicaId, before: u64) {
        let is_noted = self.before.get(origin) > 0 || self.new.contains(&origin);
        if is_noted {
            return;
        }
        if before == 0 {
            self.new.push(origin);
        } else {
            self.before.advance(origin, before);
        }
    }

    pub(crate) const fn joined(&mut self) {
        self.by_full_join = true;
    }
}
