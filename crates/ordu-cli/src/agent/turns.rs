use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;

/// Who changes a child in several steps does so alone, as far as this agent goes: another that waits for its turn
/// then sees what the first has made of it.
#[derive(Debug, Default)]
pub(super) struct Turns {
    queues: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl Turns {
    /// Waits for the turn at what is named so. It ends with the guard.
    pub(super) async fn take(&self, name: String) -> OwnedMutexGuard<()> {
        let queue = {
            let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
            // Those that nobody holds or waits for.
            queues.retain(|_, queue| Arc::strong_count(queue) > 1);
            Arc::clone(queues.entry(name).or_default())
        };
        queue.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_free(turns: &Turns, name: &str) -> bool {
        at_once(turns.take(name.to_owned())).is_some()
    }

    /// What a future gives at its first poll.
    fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
        let mut future = std::pin::pin!(future);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(ready) => Some(ready),
            std::task::Poll::Pending => None,
        }
    }

    #[tokio::test]
    async fn a_turn_holds_up_those_of_its_name_only() {
        let turns = Turns::default();
        let held = turns.take("a".to_owned()).await;
        assert!(!is_free(&turns, "a") && is_free(&turns, "b"));
        drop(held);
        assert!(is_free(&turns, "a"));
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_forgotten() {
        let turns = Turns::default();
        for number in 0..100 {
            drop(turns.take(number.to_string()).await);
        }
        assert_eq!(turns.queues.lock().unwrap().len(), 1);
    }
}
