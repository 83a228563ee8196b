//! The way to a running dynamic supervisor.

use std::sync::Arc;
use std::time::Duration;

use super::mind::Command;
use crate::core::{AutoShutdown, Counts, ExitReason};
use crate::driver::call::Call;
use crate::driver::child_id::ChildRef;
use crate::driver::child_spec::ChildSpec;
use crate::driver::errors::{QueryError, RestartChildError, StartChildError, StopError, TerminateChildError};
use crate::driver::events::EventStream;
use crate::driver::exit::SupervisorExit;
use crate::driver::link::Link;
use crate::driver::supervisor::{ChildInfo, OwnedSupervisor, StartedChild};

/// The way to a running dynamic supervisor. Cheap to clone; dropping it does not end the supervisor.
///
/// A call is given when the method is called, not when its future is awaited; dropping a future neither
/// undoes nor loses anything, only the answer. A slow start or stop holds up no other call.
#[derive(Debug, Clone)]
pub struct DynamicSupervisorHandle {
    pub(in crate::driver) link: Arc<Link<Command>>,
}

impl DynamicSupervisorHandle {
    /// Starts a child; its id is a label and may be used many times. Answers once it is up.
    pub fn start_child(&self, spec: ChildSpec) -> Call<StartedChild, StartChildError> {
        match spec.validate(Some(AutoShutdown::Never)) {
            Err(error) => Call::refused(StartChildError::InvalidSpec(error)),
            Ok(()) => self.link.call(|answer| Command::StartChild(spec, answer)),
        }
    }

    /// Stops a child and forgets it. A child that is being restarted is found by its last run.
    pub fn terminate_child(&self, child: &ChildRef) -> Call<(), TerminateChildError> {
        if self.link.find_above_caller(|shared| shared.child_ref() == *child) {
            return Call::refused(TerminateChildError::WouldDeadlock);
        }
        self.link
            .call(|answer| Command::TerminateChild(child.clone(), answer))
    }

    /// Stops a child and starts it again, now, without a count against any budget. One that waits for its restart
    /// is started at once. Its reference is another one afterwards.
    ///
    /// A failure is told and tried again, as that of any restart. A temporary child is refused, and runs on.
    pub fn restart_child_now(&self, child: &ChildRef) -> Call<StartedChild, RestartChildError> {
        if self.link.find_above_caller(|shared| shared.child_ref() == *child) {
            return Call::refused(RestartChildError::WouldDeadlock);
        }
        self.link
            .call(|answer| Command::RestartNow(child.clone(), answer))
    }

    /// All children, in the order in which they were first started.
    pub fn which_children(&self) -> Call<Vec<ChildInfo>, QueryError> {
        self.link.call(Command::WhichChildren)
    }

    /// How many children there are.
    pub fn count_children(&self) -> Call<Counts, QueryError> {
        self.link.call(Command::CountChildren)
    }

    /// Stops all children side by side, ends the supervisor with [`ExitReason::Normal`], and returns once it
    /// has ended (also if it had ended before).
    pub async fn stop(&self) -> Result<(), StopError> {
        self.stop_with(ExitReason::Normal, None).await
    }

    /// As [`stop`](Self::stop), with a reason and a limit. When the limit has passed the supervisor goes on
    /// stopping, but nobody waits for it.
    pub async fn stop_with(&self, reason: ExitReason, limit: Option<Duration>) -> Result<(), StopError> {
        self.link.stop(reason, limit).await
    }

    /// Asks the supervisor to stop and does not wait. Children of its own tree may do this.
    pub fn request_stop(&self, reason: ExitReason) {
        self.link.request_stop(reason);
    }

    /// Kills all children at once and ends the supervisor as killed.
    pub fn kill(&self) {
        self.link.kill();
    }

    /// Whether the supervisor has ended.
    pub fn has_exited(&self) -> bool {
        self.link.has_exited()
    }

    /// Ends when the supervisor has ended, and says how: in order, or because it gave up.
    pub fn exited(&self) -> impl Future<Output = SupervisorExit> + Send + 'static {
        self.link.exited()
    }

    /// Waits until this run of a child ends, and says why. The supervisor has taken the end in by then, so
    /// that a call made after it sees what follows. `NotFound` if it does not run any more.
    ///
    /// A run whose start fails ends with the reason of that. One that is killed and does not end is waited
    /// for as long as the supervisor lives.
    pub fn monitor(&self, child: &ChildRef) -> Call<ExitReason, QueryError> {
        self.link.monitor(child)
    }

    /// What happens from now on. The stream holds 1,024 events; whoever is slower misses the oldest.
    pub fn subscribe(&self) -> EventStream {
        self.link.subscribe()
    }

    /// As [`subscribe`](Self::subscribe), with another bound (0 counts as 1).
    pub fn subscribe_with(&self, bound: usize) -> EventStream {
        self.link.subscribe_with(bound)
    }

    /// Kills the supervisor when the returned value is dropped.
    #[must_use]
    pub fn kill_on_drop(&self) -> OwnedSupervisor {
        OwnedSupervisor::from(self.clone())
    }
}
