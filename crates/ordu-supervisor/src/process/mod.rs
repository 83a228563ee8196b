//! Operating-system processes as children, run by a *keeper* (Linux).
//!
//! An agent does not start processes itself. One small process, the keeper, does it for it: it is the same
//! program started once more, single-threaded, in a session of its own, and the parent of every orphan
//! among its descendants. It outlives the agent by the time it takes to end the children: however the agent
//! goes, by SIGKILL too, its children go. And if the keeper is killed, the agent ends them.
//!
//! (The usual way, `PR_SET_PDEATHSIG`, follows the *thread* that started the child, misses grandchildren,
//! and forces a fork, whose cost grows with the agent.)
//!
//! ```no_run
//! use ordu_supervisor::process::{Keeper, KeeperConfig, KeeperEvent, Signal, SpawnRequest, keeper};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     keeper::init(); // in the keeper's process this never returns
//!     let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//!     runtime.block_on(async {
//!         let (keeper, mut events) = Keeper::start(KeeperConfig::default()).await?;
//!         let process = keeper.spawn(SpawnRequest::new(1, ["sleep", "60"])).await?;
//!         println!("runs as {}", process.pid);
//!         keeper.signal(1, Signal::TERM)?;
//!         if let Some(KeeperEvent::Exited { incarnation, exit }) = events.recv().await {
//!             println!("{incarnation}: {exit}"); // 1: killed by SIGTERM
//!         }
//!         Ok(())
//!     })
//! }
//! ```

mod boot;
mod cgroup;
mod connection;
mod environment;
mod error;
mod exit;
mod handle;
pub mod keeper;
mod ledger;
pub mod log;
mod mark;
mod own_child;
mod procfs;
mod pulse;
mod record_file;
mod request;
mod signal;
mod sweep;
#[allow(
    unsafe_code,
    reason = "signal dispositions and closing descriptors have no safe interface"
)]
mod sys;
mod tree;
mod wire;

pub use environment::environment;
pub use error::{KeeperGone, SpawnError, StartError};
pub use exit::{Asked, ProcessExit};
pub use handle::{Keeper, KeeperConfig, KeeperEvent, Process};
pub(crate) use handle::{Spawning, Turn};
pub use own_child::reap_orphans;
pub use request::{Output, SpawnRequest};
pub use signal::{Signal, UnknownSignal};
