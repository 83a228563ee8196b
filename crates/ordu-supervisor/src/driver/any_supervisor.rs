//! What supervisors of all kinds have in common for those outside.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use super::alarm::Alarm;
use super::call::Call;
use super::child_id::ChildRef;
use super::errors::{QueryError, StopError};
use super::events::{EventStream, Subscriptions};
use super::exit::SupervisorExit;
use super::helpers::Belonging;
use super::mailbox::{News, NewsSink, SupervisorId};
use super::shared::Shared;
use super::shield::shielded;
use super::start::BoxFuture;
use super::supervisor::OwnedSupervisor;
use crate::decisions::{ExitReason, Incarnation};

/// The way to a running supervisor of either kind, for what both answer to: to stop, to kill, to watch. The
/// handles lead here by themselves. Cheap to clone; dropping it does not end the supervisor.
///
/// ```
/// use ordu_supervisor::{AnySupervisor, DynamicSupervisor, StopError, Supervisor};
///
/// async fn stop_all(supervisors: &[&AnySupervisor]) -> Result<(), StopError> {
///     for supervisor in supervisors {
///         supervisor.stop().await?;
///     }
///     Ok(())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let services = Supervisor::builder().start().await?;
/// let sessions = DynamicSupervisor::builder().start()?;
/// stop_all(&[&sessions, &services]).await?;
/// assert!(services.has_exited() && sessions.has_exited());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct AnySupervisor {
    pub(super) id: SupervisorId,
    /// The run of a child that started it, if one did.
    pub(super) starter: Option<(SupervisorId, Incarnation)>,
    pub(super) news: NewsSink,
    pub(super) exit: watch::Receiver<Option<SupervisorExit>>,
    pub(super) subscriptions: Subscriptions,
}

impl AnySupervisor {
    /// Stops all children, those of a static supervisor in reverse start order and those of a dynamic one side by
    /// side, ends the supervisor with [`ExitReason::Normal`], and returns once it has ended (also if it had ended
    /// before).
    pub async fn stop(&self) -> Result<(), StopError> {
        self.stop_with(ExitReason::Normal, None).await
    }

    /// As [`stop`](Self::stop), with a reason and a limit. When the limit has passed the supervisor goes on
    /// stopping, but nobody waits for it.
    pub async fn stop_with(&self, reason: ExitReason, limit: Option<Duration>) -> Result<(), StopError> {
        if self.child_of_caller().is_some() {
            return Err(StopError::WouldDeadlock);
        }
        self.request_stop(reason);
        let exited = self.exited();
        // A moment that no clock can show never comes.
        let Some(until) = limit.and_then(|limit| Instant::now().checked_add(limit)) else {
            exited.await;
            return Ok(());
        };
        let mut alarm = Alarm::default();
        tokio::select! {
            biased;
            _ = exited => Ok(()),
            () = alarm.at(until) => Err(StopError::Timeout),
        }
    }

    /// Asks the supervisor to stop and does not wait. Children of its own tree may do this.
    pub fn request_stop(&self, reason: ExitReason) {
        self.news.tell(News::Stop(reason));
    }

    /// Kills all children at once and ends the supervisor as killed.
    pub fn kill(&self) {
        self.news.tell(News::Kill);
    }

    /// Kills the supervisor when the returned value is dropped.
    #[must_use]
    pub fn kill_on_drop(&self) -> OwnedSupervisor {
        OwnedSupervisor::from(self.clone())
    }

    /// Whether the supervisor has ended.
    pub fn has_exited(&self) -> bool {
        // Without a sender the loop is gone, whether it could say so or not.
        self.exit.has_changed().is_err() || self.exit.borrow().is_some()
    }

    /// Ends when the supervisor has ended, and says how: in order, or because it gave up.
    pub fn exited(&self) -> impl Future<Output = SupervisorExit> + Send + 'static {
        let mut exit = self.exit.clone();
        async move {
            let ended = shielded(exit.wait_for(Option::is_some), None).await;
            match ended.map(|exit| exit.clone()) {
                Ok(Some(exit)) => exit,
                // The loop was dropped together with its runtime.
                Ok(None) | Err(_) => SupervisorExit::with(ExitReason::Killed),
            }
        }
    }

    /// Waits until this run of a child ends, and says why. The supervisor has taken the end in by then, so
    /// that a call made after it sees what follows. `NotFound` if it does not run any more: a quick one may have
    /// ended before this is called, right after its start too. A [job](crate::ChildSpec::job) tells its end however
    /// quick it is.
    ///
    /// A run whose start fails ends with the reason of that. One that is killed and does not end is waited
    /// for as long as the supervisor lives.
    pub fn monitor(&self, child: &ChildRef) -> Call<ExitReason, QueryError> {
        if child.supervisor() != self.id {
            return Call::refused(QueryError::NotFound);
        }
        let incarnation = child.incarnation();
        if self
            .child_of_caller()
            .is_some_and(|caller| caller.incarnation == incarnation)
        {
            return Call::refused(QueryError::WouldDeadlock);
        }
        let (ended, is_ended) = oneshot::channel();
        // If nobody is there the sender is dropped, which is the answer.
        self.news.tell(News::Monitor { incarnation, ended });
        Call::waiting(is_ended)
    }

    /// What happens from now on. The stream holds 1,024 events; whoever is slower misses the oldest.
    pub fn subscribe(&self) -> EventStream {
        self.subscriptions.subscribe()
    }

    /// As [`subscribe`](Self::subscribe), with another bound (0 counts as 1).
    pub fn subscribe_with(&self, bound: usize) -> EventStream {
        self.subscriptions.subscribe_with(bound)
    }

    /// Makes it the body of this child, unless the child is below it.
    pub(super) fn give_to(&self, child: &Arc<Shared>) -> bool {
        // One after the other, so that no two of them close a circle.
        static TURN: Mutex<()> = Mutex::new(());
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let may_be_given = !self.is_above(child);
        if may_be_given {
            self.news.give_to(child);
        }
        may_be_given
    }

    /// Whether a child with this run is below this supervisor.
    pub(super) fn is_above(&self, child: &Arc<Shared>) -> bool {
        // What a child started itself is not above it. The common case, and the lineage may be long.
        self.starter != Some(child.run()) && child.lineage().any(|shared| shared.supervisor == self.id)
    }

    /// The child of this supervisor that the caller is or is below.
    pub(super) fn child_of_caller(&self) -> Option<Arc<Shared>> {
        let caller = Shared::current()?;
        caller.lineage().find(|shared| shared.supervisor == self.id)
    }
}

impl Belonging for AnySupervisor {
    fn kill(&self) {
        Self::kill(self);
    }

    fn is_gone(&self) -> bool {
        self.has_exited()
    }

    fn gone(&self) -> BoxFuture<()> {
        let exited = self.exited();
        Box::pin(async move { drop(exited.await) })
    }
}

impl fmt::Debug for AnySupervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.id)
    }
}
