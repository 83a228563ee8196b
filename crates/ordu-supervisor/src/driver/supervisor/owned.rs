//! A supervisor that ends with whoever owns it.

use std::fmt;
use std::sync::Arc;

use super::handle::SupervisorHandle;
use crate::decisions::ExitReason;
use crate::driver::any_supervisor::AnySupervisor;
use crate::driver::dynamic::DynamicSupervisorHandle;
use crate::driver::exit::SupervisorExit;
use crate::driver::shared::Shared;
use crate::driver::start::BoxFuture;

/// A supervisor that is killed when this is dropped: a child of another supervisor, or the root of a program
/// that must not outlive a scope.
///
/// Made from a handle. For an orderly end, stop the supervisor before this is dropped. If a child drops it, that child
/// counts as ended only once the supervisor has, unless the child is below it.
pub struct OwnedSupervisor(
    // Boxed, since each child's task has room for one, and few children are one.
    Option<Box<AnySupervisor>>,
);

impl OwnedSupervisor {
    /// Asks the supervisor to stop all its children and end with `reason`.
    pub fn request_stop(&self, reason: ExitReason) {
        if let Some(supervisor) = &self.0 {
            supervisor.request_stop(reason);
        }
    }

    /// Kills all its children and ends it.
    pub fn kill(&self) {
        if let Some(supervisor) = &self.0 {
            supervisor.kill();
        }
    }

    /// Ends when the supervisor has ended, and says how.
    pub fn exited(&self) -> BoxFuture<SupervisorExit> {
        match &self.0 {
            Some(supervisor) => Box::pin(supervisor.exited()),
            None => Box::pin(std::future::ready(SupervisorExit::with(ExitReason::Killed))),
        }
    }

    /// Makes this child the one that the supervisor is below, unless it is above that one itself.
    pub(in crate::driver) fn give_to(&self, child: &Arc<Shared>) -> bool {
        self.0.as_ref().is_none_or(|supervisor| supervisor.give_to(child))
    }

    /// Whether this child is below it.
    pub(in crate::driver) fn is_above(&self, child: &Arc<Shared>) -> bool {
        self.0
            .as_ref()
            .is_some_and(|supervisor| supervisor.is_above(child))
    }

    /// Lets go of it: from now on it runs until it is stopped.
    pub fn release(mut self) {
        self.0 = None;
    }
}

impl From<AnySupervisor> for OwnedSupervisor {
    fn from(supervisor: AnySupervisor) -> Self {
        Self(Some(Box::new(supervisor)))
    }
}

impl From<SupervisorHandle> for OwnedSupervisor {
    fn from(handle: SupervisorHandle) -> Self {
        handle.kill_on_drop()
    }
}

impl From<DynamicSupervisorHandle> for OwnedSupervisor {
    fn from(handle: DynamicSupervisorHandle) -> Self {
        handle.kill_on_drop()
    }
}

impl Drop for OwnedSupervisor {
    fn drop(&mut self) {
        let Some(supervisor) = self.0.take() else { return };
        supervisor.kill();
        // Its end takes a while.
        if let Some(child) = Shared::current()
            && !supervisor.has_exited()
            && !supervisor.is_above(&child)
        {
            child.helpers.take_over(supervisor);
        }
    }
}

impl fmt::Debug for OwnedSupervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnedSupervisor")
    }
}
