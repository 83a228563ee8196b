//! How a child is stopped.

use core::time::Duration;

/// How a supervisor stops a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Shutdown {
    /// Killed at once, without being asked.
    BrutalKill,
    /// Asked to stop, and killed if it has not ended after this long. Zero is legal: asked, then killed at once.
    Timeout(Duration),
    /// Asked to stop, and waited for however long that takes.
    Infinity,
}

impl Shutdown {
    /// The default of a worker: five seconds.
    pub const WORKER: Self = Self::Timeout(Duration::from_secs(5));
    /// The default of a supervisor: all the time its own children need.
    pub const SUPERVISOR: Self = Self::Infinity;
}
