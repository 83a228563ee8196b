//! What a child is.

/// Whether a child does work itself or supervises others. Only counted, and the source of a default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ChildType {
    /// Does work.
    #[default]
    Worker,
    /// Supervises children of its own.
    Supervisor,
}
