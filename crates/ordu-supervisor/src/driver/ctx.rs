//! What a child is given.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

#[cfg(feature = "tokio-util")]
use tokio_util::sync::CancellationToken;

use super::any_supervisor::AnySupervisor;
use super::child_id::{ChildId, ChildRef};
use super::helpers::Helper;
use super::place::ChildPath;
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

    /// Ends when the child is asked to stop. Only a trapping child and a thread are asked; others are just ended.
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

    /// Spawns a task that belongs to the child: it is aborted when the child ends or its start fails, and the
    /// child counts as ended, or its start as failed, only once it is gone; if that takes longer than the kill grace the
    /// child is a zombie meanwhile. (What `tokio::spawn` spawns
    /// outlives the child.) Once the child has ended the future is dropped at once.
    ///
    /// A panic in it ends nothing but itself.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime. Child threads are inside.
    pub fn spawn<F>(&self, future: F) -> Helper
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let name = format_args!("helper of {}", ChildPath(&self.shared));
        self.shared
            .helpers
            .spawn(name, Arc::clone(&self.shared).scope(future))
    }

    /// Kills the supervisor when the child ends; at once if it has ended.
    pub(super) fn link(&self, supervisor: &AnySupervisor) {
        self.shared.helpers.take_over(Box::new(supervisor.clone()));
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

    /// Blocks the calling thread until the child is asked to stop. For threads; a task awaits
    /// [`stopped`](Self::stopped).
    pub fn wait(&self) {
        self.wait_until(None);
    }

    /// Blocks the calling thread until the child is asked to stop or `limit` has passed, and says whether it
    /// was asked. For threads; a task awaits [`stopped`](Self::stopped).
    pub fn wait_timeout(&self, limit: Duration) -> bool {
        // A moment that no clock can show never comes.
        self.wait_until(Instant::now().checked_add(limit));
        self.is_stopped()
    }

    fn wait_until(&self, until: Option<Instant>) {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut stopped = pin!(self.0.stop_requested());
        while stopped
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
        {
            let Some(until) = until else {
                thread::park();
                continue;
            };
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            thread::park_timeout(left);
        }
    }
}

#[cfg(feature = "tokio-util")]
impl StopSignal {
    /// A token that is cancelled when the child is asked to stop, or ends. For code that takes one.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime. Child threads are inside.
    ///
    /// ```
    /// use ordu_supervisor::{ChildSpec, Ctx, Supervisor};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = ChildSpec::trapping("server", async |ctx: Ctx| {
    ///     let token = ctx.stop_signal().cancellation_token();
    ///     token.cancelled().await
    /// });
    /// let supervisor = Supervisor::builder().child(server).start().await?;
    /// supervisor.stop().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn cancellation_token(&self) -> CancellationToken {
        self.0.helpers.cancellation_token(|token| {
            let (stop, cancel) = (self.clone(), token.drop_guard());
            // If the child has ended, this is dropped at once, which cancels, too.
            let name = format_args!("stop token of {}", ChildPath(&self.0));
            self.0.helpers.spawn(name, async move {
                stop.stopped().await;
                drop(cancel);
            });
        })
    }
}

#[cfg(feature = "tokio-util")]
impl From<StopSignal> for CancellationToken {
    fn from(stop: StopSignal) -> Self {
        stop.cancellation_token()
    }
}

/// Wakes a thread that waits for its stop signal.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
