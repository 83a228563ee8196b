//! Supervisors that are children of others, and the way to them.

use std::fmt;
use std::ops::Deref;

use tokio::sync::watch;

use super::builder::SupervisorBuilder;
use super::handle::SupervisorHandle;
use super::owned::OwnedSupervisor;
use crate::driver::any_supervisor::AnySupervisor;
use crate::driver::ctx::Ctx;
use crate::driver::dynamic::{DynamicSupervisorBuilder, DynamicSupervisorHandle};
use crate::driver::errors::StartSupervisorError;
use crate::driver::shield::shielded;
use crate::driver::start::{BoxFuture, StartError};

/// A supervisor of either kind, yet to be started: what [`ChildSpec::supervisor`](crate::ChildSpec::supervisor)
/// takes. Implemented by [`SupervisorBuilder`] and [`DynamicSupervisorBuilder`] alone.
pub trait BuildSupervisor: Build {}

/// Keeps [`BuildSupervisor`] to the two of them.
pub trait Build: Send + 'static {
    /// The way to it once it runs.
    type Handle: Clone + Deref<Target = AnySupervisor> + Send + Sync + 'static;

    /// Starts it for the child to which `ctx` belongs. Whoever gets the second half owns it, too.
    #[doc(hidden)]
    fn start_nested(self, ctx: Ctx) -> BoxFuture<Result<(Self::Handle, OwnedSupervisor), StartError>>;
}

impl BuildSupervisor for SupervisorBuilder {}

impl Build for SupervisorBuilder {
    type Handle = SupervisorHandle;

    fn start_nested(self, ctx: Ctx) -> BoxFuture<Result<(SupervisorHandle, OwnedSupervisor), StartError>> {
        Box::pin(async move {
            self.start_both(Some(&ctx.shared))
                .await
                .map_err(StartSupervisorError::into_start_error)
        })
    }
}

impl BuildSupervisor for DynamicSupervisorBuilder {}

impl Build for DynamicSupervisorBuilder {
    type Handle = DynamicSupervisorHandle;

    fn start_nested(
        self,
        ctx: Ctx,
    ) -> BoxFuture<Result<(DynamicSupervisorHandle, OwnedSupervisor), StartError>> {
        Box::pin(async move {
            let handle = self.start_link(&ctx)?;
            Ok((handle.clone(), OwnedSupervisor::from(handle)))
        })
    }
}

/// The way to a supervisor that is a child of another: its handle, which is another one after each restart.
///
/// Made by [`ChildSpec::supervisor_with_handle`](crate::ChildSpec::supervisor_with_handle). Cheap to clone.
#[derive(Clone)]
pub struct Nested<H> {
    handles: watch::Receiver<Option<H>>,
}

impl<H: Clone + Deref<Target = AnySupervisor>> Nested<H> {
    /// Where the handle is put, and where it is found.
    pub(in crate::driver) fn new() -> (watch::Sender<Option<H>>, Self) {
        let (sender, handles) = watch::channel(None);
        (sender, Self { handles })
    }

    /// The supervisor that runs now, if one does: the one that was started last, if clones of the spec have several
    /// running.
    pub fn current(&self) -> Option<H> {
        self.handles
            .borrow()
            .clone()
            .filter(|handle| !handle.has_exited())
    }

    /// Waits until it runs. `None` once it never will again, because its spec is gone, and each clone of it: those that
    /// supervisors and builders hold, too.
    pub async fn running(&self) -> Option<H> {
        let mut handles = self.handles.clone();
        let runs = |handle: &Option<H>| handle.as_ref().is_some_and(|handle| !handle.has_exited());
        shielded(handles.wait_for(runs), None).await.ok()?.clone()
    }
}

impl<H> fmt::Debug for Nested<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nested")
            .field("started", &self.handles.borrow().is_some())
            .finish_non_exhaustive()
    }
}
