use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ordu_core::{Now, Time, WallTime};
use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

/// Reads both clocks for the core.
///
/// The monotonic one is `CLOCK_BOOTTIME`: it goes on while the process is stopped and while the machine is
/// suspended, so both show as a gap between two inputs (S4.5). `CLOCK_MONOTONIC`, which timers run by, stands
/// still in a suspension.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// Since the machine was started.
    start: Duration,
}

impl Clock {
    /// Starts to count now.
    pub(crate) fn start() -> Self {
        Self { start: since_boot() }
    }

    pub(crate) fn now(self) -> Now {
        Now {
            mono: self.mono(),
            wall: Self::wall(),
        }
    }

    fn mono(self) -> Time {
        Time(micros(since_boot().saturating_sub(self.start)))
    }

    /// The wall clock alone; a clock set before 1970 reads as 1970.
    pub(crate) fn wall() -> WallTime {
        WallTime(micros(
            SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
        ))
    }

    /// When a deadline of the core is due, by the clock of timers. To be asked anew before each wait: the two
    /// clocks part in a suspension, after which what is left to wait for is at most what was left before.
    pub(crate) fn instant(self, deadline: Time) -> Instant {
        let left = deadline.since(self.mono());
        Instant::now() + left
    }
}

fn since_boot() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    Duration::new(
        now.tv_sec.unsigned_abs(),
        u32::try_from(now.tv_nsec).unwrap_or_default(),
    )
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_deadline_is_due_when_the_clock_reads_it() {
        let clock = Clock::start();
        let deadline = clock.now().mono + Duration::from_millis(20);
        tokio::time::sleep_until(clock.instant(deadline)).await;
        assert!(clock.now().mono >= deadline);
    }

    #[tokio::test]
    async fn a_deadline_that_has_passed_is_due_at_once() {
        let clock = Clock {
            start: Duration::ZERO,
        };
        assert!(clock.instant(Time(1)) <= Instant::now());
    }
}
