//! What a supervisor sends to a child.

/// What a supervisor sends to a child that is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Signal {
    /// Stop in your own way.
    Shutdown,
    /// End now; cannot be refused, though it may take a moment.
    Kill,
}
