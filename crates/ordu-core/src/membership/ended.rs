#[cfg(test)]
mod tests;

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use ordu_crdt::Dot;

use super::{Known, Liveness, Removed, Standing};
use crate::node::Node;
use crate::planted::Bug;
use crate::registers::{Key, Member, Removal, Status, Value, Why, Word};
use crate::wire::Message;
use crate::{ConnId, Event, ExitCause, NodeId, Time};

/// What a node still does that leaves (S5.10), or was told that it has ended (S2.4): others are to hold all that it holds.
#[derive(Debug, Default)]
pub(crate) struct Parting {
    /// The removals it was told of. The map may not have them here yet.
    told: Vec<Removed>,
    since: Time,
    /// When anybody was last in sight who could take over.
    seen: Time,
    /// When the others are looked at again.
    next: Time,
    /// All that it held when its last copy had stopped: the last operation of each origin.
    holds: Option<Vec<Dot>>,
}

impl Parting {
    /// Whether the others are asked what they hold.
    pub(crate) const fn has_begun(&self) -> bool {
        self.holds.is_some()
    }

    pub(crate) fn next_deadline(&self) -> Time {
        self.next
    }
}

impl Node {
    /// Writes that a node has ended, once and for all. Gives the operation.
    pub(crate) fn remove_member(&mut self, node: NodeId, why: Why) -> Option<Dot> {
        let known = self.roster.get(node).filter(|_| why == Why::ByHand);
        let who = known.map(|known| (known.identity.name.clone(), known.identity.addr));
        let (at, by) = (self.stamp().hlc, self.id);
        let removal = Removal::new(Word { at, by, why }, who);
        let said = self.removal_of(node).into_iter();
        let removal = Value::encode(&said.fold(removal, Removal::merge));
        let written = self.write([(Key::Removed(node), Some(removal)), (Key::Member(node), None)]);
        self.touch_owned(node);
        written
    }

    /// Takes over what the map says of the removals of these nodes.
    pub(crate) fn weigh_removals(&mut self, changed: &BTreeSet<NodeId>) {
        for node in changed {
            let node = *node;
            let said = self.removal_of(node).into_iter();
            let removals: Vec<_> = said
                .flat_map(|removal| removal.words)
                .map(|Word { at, by, why }| Removed { at, by, node, why })
                .collect();
            let is_forgotten = removals.is_empty() && self.roster.removals.ends(node);
            self.roster.removals.set(node, removals);
            if is_forgotten {
                self.forget(node);
                self.know_by_its_record(node);
            }
        }
        for node in self.roster.removals.weigh(self.now.mono) {
            self.touch_owned(node);
            self.tell_again(node);
        }
        self.miss_the_spared();
        self.members_changed = true;
    }

    /// All that the map says of the removal of a node.
    fn removal_of(&self, node: NodeId) -> Option<Removal> {
        let siblings = self.replica.map().siblings(&Key::Removed(node));
        let removals = siblings.filter_map(|sibling| sibling.value.decode::<Removal>());
        removals.reduce(Removal::merge)
    }

    /// Makes one value of what several nodes wrote of an end, each in its part of a split: each of them would keep its place in
    /// every vector else, for as long as that is remembered, and of a removal by hand that is for ever.
    pub(crate) fn settle_the_removals(&mut self) {
        if self.planted.is(Bug::RemovalsLeftApart) {
            return;
        }
        let keys = self.roster.removals.all().map(Key::Removed);
        let is_split = |key: &Key| self.replica.map().siblings(key).count() > 1;
        for key in keys.filter(is_split).collect::<Vec<_>>() {
            if let Key::Removed(node) = key
                && let Some(removal) = self.removal_of(node)
            {
                self.write([(key, Some(Value::encode(&removal)))]);
            }
        }
    }

    /// Who forgot a removal may not have had the record of that node, and this one has it still.
    fn know_by_its_record(&mut self, node: NodeId) {
        let record = self.replica.map().get(&Key::Member(node));
        if let Some(member) = record.and_then(Value::decode::<Member>) {
            self.roster.set_member(node, Some(member), self.now.mono);
        }
    }

    /// Who was removed in vain is a member that is missed, until it is heard of.
    fn miss_the_spared(&mut self) {
        let is_unknown = |node: &NodeId| *node != self.id && !self.roster.knows(*node);
        let spared = self.roster.removals.spared().filter(is_unknown);
        for node in spared.collect::<Vec<_>>() {
            let removal = self.removal_of(node);
            if let Some((name, addr)) = removal.and_then(|removal| removal.who) {
                self.roster.miss(node, name, addr, self.now.mono);
            }
        }
    }

    /// Keeps nothing more of a node that has ended.
    pub(crate) fn forget(&mut self, node: NodeId) {
        self.roster.forget(node);
        self.reasons.remove(&node);
        self.closed.remove(&node);
        self.forgotten.remove(&node);
        self.members_changed = true;
    }

