//! The built-in kind `process`: programs of the operating system, run by the node's keeper.

mod driver;
mod kind;
mod limits;
mod log;
mod panic;
mod run;
mod spec;
mod state;

pub(crate) use kind::{Keeping, ProcessKind};
pub use log::{ChildLog, DroppedOutput, LogError, LogFollower};
pub(crate) use log::{LogLimits, Logs};
pub use spec::{InvalidProcessSpec, ProcessSpec};
