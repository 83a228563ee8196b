//! Bounds of the protocol.

/// Bounds of the protocol of a [`Replica`](crate::Replica).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncConfig {
    /// The largest encoded message in bytes, 4 KiB to 64 KiB. Default 64 KiB.
    ///
    /// Also the bound of one operation, less 1 KiB: an operation is never cut.
    pub frame_bytes: usize,
    /// How many chunks may be on their way to one peer without its receipt, at least 1. Default 16.
    pub window: u32,
    /// How many removes and contexts that may be over one call of [`Replica::collect`](crate::Replica::collect) looks at,
    /// at least 1. Default 1,024. The rest keep their turn.
    pub collected_at_once: usize,
}

impl Default for SyncConfig {
    fn default() -> Self {
        Self {
            frame_bytes: 64 << 10,
            window: 16,
            collected_at_once: 1_024,
        }
    }
}

impl SyncConfig {
    /// What a message needs besides operations.
    pub(crate) const HEADER: usize = 256;

    /// How many pairs of an origin and a number fit a frame in any case: sixteen bytes for the origin, three for a
    /// position, ten for the number.
    pub(crate) const fn entries_in_a_frame(&self) -> usize {
        self.frame_bytes.saturating_sub(Self::HEADER) / (16 + 3 + 10)
    }

    /// The largest operation, key and value together. What is left is for the context.
    pub(crate) const fn largest_op(&self) -> usize {
        self.frame_bytes.saturating_sub(1 << 10)
    }
}
