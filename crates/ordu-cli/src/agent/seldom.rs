use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How often the same is said.
const PERIOD: Duration = Duration::from_secs(10);

/// Keeps what happens again and again from filling the log: it is said the first time, and then once in ten
/// seconds.
#[derive(Debug, Default)]
pub(super) struct Seldom(Mutex<Option<Said>>);

#[derive(Debug)]
struct Said {
    at: Instant,
    unsaid: u64,
}

impl Seldom {
    /// It has happened. If it is to be said: how often it was not since the last time.
    pub(super) fn happened(&self) -> Option<u64> {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        match &mut *said {
            Some(said) if now.duration_since(said.at) < PERIOD => {
                said.unsaid += 1;
                None
            }
            said => Some(
                said.replace(Said { at: now, unsaid: 0 })
                    .map_or(0, |before| before.unsaid),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_happens_often_is_said_at_once_and_then_once_in_a_period_with_its_count() {
        let seldom = Seldom::default();
        assert_eq!(seldom.happened(), Some(0));
        assert_eq!((seldom.happened(), seldom.happened()), (None, None));
        tokio::time::advance(PERIOD).await;
        assert_eq!(seldom.happened(), Some(2));
        assert_eq!(seldom.happened(), None);
    }
}
