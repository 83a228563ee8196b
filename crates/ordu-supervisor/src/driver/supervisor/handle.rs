//! The way to a running static supervisor.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use tokio::sync::oneshot::Sender;

use super::mind::{Asked, Command};
use crate::decisions::{ChildPolicy, ChildType, Counts};
use crate::driver::any_supervisor::AnySupervisor;
use crate::driver::call::Call;
use crate::driver::child_id::{ChildId, ChildRef};
use crate::driver::child_spec::ChildSpec;
use crate::driver::errors::{
    DeleteChildError, QueryError, RestartChildError, StartChildError, TerminateChildError, WouldDeadlock,
};
use crate::driver::helpers::Belonging;
use crate::driver::link::Link;
use crate::driver::start::{BoxFuture, Info};

/// The way to a running supervisor. Cheap to clone; dropping it does not end the supervisor. What supervisors of
/// both kinds answer to, as [`stop`](AnySupervisor::stop), stands at [`AnySupervisor`].
///
/// A call is given when the method is called, not when its future is awaited: calls take effect in the order
/// in which they are made, and dropping a future neither undoes nor loses anything, only the answer. While
/// the supervisor starts or stops a child other calls wait, but for those of a child that is being stopped: they are
/// refused (`WouldDeadlock`), as all are (`SupervisorGone`) once the supervisor is to end.
#[derive(Debug, Clone)]
pub struct SupervisorHandle {
    pub(in crate::driver) link: Arc<Link<Asked>>,
}

impl SupervisorHandle {
    /// Adds a child at the end of the start order and starts it. Answers once it is up.
    pub fn start_child(&self, spec: ChildSpec) -> Call<StartedChild, StartChildError> {
        // The rest depends on the supervisor's flags and is checked there.
        match spec.validate(None) {
            Err(error) => Call::refused(StartChildError::InvalidSpec(error)),
            Ok(()) => self.call(None, |answer| Command::StartChild(Box::new(spec), answer)),
        }
    }

    /// Stops a child. Its spec stays unless it is temporary. `Ok` too if it does not run; an automatic
    /// restart that is under way is given up.
    pub fn terminate_child(&self, id: impl Into<ChildId>) -> Call<(), TerminateChildError> {
        let id = id.into();
        self.call(Some(&id.clone()), |answer| Command::TerminateChild(id, answer))
    }

    /// Starts a child that does not run. A failure is not retried.
    pub fn restart_child(&self, id: impl Into<ChildId>) -> Call<StartedChild, RestartChildError> {
        let id = id.into();
        self.call(None, |answer| Command::RestartChild(id, answer))
    }

    /// Stops a child and starts it again, now. It alone, whatever the strategy, and without a count against any
    /// budget. One that does not run, or whose restart is being tried again, is started at once.
    ///
    /// A failure is not retried. A temporary child is refused, and runs on.
    ///
    /// ```
    /// use ordu_supervisor::{ChildSpec, Supervisor};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let worker = ChildSpec::trapping("worker", async |ctx| ctx.stopped().await);
    /// let supervisor = Supervisor::builder().child(worker).start().await?;
    /// let renewed = supervisor.restart_child_now("worker").await?;
    /// assert!(renewed.child().is_some());
    /// # Ok(())
    /// # }
    /// ```
    pub fn restart_child_now(&self, id: impl Into<ChildId>) -> Call<StartedChild, RestartChildError> {
        let id = id.into();
        self.call(Some(&id.clone()), |answer| Command::RestartNow(id, answer))
    }

    /// Forgets the spec of a child that does not run.
    pub fn delete_child(&self, id: impl Into<ChildId>) -> Call<(), DeleteChildError> {
        let id = id.into();
        self.call(None, |answer| Command::DeleteChild(id, answer))
    }

    /// All children, the last started first.
    pub fn which_children(&self) -> Call<Vec<ChildInfo>, QueryError> {
        self.call(None, Command::WhichChildren)
    }

