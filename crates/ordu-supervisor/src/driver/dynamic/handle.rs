//! The way to a running dynamic supervisor.

use std::ops::Deref;
use std::sync::Arc;

use super::mind::{Command, Waiting};
use super::start_calls::StartCall;
use crate::decisions::{AutoShutdown, Counts};
use crate::driver::any_supervisor::AnySupervisor;
use crate::driver::call::Call;
use crate::driver::child_id::ChildRef;
use crate::driver::child_spec::ChildSpec;
use crate::driver::errors::{
    QueryError, RestartChildError, StartChildError, TerminateChildError, WouldDeadlock,
};
use crate::driver::link::Link;
use crate::driver::supervisor::{ChildInfo, StartedChild};

/// The way to a running dynamic supervisor. Cheap to clone; dropping it does not end the supervisor. What
/// supervisors of both kinds answer to, as [`stop`](AnySupervisor::stop), stands at [`AnySupervisor`].
///
/// A call is given when the method is called, not when its future is awaited; dropping a future neither
/// undoes nor loses anything, only the answer. A slow start or stop holds up no other call.
#[derive(Debug, Clone)]
pub struct DynamicSupervisorHandle {
    pub(in crate::driver) link: Arc<Link<Command>>,
}

impl DynamicSupervisorHandle {
    /// Starts a child; its id is a label and may be used many times. Answers once it is up.
    ///
    /// With [`max_children`](super::DynamicSupervisorBuilder::max_children) it may wait for what comes of the starts that
    /// hold the last places. A child that calls in its start, when all of those wait like this for each other, is told
    /// [`WouldDeadlock`](StartChildError::WouldDeadlock).
    pub fn start_child(&self, spec: ChildSpec) -> Call<StartedChild, StartChildError> {
        if let Err(error) = spec.validate(Some(AutoShutdown::Never)) {
            return Call::refused(StartChildError::InvalidSpec(error));
        }
        let caller = self.child_of_caller().map(|caller| caller.incarnation);
        self.link
            .call(|answer| Command::StartChild(Box::new(spec), StartCall { caller, answer }))
    }

    /// Stops a child and forgets it. A child that is being restarted is found by its last run.
    pub fn terminate_child(&self, child: &ChildRef) -> Call<(), TerminateChildError> {
        if child.supervisor() != self.id {
            return Call::refused(TerminateChildError::NotFound);
        }
        self.end_child(child, Command::TerminateChild)
    }

    /// Stops a child and starts it again, now, without a count against any budget. One that waits for its restart
    /// is started at once. Its reference is another one afterwards.
    ///
    /// A failure is told and tried again, as that of any restart. A temporary child is refused, and runs on.
    pub fn restart_child_now(&self, child: &ChildRef) -> Call<StartedChild, RestartChildError> {
        if child.supervisor() != self.id {
            return Call::refused(RestartChildError::NotFound);
        }
        self.end_child(child, Command::RestartNow)
    }

    fn end_child<T, E: WouldDeadlock>(
        &self,
        child: &ChildRef,
        command: impl FnOnce(Waiting<T, E>) -> Command,
    ) -> Call<T, E> {
        let child = child.incarnation();
        let caller = self.child_of_caller().map(|caller| caller.incarnation);
        if caller == Some(child) {
            return Call::refused(E::would_deadlock());
        }
        self.link.call(|answer| {
            command(Waiting {
                child,
                caller,
                answer,
            })
        })
    }

    /// All children, in the order in which they were first started.
    pub fn which_children(&self) -> Call<Vec<ChildInfo>, QueryError> {
        self.link.call(Command::WhichChildren)
    }

    /// How many children there are.
    pub fn count_children(&self) -> Call<Counts, QueryError> {
        self.link.call(Command::CountChildren)
    }
}

impl Deref for DynamicSupervisorHandle {
    type Target = AnySupervisor;

    fn deref(&self) -> &AnySupervisor {
        self.link.any()
    }
}
