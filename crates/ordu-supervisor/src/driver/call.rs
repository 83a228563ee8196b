//! A call that was made and whose answer is yet to come.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::errors::SupervisorGone;
use super::panics::contain;

/// A call that was made; its answer when awaited.
///
/// The call takes effect whether this is awaited or dropped.
pub struct Call<T, E>(State<T, E>);

enum State<T, E> {
    Refused(Option<E>),
    Waiting(oneshot::Receiver<Result<T, E>>),
}

impl<T, E> Call<T, E> {
    pub(super) fn refused(error: E) -> Self {
        Self(State::Refused(Some(error)))
    }

    pub(super) fn waiting(answer: oneshot::Receiver<Result<T, E>>) -> Self {
        Self(State::Waiting(answer))
    }
}

/// Gives a caller its answer. One that does not wait any more is not missed; its waker, and the drop of what it
/// does not take, are user code.
pub(super) fn give<T>(caller: oneshot::Sender<T>, value: T) {
    contain("a caller's waker, or what was meant for it,", || {
        drop(caller.send(value));
    });
}

/// Adds one to those who wait for the same, and when there is no room lets go of those who do not any more first: what is
/// held stays within about twice what is needed, at a cost that does not grow.
pub(super) fn push_waiting<T>(waiting: &mut Vec<T>, one: T, mut is_gone: impl FnMut(&T) -> bool) {
    if waiting.len() == waiting.capacity() {
        waiting.retain(|waits| !is_gone(waits));
        waiting.reserve(waiting.len() + 1);
    }
    waiting.push(one);
}

// The answer is only ever moved out.
impl<T, E> Unpin for Call<T, E> {}

impl<T, E: SupervisorGone> Future for Call<T, E> {
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Refused(error) => Poll::Ready(Err(error.take().unwrap_or_else(E::supervisor_gone))),
            State::Waiting(answer) => Pin::new(answer)
                .poll(cx)
                .map(|answer| answer.unwrap_or_else(|_| Err(E::supervisor_gone()))),
        }
    }
}

impl<T, E> fmt::Debug for Call<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            State::Refused(_) => "Call::Refused",
            State::Waiting(_) => "Call::Waiting",
        })
    }
}
