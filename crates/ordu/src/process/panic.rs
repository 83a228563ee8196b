use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// Runs `work` and returns what it panicked with, if it did. What it borrowed is whole as far as Rust is
/// concerned, and may be half changed as far as its owner is.
pub(super) async fn catch_panic<T>(work: impl Future<Output = T>) -> Result<T, Box<dyn Any + Send>> {
    let mut work = pin!(work);
    poll_fn(
        |context| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        },
    )
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_panicking_future_borrowed_is_there_to_be_ended_in_order() {
        let mut ends = vec!["begun"];
        let work = async {
            tokio::task::yield_now().await;
            ends.push("went on");
            panic!("a bug");
        };

        let panic = catch_panic::<()>(work).await.unwrap_err();

        assert_eq!(panic.downcast_ref::<&str>(), Some(&"a bug"));
        assert_eq!(ends, ["begun", "went on"]);
    }

    #[tokio::test]
    async fn what_comes_to_its_end_is_passed_through() {
        assert!(matches!(catch_panic(async { 7 }).await, Ok(7)));
    }
}
