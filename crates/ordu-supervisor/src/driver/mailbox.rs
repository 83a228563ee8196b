//! The one queue of a supervisor: commands, news of its children, orders from above.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use super::control::Control;
use super::errors::QueryError;
use super::panics::Guarded;
use super::start::{Info, StartError};
use crate::decisions::{ExitReason, Incarnation};

/// What a supervisor's loop receives, in one order for all senders.
pub(super) enum Message<C> {
    /// A call.
    Command(C),
    /// What supervisors of all kinds hear.
    News(News),
}

/// What a supervisor hears, whatever its kind.
pub(super) enum News {
    Started {
        incarnation: Incarnation,
        outcome: Result<Up, StartError>,
    },
    Exited {
        incarnation: Incarnation,
        reason: ExitReason,
    },
    /// Somebody wants to know when this run ends.
    Monitor {
        incarnation: Incarnation,
        ended: oneshot::Sender<Result<ExitReason, QueryError>>,
    },
    /// Stop in order.
    Stop(ExitReason),
    /// Kill everything.
    Kill,
}

/// What a start that did not fail came to.
pub(super) enum Up {
    /// The child runs, with the way to make it end, and perhaps something to tell the caller.
    Running(Control, Option<Guarded<Info>>),
    /// It chose not to run.
    Ignored,
}

/// The way of news to a supervisor, whatever commands it takes.
#[derive(Clone)]
pub(super) struct NewsSink(Arc<dyn Fn(News) + Send + Sync>);

impl NewsSink {
    pub(super) fn new<C: Send + 'static>(sender: UnboundedSender<Message<C>>) -> Self {
        // A supervisor that is gone needs no news.
        Self(Arc::new(move |news| drop(sender.send(Message::News(news)))))
    }

    pub(super) fn tell(&self, news: News) {
        (self.0)(news);
    }
}

/// Tells supervisors of this program apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SupervisorId(u64);

impl SupervisorId {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl fmt::Display for SupervisorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}
