//! The built-in kind `process`: programs of the operating system, run by the node's keeper.

mod driver;
mod kind;
mod limits;
mod log;
mod outage;
mod panic;
mod run;
mod silence;
mod spec;
mod state;

pub(crate) use kind::{Keeping, ProcessKind};
pub use log::{ChildLog, DroppedOutput, LogError, LogFollower};
pub(crate) use log::{LogLimits, Logs};
pub(crate) use outage::Outage;
pub use spec::{InvalidProcessSpec, ProcessSpec};
