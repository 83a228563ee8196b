use std::sync::Arc;

use ordu_core::{Answer, CallError, ChildInfo, NodeName};

/// How [`start_child`](crate::Horde::start_child) or [`restart_child`](crate::Horde::restart_child) ended well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Started {
    /// The child runs.
    Running(Acknowledged),
    /// The child chose not to run (OTP's `ignore`); nothing is stored.
    Ignored,
}

/// A child that runs, and who knows of it (S5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Acknowledged {
    /// The child.
    pub child: Arc<ChildInfo>,
    /// The nodes known to hold its entry: it survives the crash of all of them but one.
    pub held_by: Vec<NodeName>,
    /// Whether its entry is on the disks of that many nodes.
    pub durable: bool,
}

impl Started {
    pub(super) fn from_answer(answer: Answer) -> Result<Self, CallError> {
        match answer {
            Answer::Started {
                child,
                held_by,
                durable,
            } => Ok(Self::Running(Acknowledged {
                child,
                held_by,
                durable,
            })),
            Answer::Ignored => Ok(Self::Ignored),
            other @ (Answer::Terminated(_)
            | Answer::Deleted
            | Answer::Updated(_)
            | Answer::Removed { .. }
            | Answer::MembersSet { .. }) => Err(super::unexpected(&other)),
        }
    }

    /// The child, if it runs.
    pub fn child(&self) -> Option<&Arc<ChildInfo>> {
        match self {
            Self::Running(acknowledged) => Some(&acknowledged.child),
            Self::Ignored => None,
        }
    }
}
