//! The static supervisor on tokio.

mod builder;
mod handle;
mod mind;
mod nested;
mod owned;

pub use self::builder::SupervisorBuilder;
pub use self::handle::{ChildInfo, ChildState, StartedChild, SupervisorHandle};
pub use self::nested::{BuildSupervisor, Nested};
pub use self::owned::OwnedSupervisor;

/// Supervises children in an order: they start one after the other and stop in reverse.
///
/// ```
/// use std::time::Duration;
/// use ordu_supervisor::{ChildSpec, Strategy, Supervisor};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let supervisor = Supervisor::builder()
///     .strategy(Strategy::RestForOne)
///     .intensity(3, Duration::from_secs(5))
///     .child(ChildSpec::trapping("db", async |ctx| ctx.stopped().await))
///     .child(ChildSpec::task("web", async |_ctx| std::future::pending::<()>().await))
///     .start()
///     .await?;
/// assert_eq!(supervisor.count_children().await?.active, 2);
/// supervisor.stop().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub enum Supervisor {}

impl Supervisor {
    /// A supervisor yet to be started: one for one, 3 restarts in 5 s, no children.
    pub fn builder() -> SupervisorBuilder {
        SupervisorBuilder::default()
    }
}
