use core::ops::{Add, Sub};
use core::time::Duration;

use serde::{Deserialize, Serialize};

/// A reading of the monotonic clock, in microseconds since an arbitrary start. Deadlines use it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Time(pub u64);

/// A reading of the wall clock, in microseconds since the Unix epoch. Stamps use it, deadlines never do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WallTime(pub u64);

/// Both readings of one moment, passed with every input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Now {
    /// For deadlines.
    pub mono: Time,
    /// For stamps.
    pub wall: WallTime,
}

impl Time {
    /// How long after `earlier` this is; zero if it is not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Now {
    /// By how many milliseconds the wall clock went on further than the monotonic one since `earlier`; less than zero: it
    /// was set back. `None`: there was no earlier reading.
    pub(crate) fn wall_jump_since(self, earlier: Self) -> Option<i64> {
        let passed = |from: u64, to: u64| i64::try_from(to).ok()?.checked_sub(i64::try_from(from).ok()?);
        let wall = passed(earlier.wall.0, self.wall.0).filter(|_| earlier != Self::default())?;
        Some((wall - passed(earlier.mono.0, self.mono.0)?) / 1_000)
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(micros(rhs)))
    }
}

impl Sub<Duration> for Time {
    type Output = Self;

    fn sub(self, rhs: Duration) -> Self {
        Self(self.0.saturating_sub(micros(rhs)))
    }
}

impl WallTime {
    /// Whole milliseconds since the Unix epoch, as hybrid logical clocks count them.
    pub fn millis(self) -> u64 {
        self.0 / 1000
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(mono: u64, wall: u64) -> Now {
        Now {
            mono: Time(mono),
            wall: WallTime(wall),
        }
    }

    #[test]
    fn a_wall_clock_jumps_by_what_the_monotonic_one_does_not_explain() {
        let before = at(1_000, 50_000);
        assert_eq!(at(3_000, 52_500).wall_jump_since(before), Some(0));
        assert_eq!(at(3_000, 59_000).wall_jump_since(before), Some(7));
        assert_eq!(at(3_000, 40_000).wall_jump_since(before), Some(-12));
        assert_eq!(before.wall_jump_since(Now::default()), None);
    }
}
