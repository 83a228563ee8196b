use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::{ChildId, ChildInfo, ChildSpec, ChildState, HordeName, NodeName};

/// One call of a caller on this node, numbered by the shell: each higher than all before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RequestId(pub u64);

/// What a caller asks for. All are idempotent by id and may be asked of any node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Start a child and keep it running.
    StartChild {
        /// In which horde.
        horde: HordeName,
        /// Under which id.
        id: ChildId,
        /// What.
        spec: Arc<ChildSpec>,
    },
    /// Stop a child and keep its spec.
    TerminateChild {
        /// In which horde.
        horde: HordeName,
        /// Which.
        id: ChildId,
    },
    /// Start a stopped or failed child again.
    RestartChild {
        /// In which horde.
        horde: HordeName,
        /// Which.
        id: ChildId,
    },
    /// Forget a stopped child.
    DeleteChild {
        /// In which horde.
        horde: HordeName,
        /// Which.
        id: ChildId,
    },
    /// Treat a child differently from now on; what runs of it runs on.
    UpdateChild {
        /// In which horde.
        horde: HordeName,
        /// Which.
        id: ChildId,
        /// What it is to be: a [change of policy](ChildSpec::is_change_of_policy) only.
        spec: Arc<ChildSpec>,
    },
}

impl Command {
    /// The child it is about.
    pub fn child(&self) -> (&HordeName, &ChildId) {
        match self {
            Self::StartChild { horde, id, .. }
            | Self::TerminateChild { horde, id }
            | Self::RestartChild { horde, id }
            | Self::DeleteChild { horde, id }
            | Self::UpdateChild { horde, id, .. } => (horde, id),
        }
    }
}

/// How a call ended well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// start_child and restart_child: the child runs.
    Started {
        /// The child.
        child: Arc<ChildInfo>,
        /// The nodes known to hold its entry, the asked one included (S5.2).
        held_by: Vec<NodeName>,
        /// Whether it is on the disks of that many nodes.
        durable: bool,
    },
    /// start_child, restart_child: the child chose not to run, or one that was started again was done before it was seen to
    /// run; nothing is stored of it.
    Ignored,
    /// terminate_child: see [`Stopped`].
    Terminated(Stopped),
    /// delete_child: it is deleted.
    Deleted,
    /// `update_child`: the child, which is treated by the new spec as soon as its owner hears of it.
    Updated(Arc<ChildInfo>),
    /// No node of the member's name is in the cluster any more, and none that was comes back.
    Removed {
        /// The nodes known to hold that, the asked one included; none where the member left by itself.
        held_by: Vec<NodeName>,
    },
    /// The list of members is set or cleared, and of those that live none is left that is not on it.
    MembersSet {
        /// The nodes known to hold it, the asked one included.
        held_by: Vec<NodeName>,
        /// Those that lived, were not on it, and have left.
        left: Vec<NodeName>,
        /// Those that are down, have not ended and are not on it: they leave when they are back.
        down: Vec<NodeName>,
    },
}

impl Answer {
    /// Whether it tells of a stop or a deletion.
    pub(crate) const fn is_of_a_stop(&self) -> bool {
        matches!(self, Self::Deleted | Self::Terminated(_))
    }
}

/// How far a stop has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stopped {
    /// The owner confirmed it, or nothing ran.
    Confirmed,
    /// The wish is recorded; the owner has not confirmed yet.
    Accepted {
        /// Who is to stop it.
        owner: NodeName,
    },
}

