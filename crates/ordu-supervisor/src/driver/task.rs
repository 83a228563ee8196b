//! The tasks a supervisor spawns: starts that take time, and the bodies of children.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::child::admit;
use super::ending::Ending;
use super::mailbox::News;
use super::panics::catch;
use super::shared::Shared;
use super::start::{BoxFuture, StartError, Started};
use crate::core::ExitReason;

/// Runs a child's body and tells its end, exactly once, whatever happens: also when it panics, is aborted, or
/// is dropped without ever having run. The end is told only when the body and its helpers are gone.
pub(super) struct ChildTask {
    body: Option<BoxFuture<ExitReason>>,
    shared: Arc<Shared>,
    ending: Option<Ending>,
}

impl ChildTask {
    pub(super) fn new(body: BoxFuture<ExitReason>, shared: Arc<Shared>) -> Self {
        Self {
            body: Some(body),
            shared,
            ending: None,
        }
    }

    /// Drops the body, whose drop may panic, and begins the end.
    fn body_over(&mut self, reason: ExitReason) {
        let body = self.body.take();
        let reason = catch(|| drop(body)).err().unwrap_or(reason);
        // The end of a child that was asked to stop and then was simply done.
        let obeyed = reason == ExitReason::Normal && self.shared.is_stopping();
        let news = News::Exited {
            incarnation: self.shared.incarnation,
            reason: if obeyed { ExitReason::Shutdown } else { reason },
        };
        self.ending = Some(Ending::new(Arc::clone(&self.shared), news));
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
        match &mut this.ending {
            Some(ending) => Pin::new(ending).poll(cx),
            None => Poll::Ready(()),
        }
    }
}

impl Drop for ChildTask {
    fn drop(&mut self) {
        if self.body.is_some() {
            let reason = self.shared.aborted_reason();
            self.body_over(reason);
        }
    }
}

/// Runs a start that takes its time and tells its outcome, also when it is aborted. One that came to nothing
/// is told only when the start and its helpers are gone.
pub(super) struct StartTask {
    start: Option<BoxFuture<Result<Started, StartError>>>,
    shared: Arc<Shared>,
    ending: Option<Ending>,
}

impl StartTask {
    pub(super) fn new(start: BoxFuture<Result<Started, StartError>>, shared: Arc<Shared>) -> Self {
        Self {
            start: Some(start),
            shared,
            ending: None,
        }
    }

    fn over(&mut self, outcome: Result<Started, StartError>) {
        let start = self.start.take();
        let outcome = match catch(|| drop(start)) {
            Ok(()) => outcome,
            Err(panic) => Err(StartError::Failed(panic)),
        };
        let outcome = admit(outcome, &self.shared);
        let runs = matches!(outcome, Ok(Started::Running(..)));
        let news = News::Started {
            incarnation: self.shared.incarnation,
            outcome,
        };
        if runs {
            self.shared.news.tell(news);
        } else {
            self.ending = Some(Ending::new(Arc::clone(&self.shared), news));
        }
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
        match &mut this.ending {
            Some(ending) => Pin::new(ending).poll(cx),
            None => Poll::Ready(()),
        }
    }
}

impl Drop for StartTask {
    fn drop(&mut self) {
        if self.start.is_some() {
            self.over(Err(StartError::Failed(ExitReason::Killed)));
        }
    }
}
