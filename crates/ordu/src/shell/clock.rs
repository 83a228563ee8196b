use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ordu_core::{Now, Time, WallTime};
use tokio::time::Instant;

/// Reads both clocks for the core.
///
/// The monotonic one is `CLOCK_MONOTONIC` (tokio's `Instant`): it goes on while the process is stopped, so a
/// SIGSTOP shows as a gap between two inputs (S4.5).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    /// Starts to count now.
    pub(crate) fn start() -> Self {
        Self {
            start: Instant::now(),
        }
    }

    pub(crate) fn now(self) -> Now {
        Now {
            mono: Time(micros(self.start.elapsed())),
            wall: Self::wall(),
        }
    }

    /// The wall clock alone; a clock set before 1970 reads as 1970.
    pub(crate) fn wall() -> WallTime {
        WallTime(micros(
            SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
        ))
    }

    /// When a deadline of the core is due.
    pub(crate) fn instant(self, deadline: Time) -> Instant {
        self.start + Duration::from_micros(deadline.0)
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_deadline_is_due_when_the_clock_reads_it() {
        let clock = Clock::start();
        let deadline = clock.now().mono + Duration::from_millis(250);
        tokio::time::sleep_until(clock.instant(deadline)).await;
        assert!(clock.now().mono >= deadline);
    }
}
