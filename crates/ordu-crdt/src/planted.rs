//! Bugs that the tests plant to show that they would find them.
//!
//! Each has been made by somebody: in a CRDT library that people run, or while this crate was written.

/// A known way to get this wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
// Without tests, no bug is ever made.
#[cfg_attr(not(test), allow(dead_code))]
pub(crate) enum Bug {
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
}

/// Whether a bug is planted here: never, outside of tests.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Planted {
    #[cfg(test)]
    pub(crate) bug: Option<Bug>,
}

impl Planted {
    #[cfg(test)]
    pub(crate) fn is(self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    #[cfg(not(test))]
    #[allow(clippy::unused_self)]
    pub(crate) const fn is(self, _: Bug) -> bool {
        false
    }
}
