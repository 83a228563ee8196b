//! Children that come to a result.

use std::fmt::{self, Display};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::child::Child;
use super::ctx::Ctx;
use super::errors::QueryError;
use super::mailbox::News;
use super::text::OneLine;
use crate::decisions::ExitReason;

/// The result of a [job](crate::ChildSpec::job), once it has ended. Dropping it does not end the job.
pub struct JobResult<T, E> {
    /// How it ended; told when its helpers are gone, too.
    ended: Option<oneshot::Receiver<Result<ExitReason, QueryError>>>,
    result: oneshot::Receiver<Result<T, E>>,
}

/// Why a job came to no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JobError<E> {
    /// It said so.
    #[error("the job failed: {0}")]
    Failed(E),
    /// It ended before it was done: it panicked, was stopped or killed, or did not start.
    #[error("the job ended before it was done ({})", OneLine(.0))]
    Ended(ExitReason),
    /// It was never started, or its supervisor went down with its runtime.
    #[error("the job was never started, or its supervisor is gone")]
    Gone,
}

/// The other half of a [`JobResult`].
pub(super) struct Job<T, E> {
    ended: oneshot::Sender<Result<ExitReason, QueryError>>,
    result: oneshot::Sender<Result<T, E>>,
}

pub(super) fn job<T, E>() -> (Job<T, E>, JobResult<T, E>) {
    let (ended, is_ended) = oneshot::channel();
    let (result, has_result) = oneshot::channel();
    let waiting = JobResult {
        ended: Some(is_ended),
        result: has_result,
    };
    (Job { ended, result }, waiting)
}

impl<T, E> Job<T, E>
where
    T: Send + 'static,
    E: Display + Send + 'static,
{
    /// The body as a child. Its end is told to whoever waits for the result.
    pub(super) fn run<Fut>(self, ctx: &Ctx, body: Fut) -> Child
    where
        Fut: Future<Output = Result<T, E>> + Send + 'static,
    {
        let Self { ended, result } = self;
        ctx.shared.news.tell(News::Monitor {
            incarnation: ctx.shared.incarnation,
            ended,
        });
        Child::task(async move {
            let outcome = body.await;
            let reason = match &outcome {
                Ok(_) => ExitReason::Normal,
                Err(error) => ExitReason::error(format_args!("{error:#}")),
            };
            // Nobody may want it.
            drop(result.send(outcome));
            reason
        })
    }
}

// Nothing in it is pinned.
impl<T, E> Unpin for JobResult<T, E> {}

impl<T, E> Future for JobResult<T, E> {
    type Output = Result<T, JobError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let ended = match &mut self.ended {
            Some(ended) => std::task::ready!(Pin::new(ended).poll(cx)),
            None => return Poll::Ready(Err(JobError::Gone)),
        };
        self.ended = None;
        Poll::Ready(match (self.result.try_recv(), ended) {
            (Ok(Ok(value)), _) => Ok(value),
            (Ok(Err(error)), _) => Err(JobError::Failed(error)),
            (Err(_), Ok(Ok(reason))) => Err(JobError::Ended(reason)),
            (Err(_), Ok(Err(_)) | Err(_)) => Err(JobError::Gone),
        })
    }
}

impl<T, E> fmt::Debug for JobResult<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JobResult")
    }
}
