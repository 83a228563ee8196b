//! The tasks a supervisor spawns: starts that take time, and the bodies of children.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::task::JoinSet;

use super::mailbox::News;
use super::panics::catch;
use super::shared::Shared;
use super::start::{BoxFuture, StartError, Started};
use crate::core::ExitReason;

/// Runs a child's body and tells its end, exactly once, whatever happens: also when it panics, is aborted, or
/// is dropped without ever having run. The end is told only when the body and its helpers are gone.
pub(super) struct ChildTask {
    body: Option<BoxFuture<ExitReason>>,
    reason: Option<ExitReason>,
    helpers: Option<Box<JoinSet<()>>>,
    shared: Option<Arc<Shared>>,
}

impl ChildTask {
    pub(super) fn new(body: BoxFuture<ExitReason>, shared: Arc<Shared>) -> Self {
        Self {
            body: Some(body),
            reason: None,
            helpers: None,
            shared: Some(shared),
        }
    }

    /// Drops the body, whose drop may panic, and takes the helpers over.
    fn body_over(&mut self, reason: ExitReason) {
        let body = self.body.take();
        self.reason = Some(catch(|| drop(body)).err().unwrap_or(reason));
        if let Some(shared) = &self.shared {
            self.helpers = shared.helpers().take();
        }
        if let Some(helpers) = &mut self.helpers {
            helpers.abort_all();
        }
    }

    fn tell(&mut self) {
        if let (Some(shared), Some(reason)) = (self.shared.take(), self.reason.take()) {
            // The end of a child that was asked to stop and then was simply done.
            let obeyed = reason == ExitReason::Normal && shared.is_stopping();
            shared.tell_exited(if obeyed { ExitReason::Shutdown } else { reason });
        }
    }
}

impl Future for ChildTask {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if let Some(body) = &mut this.body {
            let reason = match catch(|| body.as_mut().poll(cx)) {
                Ok(polled) => ready!(polled),
                Err(panic) => panic,
            };
            this.body_over(reason);
        }
        if let Some(helpers) = &mut this.helpers {
            while ready!(helpers.poll_join_next(cx)).is_some() {}
        }
        this.tell();
        Poll::Ready(())
    }
}

impl Drop for ChildTask {
    fn drop(&mut self) {
        let Some(shared) = &self.shared else { return };
        if self.reason.is_none() {
            let reason = shared.aborted_reason();
            self.body_over(reason);
        }
        // Aborted tasks are gone only once they have been waited for, which a drop cannot do.
        let helpers = self.helpers.take().filter(|helpers| !helpers.is_empty());
        let (Some(mut helpers), Ok(runtime)) = (helpers, tokio::runtime::Handle::try_current()) else {
            return self.tell();
        };
        let rest = Self {
            body: None,
            reason: self.reason.take(),
            helpers: None,
            shared: self.shared.take(),
        };
        runtime.spawn(async move {
            let mut rest = rest;
            while helpers.join_next().await.is_some() {}
            rest.tell();
        });
    }
}

/// Runs a start that takes its time and tells its outcome, also when it is aborted.
pub(super) struct StartTask {
    start: Option<BoxFuture<Result<Started, StartError>>>,
    shared: Option<Arc<Shared>>,
}

impl StartTask {
    pub(super) fn new(start: BoxFuture<Result<Started, StartError>>, shared: Arc<Shared>) -> Self {
        Self {
            start: Some(start),
            shared: Some(shared),
        }
    }

    fn over(&mut self, outcome: Result<Started, StartError>) {
        let start = self.start.take();
        let outcome = match catch(|| drop(start)) {
            Ok(()) => outcome,
            Err(panic) => Err(StartError::Failed(panic)),
        };
        let Some(shared) = self.shared.take() else { return };
        shared.news.tell(News::Started {
            incarnation: shared.incarnation,
            outcome,
        });
    }
}

impl Future for StartTask {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if let Some(start) = &mut this.start {
            let outcome = match catch(|| start.as_mut().poll(cx)) {
                Ok(polled) => ready!(polled),
                Err(panic) => Err(StartError::Failed(panic)),
            };
            this.over(outcome);
        }
        Poll::Ready(())
    }
}

impl Drop for StartTask {
    fn drop(&mut self) {
        if self.shared.is_some() {
            self.over(Err(StartError::Failed(ExitReason::Killed)));
        }
    }
}
