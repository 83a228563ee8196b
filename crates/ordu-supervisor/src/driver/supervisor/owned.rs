//! A supervisor that ends with whoever owns it.

use std::fmt;
use std::sync::Arc;

use super::handle::SupervisorHandle;
use crate::core::ExitReason;
use crate::driver::dynamic::DynamicSupervisorHandle;
use crate::driver::exit::SupervisorExit;
use crate::driver::shared::Shared;
use crate::driver::start::BoxFuture;

/// A supervisor that is killed when this is dropped: a child of another supervisor, or the root of a program
/// that must not outlive a scope.
///
/// Made from a handle. For an orderly end, stop the supervisor before this is dropped.
pub struct OwnedSupervisor(Option<AnyHandle>);

enum AnyHandle {
    Static(SupervisorHandle),
    Dynamic(DynamicSupervisorHandle),
}

impl OwnedSupervisor {
    /// Asks the supervisor to stop all its children and end with `reason`.
    pub fn request_stop(&self, reason: ExitReason) {
        match &self.0 {
            Some(AnyHandle::Static(handle)) => handle.request_stop(reason),
            Some(AnyHandle::Dynamic(handle)) => handle.request_stop(reason),
            None => {}
        }
    }

    /// Kills all its children and ends it.
    pub fn kill(&self) {
        match &self.0 {
            Some(AnyHandle::Static(handle)) => handle.kill(),
            Some(AnyHandle::Dynamic(handle)) => handle.kill(),
            None => {}
        }
    }

    /// Ends when the supervisor has ended, and says how.
    pub fn exited(&self) -> BoxFuture<SupervisorExit> {
        match &self.0 {
            Some(AnyHandle::Static(handle)) => Box::pin(handle.exited()),
            Some(AnyHandle::Dynamic(handle)) => Box::pin(handle.exited()),
            None => Box::pin(std::future::ready(SupervisorExit::with(ExitReason::Killed))),
        }
    }

    pub(in crate::driver) fn has_exited(&self) -> bool {
        match &self.0 {
            Some(AnyHandle::Static(handle)) => handle.link.has_exited(),
            Some(AnyHandle::Dynamic(handle)) => handle.link.has_exited(),
            None => true,
        }
    }

    pub(in crate::driver) fn is_above(&self, child: &Arc<Shared>) -> bool {
        match &self.0 {
            Some(AnyHandle::Static(handle)) => handle.link.is_above(child),
            Some(AnyHandle::Dynamic(handle)) => handle.link.is_above(child),
            None => false,
        }
    }

    /// Lets go of it: from now on it runs until it is stopped.
    pub fn release(mut self) {
        self.0 = None;
    }
}

impl From<SupervisorHandle> for OwnedSupervisor {
    fn from(handle: SupervisorHandle) -> Self {
        Self(Some(AnyHandle::Static(handle)))
    }
}

impl From<DynamicSupervisorHandle> for OwnedSupervisor {
    fn from(handle: DynamicSupervisorHandle) -> Self {
        Self(Some(AnyHandle::Dynamic(handle)))
    }
}

impl Drop for OwnedSupervisor {
    fn drop(&mut self) {
        self.kill();
    }
}

impl fmt::Debug for OwnedSupervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnedSupervisor")
    }
}
