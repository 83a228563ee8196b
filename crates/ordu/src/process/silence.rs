use std::time::Duration;

use tokio::time::Instant;

/// How long nothing is said after the first time; it doubles up to the last.
const FIRST: Duration = Duration::from_secs(10);
const LAST: Duration = Duration::from_mins(10);

/// Keeps what lasts from being said too often: it is said at once, then after ten seconds, twenty and so on, and at last
/// every ten minutes.
#[derive(Debug)]
pub(super) struct Silence {
    /// Until when nothing is said, and for how long after that.
    until: Instant,
    next: Duration,
}

impl Silence {
    /// Nothing was said yet.
    pub(super) fn new() -> Self {
        Self {
            until: Instant::now(),
            next: FIRST,
        }
    }

    /// Whether it is to be said now; from now on it counts as said.
    pub(super) fn is_over(&mut self) -> bool {
        let now = Instant::now();
        if now < self.until {
            return false;
        }
        self.until = now + self.next;
        self.next = (2 * self.next).min(LAST);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_lasts_is_said_at_once_and_then_ever_more_seldom_up_to_every_ten_minutes() {
        let mut silence = Silence::new();
        let mut said = Vec::new();
        for half_seconds in 0..2 * 3_000 {
            if silence.is_over() {
                said.push(half_seconds / 2);
            }
            tokio::time::advance(Duration::from_millis(500)).await;
        }
        assert_eq!(said, [0, 10, 30, 70, 150, 310, 630, 1_230, 1_830, 2_430]);
    }
}
