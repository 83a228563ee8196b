use alloc::sync::Arc;
use alloc::vec::Vec;

use ordu_crdt::{Dot, Stamp};
use serde::{Deserialize, Serialize};

use crate::{ChildSpec, NodeId};

/// What the user wants of a child (S2.1). Written by whoever serves the user's call.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Intent {
    /// Stamp of the `start_child` that created this life of the id.
    pub(crate) birth: Stamp,
    /// The operation that created this life: who has seen it and holds no intent of that life knows that it is over.
    pub(crate) born: Dot,
    /// The start was handed to another node before, which may have carried it out: that life is beaten by this one, as
    /// long as anything is known of it.
    pub(crate) retried: bool,
    /// Stamp of its last start or restart by a user.
    pub(crate) run: Stamp,
    /// The one node that may carry out this run, for a temporary child that a user started again: a second one could
    /// not know whether the first did (S5.4). A first run comes with its claim and needs none.
    pub(crate) runner: Option<NodeId>,
    pub(crate) desired: Desired,
    pub(crate) deleted: Deleted,
    pub(crate) spec: Arc<ChildSpec>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Desired {
    Running,
    Stopped,
}

/// Why a life of an id is over. The order is that of S2.1: any of these beats `No`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Deleted {
    No,
    /// A temporary child whose owner is gone for good (S5.4).
    Lost,
    /// A temporary or transient child ended by itself (S5.4).
    Finished,
    ByUser,
}

impl Intent {
    pub(crate) fn is_live(&self) -> bool {
        self.deleted == Deleted::No
    }

    /// Whether a copy of it should be running.
    pub(crate) fn wants_running(&self) -> bool {
        self.is_live() && self.desired == Desired::Running
    }

    /// The mark that this life is over. Nothing is ever started by it, so it carries neither args nor constraints: marks
    /// stay until every member has seen them, however many there are.
    pub(crate) fn over(self, deleted: Deleted) -> Self {
        let ChildSpec {
            kind,
            version,
            restart,
            ..
        } = &*self.spec;
        let spec = ChildSpec {
            restart: *restart,
            ..ChildSpec::new(kind.clone(), *version, Vec::new())
        };
        Self {
            deleted,
            spec: Arc::new(spec),
            ..self
        }
    }

    /// The winner among concurrent siblings: the maximum of (birth, deleted, stamp), so a delete beats every
    /// concurrent write to the same life and loses only to a `start_child` that had not seen it (S2.1).
    pub(crate) fn winner(siblings: impl Iterator<Item = (Self, Stamp)>) -> Option<Self> {
        siblings
            .max_by_key(|(intent, stamp)| (intent.birth, intent.deleted, *stamp))
            .map(|(intent, _)| intent)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use ordu_crdt::{Hlc, ReplicaId, Stamp};

    use super::*;
    use crate::Constraint;
    use crate::in_tests::UNBORN;
    use crate::registers::Value;

    #[test]
    fn a_mark_that_a_life_is_over_carries_no_args_and_no_constraints() {
        let stamp = Stamp {
            hlc: Hlc(1),
            origin: ReplicaId(1),
        };
        let mut spec = ChildSpec::new("worker".parse().unwrap(), 1, vec![7; ChildSpec::MAX_ARGS]);
        spec.constraints = vec![Constraint::Node("somewhere".parse().unwrap())];
        let intent = Intent {
            born: UNBORN,
            retried: false,
            birth: stamp,
            run: stamp,
            runner: None,
            desired: Desired::Running,
            deleted: Deleted::No,
            spec: Arc::new(spec),
        };
        let mark = intent.over(Deleted::ByUser);
        assert!(!mark.is_live());
        assert!(
            Value::encode(&mark).len() < 100,
            "{} bytes",
            Value::encode(&mark).len()
        );
    }
}
