//! How long to wait before a restart.

use core::time::Duration;

/// How long a child waits before it is restarted: doubling from `first` to `max`, shortened by a random part.
///
/// An extension: OTP restarts at once, and so does a child without a back-off. A waiting child is listed as
/// restarting and can be terminated; the attempt counts against its budget when it is made.
///
/// ```
/// use core::time::Duration;
/// use ordu_supervisor::decisions::Backoff;
///
/// let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1)).jitter_percent(0);
/// assert_eq!(backoff.delay(1, 0), Duration::from_millis(100));
/// assert_eq!(backoff.delay(3, 0), Duration::from_millis(400));
/// assert_eq!(backoff.delay(99, 0), Duration::from_secs(1));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Backoff {
    first: Duration,
    max: Duration,
    jitter_percent: u8,
    reset_after: Duration,
}

impl Backoff {
    /// Waits `first` before the first restart and twice as long before each next one, up to `max`.
    ///
    /// Half of each wait is random, and a child that ran for `max` starts over at `first`.
    pub const fn new(first: Duration, max: Duration) -> Self {
        Self {
            first,
            max,
            jitter_percent: 50,
            reset_after: max,
        }
    }

    /// How much of a wait is random, from 0 (none) to 100 (all of it); more is taken as 100.
    #[must_use]
    pub const fn jitter_percent(mut self, percent: u8) -> Self {
        self.jitter_percent = if percent > 100 { 100 } else { percent };
        self
    }

    /// How long a child must have run for its next wait to be `first` again.
    #[must_use]
    pub const fn reset_after(mut self, running: Duration) -> Self {
        self.reset_after = running;
        self
    }

    /// The wait before attempt number `attempt` (from 1) in a row, given a random number.
    pub fn delay(&self, attempt: u32, random: u64) -> Duration {
        let doubled = self.first.saturating_mul(1 << attempt.saturating_sub(1).min(30));
        let full = u64::try_from(doubled.min(self.max).as_micros()).unwrap_or(u64::MAX);
        let random_part = u128::from(full) * u128::from(self.jitter_percent) / 100;
        let cut = (random_part * u128::from(random)) >> 64;
        Duration::from_micros(full - u64::try_from(cut).unwrap_or(full))
    }

    /// Whether a child that ran this long starts over.
    pub(crate) fn is_reset_by(&self, ran: Duration) -> bool {
        ran >= self.reset_after
    }
}

/// A small seeded generator for the random part of waits (`SplitMix64`).
#[derive(Debug, Clone)]
pub(crate) struct Jitter(u64);

impl Jitter {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_never_longer_than_its_full_length_nor_shorter_than_its_fixed_part() {
        let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2)).jitter_percent(30);
        let mut jitter = Jitter::new(7);
        for attempt in 1..40 {
            let full = backoff.jitter_percent(0).delay(attempt, 0);
            let delay = backoff.delay(attempt, jitter.next());
            assert!(
                delay <= full && delay >= full.mul_f64(0.7),
                "{delay:?} of {full:?}"
            );
        }
    }
}
