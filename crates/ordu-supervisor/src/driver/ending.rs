//! The end of a run of a child.

use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

use super::helpers::{Closing, Helpers};
use super::mailbox::News;
use super::place::ChildPath;
use super::shared::Shared;
use super::spawn::spawn_on;

/// Closes a run of a child: its helpers end, and once they are gone the supervisor is told, exactly once,
/// whatever happens. To be polled, or dropped, which goes on with it in a task of its own.
pub(super) struct Ending {
    shared: Arc<Shared>,
    closing: Option<Closing>,
    news: Option<News>,
    /// The supervisor was told that the helpers take their time.
    lingers: bool,
}

impl Ending {
    pub(super) fn new(shared: Arc<Shared>, news: News) -> Self {
        let closing = Helpers::close(&shared);
        Self {
            shared,
            closing,
            news: Some(news),
            lingers: false,
        }
    }

    /// The supervisor gives the helpers, which do not end at once, the time that it gives what it kills.
    fn linger(&mut self) {
        if !mem::replace(&mut self.lingers, true) {
            self.shared.news.tell(News::Lingers(self.shared.incarnation));
        }
    }

    fn tell(&mut self) {
        if let Some(news) = self.news.take() {
            self.shared.is_over();
            self.shared.news.tell(news);
        }
    }
}

impl Future for Ending {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(closing) = &mut self.closing {
            if closing.as_mut().poll(cx).is_pending() {
                self.linger();
                return Poll::Pending;
            }
            self.closing = None;
        }
        self.tell();
        Poll::Ready(())
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        // Tasks that were aborted are gone only once they have been waited for, which a drop cannot do.
        if let (Some(closing), Ok(runtime)) = (self.closing.take(), Handle::try_current()) {
            self.linger();
            let mut rest = Self {
                shared: Arc::clone(&self.shared),
                closing: None,
                news: self.news.take(),
                lingers: true,
            };
            // Should the runtime be ending, this is dropped here and now, which tells it.
            let name = format_args!("end of {}", ChildPath(&self.shared));
            spawn_on(&runtime, name, async move {
                closing.await;
                rest.tell();
            });
        }
        self.tell();
    }
}
