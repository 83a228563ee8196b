//! Answers that wait until a take-over would find what they tell of (S5.9).

use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;

use ordu_crdt::Dot;

use crate::node::Node;
use crate::planted::Bug;
use crate::registers::{ChildKey, Status};
use crate::{Answer, NodeId};

/// An answer that its caller is not told yet.
#[derive(Debug)]
pub(crate) struct Withheld {
    pub(crate) answer: Answer,
    /// The child's entry first.
    pub(crate) written: Vec<Dot>,
    /// Who would be asked before a take-over starts.
    first_in_rank: BTreeSet<NodeId>,
}

impl Node {
    pub(crate) fn withhold(&self, key: &ChildKey, answer: Answer, written: Vec<Dot>) -> Withheld {
        Withheld {
            answer,
            written,
            first_in_rank: self.settled.first_in_rank(key),
        }
    }

    /// Whether one of those that a take-over asks holds the entry, besides the node that wrote it and may be the one that
    /// dies next. Nobody is waited for who does not answer.
    pub(crate) fn can_be_found(&self, withheld: &Withheld, caller: NodeId) -> bool {
        let Some(entry) = withheld.written.first() else {
            return true;
        };
        let others = withheld.first_in_rank.iter().copied();
        let others = others.filter(|node| node.replica() != entry.origin);
        // Who leaves may be gone by then, and hands nothing on that comes to it now (S5.10).
        let stays = |node: NodeId| {
            let status = self.status_of(node);
            !matches!(status, Some(Status::Draining | Status::Left)) && self.answers_still(node)
        };
        let mut others = others.filter(|node| *node == self.id || stays(*node)).peekable();
        // The node that was asked answers only once it holds it.
        let holds = |node: NodeId| {
            let here = node == self.id && self.covers(*entry);
            here || node == caller || self.replica.is_held_by(node.replica(), *entry)
        };
        let is_told_too_soon = self.planted.is(Bug::AnsweredBeforeFound)
            || withheld.answer.is_of_a_stop() && self.planted.is(Bug::StopAnsweredBeforeHeld);
        others.peek().is_none() || others.any(holds) || is_told_too_soon
    }

    /// Moves answers on that were withheld and need not be any more; gives whether there were any.
    pub(crate) fn advance_withheld(&mut self) -> bool {
        let is_over = |key: &ChildKey| {
            let decision = self.decisions.get(key).and_then(VecDeque::front);
            decision.is_none_or(|decision| {
                decision
                    .withheld()
                    .is_none_or(|withheld| self.can_be_found(withheld, decision.caller()))
            })
        };
        let over: Vec<ChildKey> = self.withheld.iter().filter(|key| is_over(key)).cloned().collect();
        for key in &over {
            self.withheld.remove(key);
            self.children.touch(key);
        }
        !over.is_empty()
    }
}
