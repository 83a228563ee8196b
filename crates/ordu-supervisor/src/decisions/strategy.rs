//! Who is restarted together with a child that failed.

/// Who is restarted together with a child that failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Strategy {
    /// Nobody else.
    #[default]
    OneForOne,
    /// All other children: they are stopped in reverse start order, then all are started in order.
    OneForAll,
    /// The children started after it.
    RestForOne,
}
