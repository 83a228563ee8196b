use crate::node::Node;

/// What a node holds, in two numbers: nodes with equal vectors hold equal states (S1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateDigest {
    /// A digest of the version vector: of which operations the node has seen.
    pub vector: u128,
    /// A fingerprint of all values that the node holds.
    pub fingerprint: u64,
}

impl Node {
    /// A digest of what this node holds; `None` while it is receiving a part of what it lacks (S1.3). Costs a few
    /// nanoseconds.
    pub fn state_digest(&self) -> Option<StateDigest> {
        (!self.replica.is_catching_up()).then(|| StateDigest {
            vector: self.replica.digest(),
            fingerprint: self.replica.map().fingerprint(),
        })
    }
}
