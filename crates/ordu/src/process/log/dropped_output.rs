/// How much of a child's output its log does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DroppedOutput {
    /// How many bytes since the node started.
    pub bytes: u64,
    /// Why the last of them: what the operating system said, or that the disk did not take it in time.
    pub reason: String,
}
