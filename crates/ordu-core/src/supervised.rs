//! Stand-ins until the supervisor's own types land.
#![allow(missing_docs)]
use alloc::string::String;
use core::time::Duration;

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Restart {
    Permanent,
    Transient,
    Temporary,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Shutdown {
    BrutalKill,
    Timeout(Duration),
    Infinity,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ChildType {
    Worker,
    Supervisor,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Intensity {
    pub max_restarts: u32,
    pub period: Duration,
}
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ExitReason {
    Normal,
    Shutdown,
    ShutdownWith(String),
    Killed,
    Error(String),
    Panic(String),
    ExitCode(i32),
    Signal(i32),
}
