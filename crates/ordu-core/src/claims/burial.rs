use alloc::vec::Vec;

use crate::membership::Liveness;
use crate::node::Node;
use crate::registers::{ChildKey, Key, Value};
use crate::{MemberState, NodeId};

/// How many values of a removed node are written anew in one go.
const ADOPTED_AT_ONCE: usize = 256;

impl Node {
    /// Removes what nobody needs any more, now and then: intents of lives that are over, once every member
    /// has seen that they are (S2.1), and records of members that are gone for good (S2.4).
    pub(crate) fn bury(&mut self) {
        let now = self.now.mono;
        if now < self.next_burial {
            return;
        }
        self.next_burial = now + self.config.timing.sync_period;
        self.forget_old_answers();
        self.count_members();
        if self.replicating.is_empty() {
            // No round of anti-entropy does it.
            self.replica.collect();
        }
        self.acknowledge_answers();
        if !self.standing.may_act() {
            return;
        }
        self.bury_children();
        self.bury_members();
    }

    fn bury_children(&mut self) {
        let Some(view) = self.settled.view() else { return };
        let mine = |key: &ChildKey| view.decider(key) == Some(self.id);
        let graves: Vec<_> = self
            .children
            .graves
            .iter()
            .filter(|key| mine(key))
            .cloned()
            .collect();
        for key in graves {
            let empty = self
                .children
                .get(&key)
                .is_some_and(|child| child.claims.siblings().is_empty() && child.claims.copy().is_none());
            if empty && self.everybody_holds(&Key::Intent(key.clone())) {
                self.write([(Key::Intent(key), None)]);
            }
        }
    }

    /// Whether every member that may come back, down ones included, has all that is said about a key.
    fn everybody_holds(&self, key: &Key) -> bool {
        let siblings: Vec<_> = self
            .replica
            .map()
            .siblings(key)
            .map(|sibling| sibling.dot)
            .collect();
        self.roster.iter().all(|(node, _)| {
            let gone = matches!(self.roster.state(node), MemberState::Left | MemberState::Removed)
                || self.roster.is_superseded(node);
            gone || siblings.iter().all(|dot| self.holders(*dot).contains(&node))
        })
    }

    /// One ready member cleans up after members that left, were replaced by a newer boot, or have been down
    /// for `forget_after`.
    fn bury_members(&mut self) {
        let now = self.now.mono;
        let first = self
            .settled
            .view()
            .and_then(|view| view.ready.keys().next().copied());
        if first != Some(self.id) {
            return;
        }
        let forget_after = self.config.timing.forget_after;
        let over: Vec<NodeId> = self
            .roster
            .iter()
            .filter(|(node, known)| {
                let down_for = (known.liveness == Liveness::Down).then(|| now.since(known.since));
                !self.roster.is_removed(*node)
                    && (self.roster.is_replaced(*node)
                        || self.roster.state(*node) == MemberState::Left
                        || down_for.is_some_and(|down| down >= forget_after))
            })
            .map(|(node, _)| node)
            .collect();
        for node in over {
            self.write([
                (Key::Removed(node), Some(Value::encode(&()))),
                (Key::Member(node), None),
            ]);
            self.touch_owned(node);
        }
        // What removed nodes wrote and still counts is written anew by this one, a little at a time, so that they
        // leave every vector: 1,000 boots of a node cost no more than one.
        let removed: Vec<_> = self.roster.removed_before(now).collect();
        for node in removed {
            self.replica.adopt(node.replica(), ADOPTED_AT_ONCE);
        }
        self.take_changes();
        // By then whatever a removed node wrote has been seen by everybody or belongs to nobody.
        if now.0 > u64::try_from(forget_after.as_micros()).unwrap_or(u64::MAX) {
            let owns_nothing = |node: &NodeId| self.owned(*node) == 0;
            let forgotten: Vec<_> = self
                .roster
                .removed_before(now - forget_after)
                .filter(owns_nothing)
                .collect();
            for node in forgotten {
                self.write([(Key::Removed(node), None)]);
            }
        }
    }
}
