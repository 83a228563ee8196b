//! What came of a start.

use super::ExitReason;

/// What came of a start that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Started {
    /// The child runs (or already ended, which is told separately).
    Running,
    /// The child chose not to run. This is a success.
    Ignore,
}

/// What came of a start: its result, or why it failed.
pub type StartOutcome = Result<Started, ExitReason>;
