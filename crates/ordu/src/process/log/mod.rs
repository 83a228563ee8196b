//! What process children print: written to rotating files by the node, read back by anybody.

mod child_log;
mod dropped_output;
mod error;
mod follower;
mod logs;
mod retention;
mod tend;

pub use child_log::ChildLog;
pub use dropped_output::DroppedOutput;
pub use error::LogError;
pub use follower::LogFollower;
pub(super) use logs::LogRun;
pub(crate) use logs::Logs;
pub(crate) use retention::LogLimits;
