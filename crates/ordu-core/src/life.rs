use core::fmt;

use ordu_crdt::Stamp;
use serde::{Deserialize, Serialize};

use crate::NodeId;

/// One life of an id: from the `start_child` that made the child until it is deleted or has finished. A child that
/// is started under the same id afterwards is another life; restarts and take-overs are not.
///
/// Prints as 48 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Life {
    at: u64,
    by: NodeId,
}

impl Life {
    /// The life that began with what this node wrote at this reading of the hybrid clock.
    pub fn new(at: u64, by: NodeId) -> Self {
        Self { at, by }
    }

    /// The life that began with this operation.
    pub(crate) fn born(birth: Stamp) -> Self {
        Self::new(birth.hlc.0, NodeId(birth.origin.0))
    }
}

impl fmt::Display for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{}", self.at, self.by)
    }
}
