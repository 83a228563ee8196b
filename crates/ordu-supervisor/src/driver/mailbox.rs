//! The one queue of a supervisor: commands, news of its children, orders from above.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use super::control::Control;
use super::errors::QueryError;
use super::panics::Guarded;
use super::shared::Shared;
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
    /// The body, or the start, of this run is over, but not all that belongs to it. One of the above follows.
    Lingers(Incarnation),
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

/// The way of news to a supervisor, whatever commands it takes. All who belong to it have one.
#[derive(Clone)]
pub(super) struct NewsSink(Arc<Sink<dyn Fn(News) + Send + Sync>>);

struct Sink<F: ?Sized> {
    /// The child that the supervisor was given to as its body.
    owner: Mutex<Option<Weak<Shared>>>,
    tell: F,
}

impl NewsSink {
    pub(super) fn new<C: Send + 'static>(sender: UnboundedSender<Message<C>>) -> Self {
        // A supervisor that is gone needs no news.
        Self(Arc::new(Sink {
            owner: Mutex::new(None),
            tell: move |news| drop(sender.send(Message::News(news))),
        }))
    }

    pub(super) fn tell(&self, news: News) {
        (self.0.tell)(news);
    }

    /// The child that the supervisor was given to last, if it was to any.
    pub(super) fn owner(&self) -> Option<Weak<Shared>> {
        self.lock_owner().clone()
    }

    pub(super) fn give_to(&self, child: &Arc<Shared>) {
        *self.lock_owner() = Some(Arc::downgrade(child));
    }

    fn lock_owner(&self) -> MutexGuard<'_, Option<Weak<Shared>>> {
        self.0.owner.lock().unwrap_or_else(PoisonError::into_inner)
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
