//! What a child is given.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use tokio::task::{AbortHandle, JoinSet};

use super::child_id::{ChildId, ChildRef};
use super::shared::Shared;

/// What a child is given when it starts: who it is, its stop signal, and a way to spawn tasks that end with it.
#[derive(Clone)]
pub struct Ctx {
    pub(super) shared: Arc<Shared>,
    pub(super) restarts: u32,
}

impl Ctx {
    /// The child's name.
    pub fn id(&self) -> &ChildId {
        &self.shared.id
    }

    /// This run of the child.
    pub fn child(&self) -> ChildRef {
        self.shared.child_ref()
    }

    /// How often the child was restarted automatically before this run came up.
    pub fn restarts(&self) -> u32 {
        self.restarts
    }

    /// Ends when the child is asked to stop. Only a trapping child is asked; others are just ended.
    pub async fn stopped(&self) {
        self.shared.stop_requested().await;
    }

    /// Whether the child was asked to stop.
    pub fn is_stopping(&self) -> bool {
        self.shared.is_stopping()
    }

    /// The stop signal on its own.
    pub fn stop_signal(&self) -> StopSignal {
        StopSignal(Arc::clone(&self.shared))
    }

    /// Spawns a task that belongs to the child: it is aborted when the child ends, and the child counts as
    /// ended only once it is gone. (What `tokio::spawn` spawns outlives the child.)
    ///
    /// A panic in it ends nothing but itself.
    pub fn spawn<F>(&self, future: F) -> AbortHandle
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let scoped = Arc::clone(&self.shared).scope(future);
        let mut helpers = self.shared.helpers();
        let set = helpers.get_or_insert_with(|| Box::new(JoinSet::new()));
        // What has ended is let go of, so a child that spawns for ever does not grow for ever.
        while set.try_join_next().is_some() {}
        set.spawn(scoped)
    }
}

impl fmt::Debug for Ctx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ctx")
            .field("child", &self.shared)
            .field("restarts", &self.restarts)
            .finish()
    }
}

/// Tells a child that it is to stop.
#[derive(Debug, Clone)]
pub struct StopSignal(pub(super) Arc<Shared>);

impl StopSignal {
    /// Ends when the child is asked to stop; at once if it was.
    pub async fn stopped(&self) {
        self.0.stop_requested().await;
    }

    /// Whether the child was asked to stop. A blocking thread asks this from time to time.
    pub fn is_stopped(&self) -> bool {
        self.0.is_stopping()
    }

    /// Blocks the calling thread until the child is asked to stop or `limit` has passed, and says whether it
    /// was asked. For threads; a task awaits [`stopped`](Self::stopped).
    pub fn wait_timeout(&self, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut stopped = pin!(self.0.stop_requested());
        while stopped
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
        {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            thread::park_timeout(left);
        }
        self.is_stopped()
    }
}

/// Wakes a thread that waits in `wait_timeout`.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
