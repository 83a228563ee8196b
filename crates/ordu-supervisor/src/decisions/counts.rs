//! How many children of which sort.

/// How many children a supervisor has, as OTP's `count_children`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Counts {
    /// Children it knows, running or not.
    pub specs: usize,
    /// Children that run.
    pub active: usize,
    /// Children of type supervisor, running or not.
    pub supervisors: usize,
    /// Children of type worker, running or not.
    pub workers: usize,
    /// Children that were killed and did not end (not counted as active).
    pub zombies: usize,
}
