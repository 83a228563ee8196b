//! The runtime's time and the core's.

use std::time::Duration;

use tokio::time::Instant;

use crate::decisions::Time;

/// Translates between the runtime's time and the core's.
pub(super) struct Clock(Instant);

impl Clock {
    pub(super) fn new() -> Self {
        Self(Instant::now())
    }

    pub(super) fn now(&self) -> Time {
        Time::ZERO.after(self.0.elapsed())
    }

    pub(super) fn instant(&self, time: Time) -> Instant {
        let since = Duration::from_micros(time.as_micros());
        // A moment too far away to be represented never comes; any other far one will do.
        self.0
            .checked_add(since)
            .unwrap_or_else(|| Instant::now() + Duration::from_hours(24))
    }
}
