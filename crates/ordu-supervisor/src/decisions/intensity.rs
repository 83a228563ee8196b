//! How many restarts are too many.

use alloc::collections::VecDeque;
use core::time::Duration;

use super::Time;

/// How many automatic restarts within how long are still accepted.
///
/// The window slides and both ends count: `max_restarts` restarts within `period`, the moment exactly
/// `period` ago included, are accepted, one more is not. (OTP counts in whole seconds, so its window is up
/// to one second longer.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Intensity {
    /// Restarts accepted within `period`; zero accepts none.
    pub max_restarts: u32,
    /// Length of the window; must be above zero. It should be longer than the slowest restart.
    pub period: Duration,
}

impl Intensity {
    /// OTP's own default: 1 in 5 s. [`Intensity::default`] is Elixir's: 3 in 5 s.
    pub const OTP: Self = Self {
        max_restarts: 1,
        period: Duration::from_secs(5),
    };

    /// `max_restarts` within `period`.
    pub const fn new(max_restarts: u32, period: Duration) -> Self {
        Self { max_restarts, period }
    }
}

impl Default for Intensity {
    fn default() -> Self {
        Self::new(3, Duration::from_secs(5))
    }
}

/// The moments of the restarts that still count.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct RestartWindow {
    stamps: VecDeque<Time>,
}

impl RestartWindow {
    /// Counts an attempt at `now` and says whether it is still accepted. Success never resets the count.
    pub(crate) fn allows(&mut self, intensity: Intensity, now: Time) -> bool {
        while self
            .stamps
            .front()
            .is_some_and(|stamp| now.since(*stamp) > intensity.period)
        {
            self.stamps.pop_front();
        }
        if self.stamps.len() >= intensity.max_restarts as usize {
            return false;
        }
        self.stamps.push_back(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(seconds: u64) -> Time {
        Time::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn a_restart_exactly_one_period_ago_still_counts() {
        let intensity = Intensity::new(1, Duration::from_secs(5));
        let mut window = RestartWindow::default();
        assert!(window.allows(intensity, secs(0)));
        assert!(!window.clone().allows(intensity, secs(5)));
        assert!(window.allows(intensity, Time::from_micros(5_000_001)));
    }

    #[test]
    fn an_intensity_of_zero_accepts_nothing() {
        assert!(!RestartWindow::default().allows(Intensity::new(0, Duration::from_secs(1)), secs(9)));
    }
}
