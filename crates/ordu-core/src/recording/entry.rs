use alloc::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{Config, Input, NodeId, Now};

/// All that a node was made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// What it was told about itself.
    pub config: Config,
    /// Its identity of this boot.
    pub id: NodeId,
    /// What decided its random choices.
    pub seed: u64,
}

/// One thing after another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Entry<'a> {
    /// The node is handed this next.
    Input {
        /// The readings of the clocks that came with it.
        now: Now,
        /// What.
        input: Cow<'a, Input>,
    },
    /// What the node put out in answer to the input before.
    Outputs {
        /// How many outputs.
        count: u32,
        /// Their [`OutputsDigest`](super::OutputsDigest).
        digest: u64,
    },
    /// The node ended in peace and was handed nothing more.
    End {
        /// The [`state_digest`](super::state_digest) of what it knew then.
        state: u64,
    },
}
