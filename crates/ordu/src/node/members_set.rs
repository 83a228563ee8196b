use ordu_core::NodeName;

/// A list of members that was set or cleared, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MembersSet {
    /// The nodes known to hold it, the asked one included.
    pub held_by: Vec<NodeName>,
    /// Those that lived and were not on it: they have left.
    pub left: Vec<NodeName>,
    /// Those that are down and not on it: they are members still, and leave when they are back. See
    /// [`Node::remove_member`](crate::Node::remove_member) for those that never will be.
    pub down: Vec<NodeName>,
}