    /// Finds out whether a ready member is in sight that has not ended: where there is none, those that have serve as if
    /// they had not.
    pub(crate) fn refresh_spared(&mut self) {
        let in_sight = |liveness| matches!(liveness, Liveness::Alive | Liveness::Suspect);
        let removals = &self.roster.removals;
        let is_there = self.may_tell_of_ends()
            || self.roster.iter().any(|(node, known)| {
                let status = known.member.as_ref().map(|member| member.status);
                in_sight(known.liveness) && status == Some(Status::Ready) && !removals.ends(node)
            });
        if self.roster.spare(!is_there) {
            let ended: Vec<_> = self.roster.removals.ended().map(|(node, _)| node).collect();
            for node in ended {
                self.touch_owned(node);
            }
        }
    }

    /// Whether this node is one whose word for it counts that another has ended.
    pub(crate) fn may_tell_of_ends(&self) -> bool {
        self.standing.may_act() && !self.roster.removals.ends(self.id)
    }

    /// The boot of its name by which a node that is down has ended: another that is in sight, or this one, if others have
    /// taken it in.
    pub(crate) fn replaced_by(&self, node: NodeId) -> Option<NodeId> {
        let by_this_one = || self.has_replaced(node);
        let by_another = self.roster.replaced_by(node);
        let by_another = by_another.or_else(|| self.refused_for(node));
        by_another.or_else(|| by_this_one().then_some(self.id))
    }

    /// The member for whose name this node refused one that is down: that one was told so, and ends.
    fn refused_for(&self, node: NodeId) -> Option<NodeId> {
        let known = self.roster.get(node)?;
        let was_told = known.liveness == Liveness::Down && self.names.has_refused(node);
        let bears_it = |other: &NodeId| {
            let is_ready = self.roster.status_of(*other) == Some(Status::Ready);
            *other != node && is_ready && self.roster.is_alive(*other)
        };
        let mut bearers = self.roster.boots_of(&known.identity.name);
        was_told.then(|| bearers.find(bears_it)).flatten()
    }

    /// Writes down that those have ended that this node refused for their name after others had taken them in: nobody else
    /// may know.
    pub(crate) fn remove_the_refused(&mut self) {
        if !self.may_tell_of_ends() {
            return;
        }
        let refused = self.names.refused().filter_map(|node| {
            let is_open = self.roster.status_of(node).is_some() && !self.roster.removals.ends(node);
            is_open.then_some((node, self.refused_for(node)?))
        });
        for (node, by) in refused.collect::<Vec<_>>() {
            self.remove_member(node, Why::Replaced(by));
        }
    }

    /// Whether nothing waits for a node any more, whatever has been written down: another boot of its name has replaced it, or
    /// it came and went before it was a member.
    pub(crate) fn is_past(&self, node: NodeId, known: &Known) -> bool {
        // Who was removed in vain was a member, though its record is gone.
        let was_no_member = known.was_no_member() && !self.roster.removals.any_of(node);
        was_no_member || self.replaced_by(node).is_some()
    }

    fn has_replaced(&self, node: NodeId) -> bool {
        let is_replaced = |known: &Known| {
            let is_down = known.liveness == Liveness::Down && known.identity.name == self.config.name;
            // Its id may be larger, of a machine that is misnamed or whose clock was set.
            let is_no_successor = !known.was_admitted() || self.names.has_refused(node);
            let is_newer = self.id > node || known.was_up || is_no_successor;
            is_down && is_newer && self.names.was_admitted && self.standing.may_act()
        };
        self.roster.get(node).is_some_and(is_replaced)
    }

    /// Says of boots of its name that came to light since it said so last that they were there before it: nobody else may
    /// know that they have ended.
    pub(crate) fn say_which_it_replaced(&mut self) {
        let before = self.roster.before(self.id, &self.config.name);
        let mut new = before.iter().filter(|node| !self.names.over.contains(node));
        if self.standing == Standing::Ready && new.any(|node| self.has_replaced(*node)) {
            self.write_member(Status::Ready);
        }
    }

    /// Tells connected nodes that have ended so.
    pub(crate) fn tell_the_ended(&mut self) {
        let linked: Vec<_> = self
            .links
            .peers()
            .filter(|peer| self.roster.is_over(*peer))
            .collect();
        for peer in linked {
            for conn in self.links.conns_of(peer).collect::<Vec<_>>() {
                self.tell_to_hand_over(conn);
            }
        }
    }

    /// Tells a node on its connection that it has ended, unless that was done or is not this node's to say.
    pub(crate) fn tell_to_hand_over(&mut self, conn: ConnId) {
        let may_tell = self.may_tell_of_ends();
        let Some(link) = self.links.link_mut(conn).filter(|link| !link.is_told) else {
            return;
        };
        if may_tell && self.roster.is_over(link.peer) {
            link.is_told = true;
            let evidence = self.roster.removals.evidence(link.peer);
            self.send_on(conn, &Message::HandOver(evidence));
        }
    }

    fn tell_again(&mut self, peer: NodeId) {
        for conn in self.links.conns_of(peer).collect::<Vec<_>>() {
            if let Some(link) = self.links.link_mut(conn) {
                link.is_told = false;
            }
        }
    }

