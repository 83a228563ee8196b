//! Hybrid logical clocks: stamps that follow the wall clock and never run backwards.
//!
//! After Kulkarni, Demirbas, Madappa, Avva, Leone: *Logical Physical Clocks* (2014), packed as 48 bits of
//! milliseconds and 16 bits of counter.

use core::fmt;

use crate::ReplicaId;

/// A reading of a hybrid logical clock: 48 bits of milliseconds since the Unix epoch, 16 bits of counter.
///
/// ```
/// use ordu_crdt::Hlc;
///
/// let first = Hlc::default().tick(1_000);
/// let second = first.tick(1_000);
/// assert_eq!((second.wall_ms(), second.counter()), (1_000, 1));
/// // A wall clock that went back does not take the stamps with it.
/// assert!(second.tick(5) > second);
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Hlc(pub u64);

impl Hlc {
    const COUNTER_BITS: u32 = 16;
    const MAX_WALL_MS: u64 = u64::MAX >> Self::COUNTER_BITS;

    /// The reading `wall_ms` with the counter at `counter`. Milliseconds beyond 48 bits are cut to the highest.
    pub const fn new(wall_ms: u64, counter: u16) -> Self {
        let wall_ms = if wall_ms > Self::MAX_WALL_MS {
            Self::MAX_WALL_MS
        } else {
            wall_ms
        };
        Self(wall_ms << Self::COUNTER_BITS | counter as u64)
    }

    /// The milliseconds, which may be ahead of any wall clock once the counter has overflowed (S1.7).
    pub const fn wall_ms(self) -> u64 {
        self.0 >> Self::COUNTER_BITS
    }

    /// The counter, which orders stamps of one millisecond.
    pub const fn counter(self) -> u16 {
        (self.0 & 0xffff) as u16
    }

    /// The next reading: the wall clock where it is ahead, else one more than this. A counter that overflows
    /// carries into the milliseconds.
    #[must_use]
    pub fn tick(self, wall_ms: u64) -> Self {
        Self::new(wall_ms, 0).max(Self(self.0.saturating_add(1)))
    }
}

impl fmt::Debug for Hlc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.wall_ms(), self.counter())
    }
}

/// The stamp of an operation: totally ordered, by clock and then by replica, so that every replica picks the same
/// winner among siblings.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Stamp {
    /// When, by the writer's hybrid logical clock.
    pub hlc: Hlc,
    /// Who.
    pub origin: ReplicaId,
}

impl fmt::Debug for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}@{:?}", self.hlc, self.origin)
    }
}
