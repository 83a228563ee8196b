use core::fmt;

use serde::{Deserialize, Serialize};

use crate::NodeId;

/// A fencing token (S3.1): unique for every start of a child, in place or elsewhere, and higher than every
/// token its starter could know of. Compared as the pair (epoch, owner).
///
/// A store that keeps the highest token it has seen and refuses lower ones is safe from a copy that was
/// replaced but does not know it yet (Kleppmann, *How to do distributed locking*, 2016).
///
/// ```
/// use ordu_core::{NodeId, Token};
/// let old = Token { epoch: 7, owner: NodeId(9) };
/// let new = Token { epoch: 8, owner: NodeId(1) };
/// assert!(new > old);
/// assert_eq!(new.to_string().len(), 48);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Token {
    /// At least one above every epoch the starter had seen for the id, and at least its hybrid logical
    /// clock in milliseconds, so it rises across deletes, re-used ids and lost disks.
    pub epoch: u64,
    /// Who started the child.
    pub owner: NodeId,
}

/// 48 hexadecimal digits, which compare as strings in the order of the tokens: what a child finds in
/// `ORDU_FENCE`.
impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{}", self.epoch, self.owner)
    }
}
