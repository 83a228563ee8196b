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
    /// Stamp of the last change of its policy.
    pub(crate) changed: Option<Stamp>,
    pub(crate) spec: Arc<ChildSpec>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Desired {
    Running,
    /// Since the stop of this stamp.
    Stopped(Stamp),
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

    /// Stamp of its last start, stop or restart by a user. A change of policy alone leaves it.
    pub(crate) fn wished(&self) -> Stamp {
        match self.desired {
            Desired::Running => self.run,
            Desired::Stopped(at) => at,
        }
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
            changed: None,
            spec: Arc::new(spec),
            ..self
        }
    }

    /// The winner among concurrent siblings: the maximum of (birth, deleted, stamp), so a delete beats every
    /// concurrent write to the same life and loses only to a `start_child` that had not seen it. Of a life that is not
    /// over the wish and the policy are those that were written last, each by its own stamp: a change of one undoes
    /// none of the other (S2.1).
    pub(crate) fn winner(siblings: impl Iterator<Item = (Self, Stamp)> + Clone) -> Option<Self> {
        let rank = |(intent, stamp): &(Self, Stamp)| (intent.birth, intent.deleted, *stamp);
        let (winner, _) = siblings.clone().max_by_key(rank)?;
        if !winner.is_live() {
            return Some(winner);
        }
        let of_it = siblings.filter(|(intent, _)| intent.birth == winner.birth);
        let wish = of_it
            .clone()
            .max_by_key(|(intent, stamp)| (intent.wished(), *stamp));
        let policy = of_it.max_by_key(|(intent, stamp)| (intent.changed, *stamp));
        let ((wish, _), (policy, _)) = wish.zip(policy)?;
        Some(Self {
            run: wish.run,
            runner: wish.runner,
            desired: wish.desired,
            changed: policy.changed,
            spec: policy.spec,
            ..winner
        })
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use ordu_crdt::{Hlc, ReplicaId, Stamp};

    use super::*;
    use crate::in_tests::{UNBORN, life};
    use crate::registers::Value;
    use crate::{Constraint, Restart};

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
            changed: None,
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

    /// A restart, a stop and a change of policy, none of which knew of another.
    #[test]
    fn a_change_of_policy_undoes_no_stop_and_no_restart_and_they_do_not_undo_it() {
        let at = |seconds| Stamp {
            hlc: Hlc(seconds),
            origin: ReplicaId(1),
        };
        let begun = life(at(1));
        let restarted = Intent {
            run: at(2),
            runner: Some(NodeId(7)),
            ..begun.clone()
        };
        let stopped = Intent {
            desired: Desired::Stopped(at(3)),
            ..begun.clone()
        };
        for changed_at in [at(0), at(4)] {
            let changed = Intent {
                changed: Some(changed_at),
                spec: Arc::new(ChildSpec {
                    restart: Restart::Transient,
                    ..ChildSpec::clone(&begun.spec)
                }),
                ..begun.clone()
            };
            let with = |wish: &Intent| Intent {
                changed: changed.changed,
                spec: Arc::clone(&changed.spec),
                ..wish.clone()
            };
            let change = (changed.clone(), changed_at);
            let restart = (restarted.clone(), at(2));
            let stop = (stopped.clone(), at(3));
            let winner = |siblings: &[(Intent, Stamp)]| Intent::winner(siblings.iter().cloned());
            assert_eq!(winner(&[change.clone(), restart.clone()]), Some(with(&restarted)));
            assert_eq!(winner(&[change.clone(), stop.clone()]), Some(with(&stopped)));
            assert_eq!(winner(&[restart, stop, change.clone()]), Some(with(&stopped)));
            let mark = stopped.clone().over(Deleted::Finished);
            let over = [(mark.clone(), at(3)), change];
            assert_eq!(winner(&over), Some(mark), "what is over is over as it was");
        }
    }
}
