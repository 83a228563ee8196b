//! How a running child is made to end.

#[cfg(feature = "process")]
use std::sync::Arc;

use tokio::task::JoinHandle;

use super::shared::Shared;
use super::supervisor::OwnedSupervisor;
use crate::decisions::{ExitReason, Signal};

/// What a child runs as, and so how it is made to end.
pub(super) enum Control {
    /// Not yet up, as far as its supervisor was told.
    Starting,
    Task,
    Trapping,
    Thread,
    Supervisor(OwnedSupervisor),
    #[cfg(feature = "process")]
    Process(Arc<super::process::RunningProcess>),
}

impl Control {
    /// Makes the child end whose task this is.
    pub(super) fn signal(&self, signal: Signal, shared: &Shared, task: &JoinHandle<()>) {
        match signal {
            Signal::Shutdown => shared.request_stop(),
            Signal::Kill => shared.doom(),
        }
        match (self, signal) {
            (Self::Starting, _) => {
                // One that is up already is signalled again once that has been told.
                if shared.abort_start(signal) {
                    task.abort();
                }
            }
            (Self::Task, Signal::Shutdown) => {
                shared.abort_means_shutdown();
                task.abort();
            }
            (Self::Task | Self::Trapping, Signal::Kill) => {
                shared.abort_means_kill();
                task.abort();
            }
            // The request is all there is.
            (Self::Trapping | Self::Thread, Signal::Shutdown) => {}
            (Self::Thread, Signal::Kill) => shared.request_stop(),
            (Self::Supervisor(supervisor), Signal::Shutdown) => {
                supervisor.request_stop(ExitReason::Shutdown);
            }
            (Self::Supervisor(supervisor), Signal::Kill) => supervisor.kill(),
            #[cfg(feature = "process")]
            (Self::Process(process), Signal::Shutdown) => process.ask(),
            #[cfg(feature = "process")]
            (Self::Process(process), Signal::Kill) => process.kill(),
        }
    }
}
