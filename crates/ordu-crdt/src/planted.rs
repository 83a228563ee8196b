//! Bugs that tests plant to show that they would find them: this crate's own, and with the feature `planted-bugs`
//! those of a simulator.
//!
//! Each has been made by somebody: in a CRDT library that people run, or while this crate was written.

use core::hash::Hash;

use crate::{Chunk, EncodedLen, Replica};

/// A known way to get this wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
// Where none can be planted, no bug is ever made.
#[cfg_attr(not(any(test, feature = "planted-bugs")), allow(dead_code))]
#[cfg_attr(not(feature = "planted-bugs"), allow(unreachable_pub))]
pub enum Bug {
    /// The parts of a transfer are applied, and covered, as they come.
    ContextBeforeLastChunk,
    /// The first part of a transfer is sent with the vector of the whole.
    PartialKeysWithWholeVector,
    /// Of concurrent values only the last write is kept.
    LoserDroppedAtMerge,
    /// Superseded operations are left out of a push that lacks what superseded them.
    DeadSkippedOutsideUnit,
    /// A full join drops what is gone of the collected origin alone.
    OneOriginReset,
    /// A replica id is used again, from sequence 1, and nobody looks.
    IdReused,
    /// A push is applied although operations before it were lost.
    GapApplied,
    /// Removes are collected before every peer has seen them.
    CollectedTooEarly,
    /// A context names what the writer saw, not what that had superseded.
    ContextNotClosed,
    /// A replica below the floor is sent single operations.
    FloorIgnored,
    /// Whether anybody has more of an origin that has ended is asked of those alone who are connected.
    RetireAsksPresentPeers,
    /// What contexts name of an origin goes when the origin is folded away.
    ContextStrippedByFold,
    /// The context of what is written again and again waits for the last of these writes to be everywhere.
    ContextKept,
    /// What a write names beyond the one before it counts as named since that one.
    NamedTooSoon,
    /// Whoever does not cover what was folded away is sent single operations.
    FoldWithoutFloor,
    /// A remove only drops what is held here: it is no event, has no dot, and nobody else hears of it.
    RemoveWithoutDot,
}

/// Whether a bug is planted here: never, where none can be.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Planted {
    #[cfg(any(test, feature = "planted-bugs"))]
    pub(crate) bug: Option<Bug>,
}

impl Planted {
    #[cfg(any(test, feature = "planted-bugs"))]
    pub(crate) fn is(self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    #[cfg(not(any(test, feature = "planted-bugs")))]
    #[allow(clippy::unused_self)]
    pub(crate) const fn is(self, _: Bug) -> bool {
        false
    }
}

impl<K, V> Replica<K, V>
where
    K: Hash + Eq + Clone + EncodedLen,
    V: Clone + EncodedLen,
{
    /// Makes this replica wrong.
    #[cfg(feature = "planted-bugs")]
    pub fn plant(&mut self, bug: Bug) {
        self.map.planted.bug = Some(bug);
    }

    /// [`Bug::ContextBeforeLastChunk`]: applies a chunk at once and covers what was in it.
    pub(crate) fn commit_early(&mut self, chunk: &Chunk<K, V>) {
        if !self.map.planted.is(Bug::ContextBeforeLastChunk) {
            return;
        }
        let origins: alloc::vec::Vec<_> = chunk.origins.iter().map(|&id| Some(self.intern(id))).collect();
        for op in chunk.ops.iter().cloned() {
            let (origin, seq) = (origins[usize::from(op.origin)], op.seq);
            self.apply(op, &origins, false);
            if let Some(origin) = origin {
                self.map.advance(origin, seq);
            }
        }
    }
}
