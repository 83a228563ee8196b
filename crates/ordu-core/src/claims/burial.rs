use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use crate::membership::Known;
use crate::node::Node;
use crate::planted::Bug;
use crate::registers::{ChildKey, Intent, Key, Status, Why};
use crate::{MemberState, NodeId};

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
        self.acknowledge_answers();
        self.tell_the_ended_again();
        self.forget_the_ended();
        self.look_for_the_written_off();
        if self.standing.may_act() {
            self.say_which_it_replaced();
            self.remove_the_refused();
            self.bury_children();
            self.look_after_halves();
            self.settle_siblings();
            self.bury_members();
        }
        if self.replicating.is_empty() {
            // No round of anti-entropy does it, and nothing else may happen any more.
            self.replica.collect();
        }
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

    /// Whether every member has all that is said about a key, also those that are down, but for those that were written
    /// off: what these bring of a life that is over is known by its birth. Not so where the birth was tried twice: the
    /// other one may be known to such a member alone (S2.1).
    pub(crate) fn everybody_holds(&self, key: &Key) -> bool {
        let (now, forget_after) = (self.now.mono, self.config.timing.forget_after);
        let siblings: Vec<_> = self
            .replica
            .map()
            .siblings(key)
            .map(|sibling| sibling.dot)
            .collect();
        let intents = self.replica.map().siblings(key);
        let intents = intents.filter_map(|sibling| sibling.value.decode::<Intent>());
        let is_retried = { intents }.any(|intent| intent.retried);
        self.roster.iter().all(|(node, known)| {
            let has_ended = matches!(
                self.roster.state_of(node, known),
                MemberState::Left | MemberState::Removed
            ) || self.is_past(node, known);
            let is_missed = !is_retried && known.is_written_off(now, forget_after);
            has_ended || is_missed || siblings.iter().all(|dot| self.is_holder(node, *dot))
        })
    }

    /// One ready member writes down that members have ended: those that left, and those that were replaced by another boot
    /// of their name. Silence ends nobody, however long (S2.4).
    fn bury_members(&mut self) {
        let now = self.now.mono;
        let first = self
            .settled
            .view()
            .and_then(|view| view.ready.keys().next().copied());
        if first != Some(self.id) || !self.may_tell_of_ends() {
            return;
        }
        let over = self.roster.iter().filter_map(|(node, known)| {
            let status = known.member.as_ref().map(|member| member.status);
            let is_missed = || known.is_written_off(now, self.config.timing.forget_after);
            let has_left =
                status == Some(Status::Left) || self.planted.is(Bug::SilenceRemoves) && is_missed();
            let replaced = || self.replaced_by(node).map(Why::Replaced);
            let why = if has_left { Some(Why::Left) } else { replaced() };
            why.filter(|_| !self.roster.removals.ends(node))
                .map(|why| (node, why))
        });
        let over: Vec<_> = over.chain(self.voided()).collect();
        for (node, why) in over {
            self.remove_member(node, why);
        }
        // It may have written its record while others took it for ended already, and be forgotten but for that.
        let ended = self.roster.removals.ended().map(|(node, _)| node);
        let records = ended.filter(|node| self.roster.is_over(*node)).map(Key::Member);
        let left_over = records.filter(|record| self.replica.map().contains_key(record));
        let left_over: Vec<_> = left_over.collect();
        self.write(left_over.into_iter().map(|record| (record, None)));
        self.settle_the_member_list();
        self.settle_the_removals();
        // What ended nodes wrote and still counts is written anew by this one, a little at a time, so that they
        // leave every vector: 1,000 boots of a node cost no more than one.
        let ended: Vec<_> = self.roster.removals.ended().collect();
        for (node, _) in &ended {
            self.replica
                .adopt(node.replica(), self.config.limits.adopted_at_once);
        }
        self.take_changes();
        // By then whatever an ended node wrote has been seen by everybody or belongs to nobody; but not if this node has not
        // heard what all others in sight have.
        let forget_after = self.config.timing.forget_after;
        let is_unheard = |node| self.roster.is_alive(node) && !self.has_synced_with(node);
        if self.roster.iter().any(|(node, _)| is_unheard(node)) {
            return;
        }
        for (node, since) in ended {
            let is_old = now.since(since) >= forget_after;
            if is_old && self.owned(node) == 0 && self.roster.removals.may_be_forgotten(node) {
                self.write([(Key::Removed(node), None)]);
            }
        }
    }

    /// Nodes of whom nothing is known but a removal whose writer had ended before, so that it is void, though it is true by
    /// what others wrote: the record that it was to replace went with it.
    fn voided(&self) -> impl Iterator<Item = (NodeId, Why)> {
        let nothing_else = |node: &NodeId| {
            let known = self.roster.get(*node);
            known.is_none_or(Known::was_no_member)
        };
        self.roster
            .removals
            .spared()
            .filter(nothing_else)
            .filter_map(|node| {
                let is_said = self.names.over.contains(&node).then_some(self.id);
                let is_said = is_said.or_else(|| self.roster.says_it_replaced(node));
                let mut named = self.roster.removals.replaced_by(node);
                let why = if self.roster.removals.has_left(node) {
                    Some(Why::Left)
                } else {
                    let by = is_said.or_else(|| named.find(|by| self.has_followed(*by, node)));
                    by.map(Why::Replaced)
                };
                Some((node, why?))
            })
    }

    /// Whether a boot that is said to have replaced another serves, or has left, or has been replaced in turn: but not by
    /// that other.
    fn has_followed(&self, boot: NodeId, other: NodeId) -> bool {
        let mut boot = boot;
        let mut passed = BTreeSet::from([other]);
        while passed.insert(boot) {
            let status = self.roster.status_of(boot);
            if boot == self.id || status.is_some_and(|status| status != Status::Joining) {
                return true;
            }
            let removals = &self.roster.removals;
            if !removals.ends(boot) {
                return false;
            }
            if removals.has_left(boot) {
                return true;
            }
            let Some(next) = removals.replaced_by(boot).next() else {
                return false;
            };
            boot = next;
        }
        false
    }

    /// Nodes that ended long ago are not shown any more, nor are boots that were replaced before anybody wrote down that
    /// they were there.
    fn forget_the_ended(&mut self) {
        let (now, forget_after) = (self.now.mono, self.config.timing.forget_after);
        let ended = self.roster.removals.ended();
        let over = ended.filter(|(node, since)| {
            let is_in_sight = self.replicating.contains(node);
            now.since(*since) >= forget_after && !is_in_sight && self.roster.knows(*node)
        });
        let unrecorded = self.roster.iter().filter(|(node, known)| {
            let is_missed = known.member.is_none() && known.is_written_off(now, forget_after);
            is_missed && !self.roster.removals.ends(*node) && self.is_past(*node, known)
        });
        let over = over.map(|(node, _)| node);
        for node in over.chain(unrecorded.map(|(node, _)| node)).collect::<Vec<_>>() {
            if self.owned(node) == 0 {
                self.forget(node);
            }
        }
    }
}