    /// How many children there are.
    pub fn count_children(&self) -> Call<Counts, QueryError> {
        self.call(None, Command::CountChildren)
    }

    /// How a child is treated.
    pub fn child_spec(&self, id: impl Into<ChildId>) -> Call<ChildPolicy, QueryError> {
        let id = id.into();
        self.call(None, |answer| Command::ChildSpec(id, answer))
    }

    /// Sends a call, unless the caller belongs to a child that the supervisor waits for, or to the one that the call
    /// wants ended.
    fn call<T, E: WouldDeadlock>(
        &self,
        ends: Option<&ChildId>,
        command: impl FnOnce(Sender<Result<T, E>>) -> Command,
    ) -> Call<T, E> {
        let caller = self.child_of_caller();
        if caller
            .as_ref()
            .is_some_and(|child| child.holds_up_its_supervisor() || ends == Some(&child.id))
        {
            return Call::refused(E::would_deadlock());
        }
        self.link.call(|answer| Asked {
            caller: caller.map(|child| child.incarnation),
            command: command(answer),
        })
    }
}

impl Belonging for SupervisorHandle {
    fn kill(&self) {
        self.link.any().kill();
    }

    fn is_gone(&self) -> bool {
        self.link.any().is_gone()
    }

    fn gone(&self) -> BoxFuture<()> {
        self.link.any().gone()
    }
}

impl Deref for SupervisorHandle {
    type Target = AnySupervisor;

    fn deref(&self) -> &AnySupervisor {
        self.link.any()
    }
}

/// What `start_child` or `restart_child` came to.
pub enum StartedChild {
    /// The child runs, and perhaps its start had something to tell.
    Running(ChildRef, Option<Info>),
    /// The start succeeded, and the child chose not to run.
    Ignored,
}

impl StartedChild {
    /// The child, if it runs.
    pub fn child(&self) -> Option<&ChildRef> {
        match self {
            Self::Running(child, _) => Some(child),
            Self::Ignored => None,
        }
    }

    /// What the start had to tell, if it is of type `T`.
    pub fn info<T: 'static>(self) -> Option<T> {
        match self {
            Self::Running(_, Some(info)) => info.downcast().ok().map(|info| *info),
            Self::Running(_, None) | Self::Ignored => None,
        }
    }
}

impl fmt::Debug for StartedChild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Running(child, _) => f.debug_tuple("Running").field(child).finish_non_exhaustive(),
            Self::Ignored => f.write_str("Ignored"),
        }
    }
}

/// What can be seen of a child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildInfo {
    /// Its id.
    pub id: ChildId,
    /// What it is doing.
    pub state: ChildState,
    /// What it is.
    pub child_type: ChildType,
    /// How often it was restarted automatically.
    pub restarts: u32,
}

/// What a child is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChildState {
    /// Its start is under way. (Only under a dynamic supervisor: a static one answers nobody meanwhile.)
    Starting(ChildRef),
    /// It runs.
    Running(ChildRef),
    /// It was told to end and has not yet, or has ended but for what belongs to it. (Only under a dynamic supervisor: a static one answers nobody
    /// meanwhile.)
    Stopping(ChildRef),
    /// It does not run, and nobody is trying to restart it.
    Undefined,
    /// It does not run: its restart is under way, failed and is tried again, or waits for its back-off. With
    /// its last run, by which a dynamic supervisor finds it. Under a static one there is none if it was
    /// stopped with its group before its restart failed.
    Restarting(Option<ChildRef>),
    /// It was killed and has not ended. It may still be running.
    Zombie(ChildRef),
}

impl ChildState {
    /// The child's current run or, while it is being restarted, its last: what `terminate_child` of a dynamic
    /// supervisor wants.
    pub fn child(&self) -> Option<&ChildRef> {
        match self {
            Self::Starting(child) | Self::Running(child) | Self::Stopping(child) | Self::Zombie(child) => {
                Some(child)
            }
            Self::Restarting(child) => child.as_ref(),
            Self::Undefined => None,
        }
    }
}