/// Why a call did not end well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// start_child: a child of this id runs, or is to run.
    #[error("child {:?} is already started{}", .0.id, on(.0))]
    AlreadyStarted(Arc<ChildInfo>),
    /// start_child: the id is there but stopped; restart or delete it.
    #[error("child {:?} is already present, {}; restart it, or remove it first", .0.id, .0.doing())]
    AlreadyPresent(Arc<ChildInfo>),
    /// No child of this id.
    #[error("child {id:?} not found in horde {horde}")]
    NotFound {
        /// The horde.
        horde: HordeName,
        /// The id.
        id: ChildId,
    },
    /// restart_child, delete_child: it runs, and has to be stopped first, or its stop to be confirmed.
    #[error("child {:?} {}", .0.id, runs(.0))]
    Running(Arc<ChildInfo>),
    /// The child's own start failed. Nothing runs and nothing is stored.
    #[error("child {id:?} did not start on {node}: {error}")]
    StartFailed {
        /// The id.
        id: ChildId,
        /// Where it was tried.
        node: NodeName,
        /// The start's own error, or the operating system's.
        error: String,
    },
    /// No member may run it. Nothing runs and nothing is stored.
    #[error("no node may run child {id:?}: {detail}")]
    NoEligibleNode {
        /// The id.
        id: ChildId,
        /// What each member lacks.
        detail: String,
    },
    /// No member has this name. Nothing was done.
    #[error("no member is called {name}; there are {}", joined(.known))]
    NoSuchMember {
        /// The name.
        name: NodeName,
        /// Those there are.
        known: Vec<NodeName>,
    },
    /// The node knows no settled set of members yet. Nothing was done.
    #[error("the node is not ready: {detail}; try again in a moment")]
    NotReady {
        /// What it waits for.
        detail: String,
    },
    /// The members disagree about who decides for this id. Nothing was done.
    #[error(
        "the members disagree about who decides for this child (this node sees {view:?}); try again in a moment"
    )]
    NotDecider {
        /// The ready members as the last node asked sees them.
        view: Vec<NodeName>,
    },
    /// The outcome is not known: it may have been done. The same call may be made again.
    #[error("outcome unknown: {detail}; ask again, it is safe")]
    Unknown {
        /// What was waited for.
        detail: String,
    },
    /// The node leaves the cluster. Nothing was done.
    #[error("the node is leaving the cluster; ask another one")]
    Leaving,
    /// The arguments are not valid. Nothing was done.
    #[error("{0}")]
    Invalid(String),
    /// `update_child`: more than its policy differs; delete it and start it anew. Nothing was done.
    #[error("child {:?} differs in more than how it is treated; delete it and start it anew", .0.id)]
    Differs(Arc<ChildInfo>),
}

/// One after the other.
pub(crate) fn joined<'a>(names: impl IntoIterator<Item = &'a NodeName>) -> String {
    let names: Vec<&str> = names.into_iter().map(NodeName::as_str).collect();
    names.join(", ")
}

/// What is in the way of what wants a child that does not run.
fn runs(child: &ChildInfo) -> String {
    match child.state {
        // Where nothing of it is seen to run, its owner is out of sight.
        ChildState::Stopped => {
            "is stopped, but who ran it is out of sight and has not confirmed that; ask again when it has"
                .into()
        }
        _ if child.is_stopping => {
            alloc::format!("is being stopped{}; ask again when it has stopped", on(child))
        }
        ChildState::Lost => "may run on a node that is out of sight; stop it first".into(),
        ChildState::Unclaimed => "is to run, and no node runs it now; stop it first".into(),
        ChildState::Zombie => alloc::format!("was killed, and is not gone yet{}", on(child)),
        state => alloc::format!("is {state}{}; stop it first", on(child)),
    }
}

fn on(child: &ChildInfo) -> String {
    child
        .node
        .as_ref()
        .map_or_else(String::new, |node| alloc::format!(" on {node}"))
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn what_is_in_the_way_is_not_called_running_where_nobody_sees_it_run() {
        let told = |state, node: Option<&str>| {
            let child = ChildInfo {
                horde: "main".parse().unwrap(),
                id: "c".parse().unwrap(),
                spec: crate::in_tests::spec(),
                state,
                is_stopping: false,
                node: node.map(|node| node.parse().unwrap()),
                token: None,
                os_pid: None,
                restarts: 0,
                reason: None,
            };
            CallError::Running(Arc::new(child)).to_string()
        };
        assert_eq!(
            told(ChildState::Running, Some("n1")),
            "child \"c\" is running on n1; stop it first"
        );
        assert_eq!(
            told(ChildState::Restarting, Some("n1")),
            "child \"c\" is restarting on n1; stop it first"
        );
        assert_eq!(
            told(ChildState::Lost, None),
            "child \"c\" may run on a node that is out of sight; stop it first"
        );
        assert_eq!(
            told(ChildState::Unclaimed, None),
            "child \"c\" is to run, and no node runs it now; stop it first"
        );
    }
}
