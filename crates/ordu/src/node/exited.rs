use std::net::SocketAddr;

use ordu_core::{ExitCause, NodeId, NodeName};

/// Why a node has ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Exited {
    /// It was asked to leave and has left.
    #[error("left the cluster")]
    Left,
    /// A live node has its name.
    #[error("the name {name} is taken by the live node {holder} at {addr}; give this node another name")]
    NameTaken {
        /// The name.
        name: NodeName,
        /// Who holds it.
        holder: NodeId,
        /// Where it is.
        addr: SocketAddr,
    },
    /// Another node removed it from the cluster.
    #[error("removed from the cluster by another node")]
    Removed,
    /// Operations of its own id came from elsewhere: a cloned machine or a restored snapshot. Starting it again
    /// gives it a new id.
    #[error(
        "another node runs under this node's id: a cloned machine or a restored snapshot; start it again"
    )]
    Cloned,
    /// Its name is not on the list of members of the cluster that it was to join.
    #[error(
        "the node at {addr} takes in those on its list of members only, and {name} is none of them: {}; have {name} put on \
         it there (`ordu members set`), or give this node one of these names", joined(.listed)
    )]
    NotListed {
        /// Its name.
        name: NodeName,
        /// Those on the list.
        listed: Vec<NodeName>,
        /// Where the node is that said so.
        addr: SocketAddr,
    },
    /// All handles to it were dropped.
    #[error("ended because nothing holds a handle to it")]
    Dropped,
    /// A bug ended it.
    #[error("ended by a failure: {0}")]
    Failed(String),
}

/// One after the other.
pub(crate) fn joined(names: &[NodeName]) -> String {
    let names: Vec<&str> = names.iter().map(NodeName::as_str).collect();
    names.join(", ")
}

impl From<ExitCause> for Exited {
    fn from(cause: ExitCause) -> Self {
        match cause {
            ExitCause::Left => Self::Left,
            ExitCause::NameTaken { name, holder, addr } => Self::NameTaken { name, holder, addr },
            ExitCause::Removed => Self::Removed,
            ExitCause::Cloned => Self::Cloned,
            ExitCause::NotListed { name, listed, addr } => Self::NotListed { name, listed, addr },
        }
    }
}