    /// Whoever was told and serves all the same is told again, now and then: it may not have seen then what it sees now.
    pub(crate) fn tell_the_ended_again(&mut self) {
        let ended: Vec<_> = self.roster.removals.ended().map(|(node, _)| node).collect();
        for node in ended {
            self.tell_again(node);
        }
        self.tell_the_ended();
    }

    /// A peer says that this node has ended. It weighs that itself, with what it knows besides: of two that removed each
    /// other in a split one has not.
    pub(crate) fn told_to_hand_over(&mut self, from: NodeId, told: Vec<Removed>) {
        let ended = self.roster.removals.ended_with(&told);
        if !ended.contains(&self.id) || ended.contains(&from) {
            return;
        }
        let now = self.now.mono;
        if let Standing::HandingOver { .. } = self.standing {
            self.parting.told.extend(told);
            self.parting.told.sort_unstable();
            self.parting.told.dedup();
            return;
        }
        if self.standing.is_leaving() {
            return;
        }
        self.parting = Parting {
            told,
            since: now,
            seen: now,
            next: now,
            holds: None,
        };
        self.standing = Standing::HandingOver {
            until: self.stopped_by(),
        };
        self.members_changed = true;
        self.touch_all();
    }

    /// Moves the hand-over on: copies stopped, all that is held here held by others.
    pub(crate) fn advance_parting(&mut self) -> bool {
        let Standing::HandingOver { until } = self.standing else {
            return false;
        };
        let now = self.now.mono;
        if now < self.parting.next {
            return false;
        }
        self.parting.next = now + self.config.timing.redial;
        let patience = self.config.timing.boot_grace;
        let ended = self.roster.removals.ended_with(&self.parting.told);
        let is_heir =
            |peer: &NodeId| self.roster.status_of(*peer) == Some(Status::Ready) && !ended.contains(peer);
        let heirs: Vec<NodeId> = self.replicating.iter().copied().filter(is_heir).collect();
        if !heirs.is_empty() {
            self.parting.seen = now;
        }
        if !ended.contains(&self.id) || now >= self.parting.seen + patience {
            return self.go_on_after_all();
        }
        if now < until && !self.nothing_runs_here() {
            return false;
        }
        // Those that are out of sight may still come into it.
        let expected = if now < self.parting.since + patience {
            let known = self.roster.iter().map(|(node, _)| node);
            known
                .filter(|node| is_heir(node) && self.replaced_by(*node).is_none())
                .count()
        } else {
            heirs.len()
        };
        if self.holders_of_all_that_it_held(&heirs) >= expected.clamp(1, 2) {
            self.flush_replication();
            self.exit(ExitCause::Removed);
            return true;
        }
        for heir in heirs {
            self.replica.sync_with(heir.replica());
        }
        true
    }

    /// How many of these are known to hold all that this node held when that was first asked, by whomever it was written.
    fn holders_of_all_that_it_held(&mut self, heirs: &[NodeId]) -> usize {
        let holds = self.parting.holds.get_or_insert_with(|| {
            let seen = self.replica.seen();
            seen.map(|(origin, seq)| Dot { origin, seq }).collect()
        });
        let has_all = |heir: &&NodeId| {
            let mut held = holds.iter();
            held.all(|dot| self.replica.is_held_by(heir.replica(), *dot))
        };
        heirs.iter().filter(has_all).count()
    }

    /// Whether two that stay hold all that this node, which leaves, held when its last copy had stopped; or as many as there
    /// are (S5.10). They are asked now and then.
    pub(crate) fn is_held_by_those_that_stay(&mut self) -> bool {
        let heirs: Vec<NodeId> = self.roster.ready().map(|(node, _)| node).collect();
        if self.holders_of_all_that_it_held(&heirs) >= heirs.len().min(2) {
            return true;
        }
        let now = self.now.mono;
        if now >= self.parting.next {
            self.parting.next = now + self.config.timing.redial;
            for heir in heirs {
                self.replica.sync_with(heir.replica());
            }
        }
        false
    }

    /// The removal turned out to be void, or there is nobody left to whom anything could be handed over.
    fn go_on_after_all(&mut self) -> bool {
        self.parting = Parting::default();
        self.standing = Standing::CatchingUp { since: self.now.mono };
        self.event(Event::CatchingUp);
        self.members_changed = true;
        self.touch_all();
        true
    }

    /// Writes anew what this node says of itself, where somebody who took it for ended removed that.
    pub(crate) fn keep_own_record(&mut self) {
        let status = match self.standing {
            Standing::Joining { .. } => Status::Joining,
            Standing::Ready | Standing::CatchingUp { .. } => Status::Ready,
            Standing::Leaving { caught_up: true, .. } => Status::Draining,
            Standing::Leaving { .. }
            | Standing::Left { .. }
            | Standing::HandingOver { .. }
            | Standing::Gone => return,
        };
        let key = Key::Member(self.id);
        let is_missing = self.replica.map().siblings(&key).next().is_none();
        if is_missing && !self.roster.is_over(self.id) {
            self.write_member(status);
        }
    }
}
