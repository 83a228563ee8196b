//! The dynamic supervisor on tokio.

mod builder;
mod handle;
mod mind;
mod start_calls;
mod waits;

pub use self::builder::DynamicSupervisorBuilder;
pub use self::handle::DynamicSupervisorHandle;

/// Supervises children that come and go, each for itself: no order, no groups, stopped side by side.
///
/// ```
/// use ordu_supervisor::{ChildSpec, DynamicSupervisor, Restart};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sessions = DynamicSupervisor::builder().max_children(1_000).start()?;
/// let session = ChildSpec::trapping("session", async |ctx| ctx.stopped().await).restart(Restart::Temporary);
/// let started = sessions.start_child(session).await?;
/// sessions.terminate_child(started.child().unwrap()).await?;
/// assert_eq!(sessions.count_children().await?.specs, 0);
/// sessions.stop().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub enum DynamicSupervisor {}

impl DynamicSupervisor {
    /// A dynamic supervisor yet to be started: 3 restarts in 5 s, any number of children.
    pub fn builder() -> DynamicSupervisorBuilder {
        DynamicSupervisorBuilder::default()
    }
}
