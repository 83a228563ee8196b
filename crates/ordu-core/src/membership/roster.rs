use alloc::collections::btree_map::Entry;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use super::{Identity, Removals};
use crate::registers::{Member, Status};
use crate::{ConnId, MemberState, NodeId, NodeName, Time};

/// What this node knows of every node it has heard of, itself excepted: from the detector, from handshakes
/// and from the map.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    known: BTreeMap<NodeId, Known>,
    /// The boots of each name among them.
    by_name: BTreeMap<NodeName, BTreeSet<NodeId>>,
    /// Who has ended.
    pub(crate) removals: Removals,
    /// No ready member is in sight that has not ended: those that are serve as if they had not (S2.4).
    spares: bool,
    /// The detector may say something else of somebody's liveness.
    may_differ: bool,
}

/// What is known of one node.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) identity: Identity,
    pub(crate) liveness: Liveness,
    /// When `liveness` changed.
    pub(crate) since: Time,
    /// It was not always down: its death is known here, and not only its record.
    pub(crate) was_up: bool,
    /// What it says of itself, once the map has it.
    pub(crate) member: Option<Member>,
    /// The first connection on which it greeted this node.
    pub(crate) greeted: Option<ConnId>,
}

/// What the detector says of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Liveness {
    /// Heard of, not confirmed by the detector yet.
    Heard,
    Alive,
    Suspect,
    Down,
}

impl Known {
    /// Whether a node that has not ended has been missed for so long that nothing waits for it any more: as this node sees
    /// it, and until it is heard of again (S2.4).
    pub(crate) fn is_written_off(&self, now: Time, forget_after: Duration) -> bool {
        self.liveness == Liveness::Down && now.since(self.since) >= forget_after
    }

    /// Whether it is down and the map has nothing of it: it came and went before it was a member, as far as is known, and may
    /// have been refused for its name elsewhere.
    pub(crate) fn was_no_member(&self) -> bool {
        self.liveness == Liveness::Down && self.member.is_none()
    }

    /// Whether others took it in, by what it says of itself.
    pub(crate) fn was_admitted(&self) -> bool {
        let status = self.member.as_ref().map(|member| member.status);
        status.is_some_and(|status| status != Status::Joining)
    }
}

impl Roster {
    pub(crate) fn get(&self, node: NodeId) -> Option<&Known> {
        self.known.get(&node)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (NodeId, &Known)> {
        self.known.iter().map(|(node, known)| (*node, known))
    }

    pub(crate) fn knows(&self, node: NodeId) -> bool {
        self.known.contains_key(&node)
    }

    /// Learns or renews what a node is known by. Never makes it alive.
    pub(crate) fn hear(&mut self, identity: Identity, now: Time) {
        let fresh = Known {
            identity: identity.clone(),
            liveness: Liveness::Heard,
            since: now,
            was_up: true,
            member: None,
            greeted: None,
        };
        let known = self.known.entry(identity.id).or_insert_with(|| {
            self.may_differ = true;
            note(&mut self.by_name, &identity);
            fresh
        });
        if known.identity.generation <= identity.generation {
            if known.identity.name != identity.name {
                drop_from(&mut self.by_name, &known.identity);
                note(&mut self.by_name, &identity);
            }
            known.identity = identity;
        }
    }

    /// A node that is known has greeted this one on a connection, and may have had to wait until it was let in.
    pub(crate) fn greeted(&mut self, node: NodeId, conn: ConnId) {
        if let Some(known) = self.known.get_mut(&node) {
            let first = known.greeted.map_or(conn, |first| first.min(conn));
            known.greeted = Some(first);
        }
    }

    /// Sets what the detector says; gives whether that is news.
    pub(crate) fn set_liveness(&mut self, node: NodeId, liveness: Liveness, now: Time) -> bool {
        let Some(known) = self
            .known
            .get_mut(&node)
            .filter(|known| known.liveness != liveness)
        else {
            return false;
        };
        known.liveness = liveness;
        known.since = now;
        known.was_up |= liveness != Liveness::Down;
        self.may_differ = true;
        true
    }

    /// This node stood still for so long: nobody was silent for that.
    pub(crate) fn postpone(&mut self, late: Duration, now: Time) {
        for known in self.known.values_mut() {
            if matches!(known.liveness, Liveness::Suspect | Liveness::Heard) {
                known.since = (known.since + late).min(now);
            }
        }
    }

    /// Whether the detector may say something else of somebody's liveness, even if it says what it said before.
    pub(crate) fn may_differ(&self) -> bool {
        self.may_differ
    }

    /// What the detector says was taken over. Those that it does not list yet stay to be looked at.
    pub(crate) fn compared(&mut self) {
        self.may_differ = self.known.values().any(|known| known.liveness == Liveness::Heard);
    }

    /// A node that the detector does not list has answered.
    pub(crate) fn answered(&mut self, node: NodeId, now: Time) {
        if let Some(known) = self.known.get_mut(&node) {
            known.since = now;
        }
    }

    /// Takes note of a node of whom others tell, unless it is known: it counts as down until the detector says otherwise.
    pub(crate) fn miss(&mut self, node: NodeId, name: NodeName, addr: SocketAddr, now: Time) {
        let Entry::Vacant(unknown) = self.known.entry(node) else {
            return;
        };
        let identity = Identity {
            id: node,
            seniority: node,
            generation: 0,
            name,
            addr,
        };
        self.may_differ = true;
        note(&mut self.by_name, &identity);
        unknown.insert(Known {
            identity,
            liveness: Liveness::Down,
            since: now,
            was_up: false,
            member: None,
            greeted: None,
        });
    }

    /// Takes over a member record of the map. A node first heard of there counts as down until the detector
    /// says otherwise: a record proves nothing about life (S6.1), but its address is worth dialling.
    pub(crate) fn set_member(&mut self, node: NodeId, member: Option<Member>, now: Time) {
        match member {
            Some(member) => {
                self.miss(node, member.name.clone(), member.addr, now);
                let Some(known) = self.known.get_mut(&node) else {
                    return;
                };
                known.member = Some(member);
            }
            None => {
                if let Some(known) = self.known.get_mut(&node) {
                    known.member = None;
                }
            }
        }
    }

    /// Forgets a node, be it one that has ended or one that nothing is said of any more.
    pub(crate) fn forget(&mut self, node: NodeId) {
        if let Some(known) = self.known.remove(&node) {
            drop_from(&mut self.by_name, &known.identity);
        }
    }

    /// Says whether no ready member is in sight that has not ended; gives whether that is news.
    pub(crate) fn spare(&mut self, spares: bool) -> bool {
        core::mem::replace(&mut self.spares, spares) != spares
    }

    /// Whether a node has ended: it was removed, and does not serve for want of others.
    pub(crate) fn is_removed(&self, node: NodeId) -> bool {
        self.removals.ends(node)
            && !(self.spares
                && self
                    .known
                    .get(&node)
                    .is_some_and(|known| known.liveness != Liveness::Down))
    }

    fn is_removed_as(&self, node: NodeId, known: &Known) -> bool {
        self.removals.ends(node) && !(self.spares && known.liveness != Liveness::Down)
    }

    /// Whether a node that connects has ended, whatever was known of its life.
    pub(crate) fn is_over(&self, node: NodeId) -> bool {
        self.removals.ends(node) && !self.spares
    }

    /// Whether a node lives, as far as is known: the detector lists it, or it has just shown who it is and the
    /// detector does not list it yet. The owner of a child that does keeps it (S4.4).
    pub(crate) fn is_alive(&self, node: NodeId) -> bool {
        self.known
            .get(&node)
            .is_some_and(|known| self.is_alive_as(node, known))
    }

    fn is_alive_as(&self, node: NodeId, known: &Known) -> bool {
        let has_left = |member: &Member| member.status == Status::Left;
        known.liveness != Liveness::Down
            && !known.member.as_ref().is_some_and(has_left)
            && !self.is_removed_as(node, known)
    }

    /// The nodes that declared themselves ready, and are alive or suspect.
    pub(crate) fn ready(&self) -> impl Iterator<Item = (NodeId, &Known)> {
        self.iter().filter(|(node, known)| {
            let status = known.member.as_ref().map(|member| member.status);
            matches!(known.liveness, Liveness::Alive | Liveness::Suspect)
                && status == Some(Status::Ready)
                && !self.is_removed_as(*node, known)
        })
    }

    /// The nodes that are about to leave, and are alive or suspect.
    pub(crate) fn draining(&self) -> impl Iterator<Item = (NodeId, &Known)> {
        self.iter().filter(|(node, known)| {
            let status = known.member.as_ref().map(|member| member.status);
            matches!(known.liveness, Liveness::Alive | Liveness::Suspect)
                && status == Some(Status::Draining)
                && !self.is_removed_as(*node, known)
        })
    }

    /// All nodes of a name, oldest first.
    pub(crate) fn boots_of(&self, name: &NodeName) -> impl Iterator<Item = NodeId> {
        self.by_name.get(name).into_iter().flatten().copied()
    }

    /// Whether another boot of the same name takes this one's place: a newer one that lives, or, if this one is
    /// down, any that lives (a clock set back between two boots makes the newer id the smaller one) or is newer.
    pub(crate) fn is_superseded(&self, node: NodeId) -> bool {
        let Some(known) = self.known.get(&node) else {
            return false;
        };
        let lives = self.is_alive_as(node, known);
        self.boots_of(&known.identity.name).any(|other| {
            let newer = other > node;
            let may_be = if lives { newer } else { other != node };
            may_be && ((newer && !lives) || self.is_alive(other))
        })
    }

    /// All that are superseded: see [`Roster::is_superseded`].
    pub(crate) fn superseded(&self) -> BTreeSet<NodeId> {
        let of_one_name = self.by_name.values().filter(|boots| boots.len() > 1);
        of_one_name
            .flatten()
            .filter(|node| self.is_superseded(**node))
            .copied()
            .collect()
    }

    /// The boot of its name by which a node that is down has ended: one that was admitted, and so is ready, or was until
    /// it left, and that came after it (S2.4). A liveness heard second-hand and the ids tell too little of the two: the
    /// younger may be missed for a moment, and the older not be known as dead yet.
    pub(crate) fn replaced_by(&self, node: NodeId) -> Option<NodeId> {
        let known = self.known.get(&node)?;
        if known.liveness != Liveness::Down {
            return None;
        }
        let replaces = |other: &NodeId| match self.status_of(*other) {
            Some(Status::Ready | Status::Draining) => {
                let comes_after = self.came_after(*other, node) || self.is_newer_in_person(*other, node);
                let is_certain = self.says_that_it_came_after(*other, node);
                comes_after && (self.is_alive(*other) || is_certain)
            }
            Some(Status::Left) => self.came_after(*other, node),
            // Another may have written down its end already.
            None if self.removals.has_left(*other) => self.came_after(*other, node),
            Some(Status::Joining) | None => false,
        };
        self.boots_of(&known.identity.name).find(replaces)
    }

    /// The other boots of a name that are down and of whose end nobody has said anything, the newest first, and not more
    /// than a record can name.
    pub(crate) fn before(&self, node: NodeId, name: &NodeName) -> Vec<NodeId> {
        const MOST: usize = 64;
        let is_over = |other: &NodeId| {
            let is_down = self
                .get(*other)
                .is_some_and(|known| known.liveness == Liveness::Down);
            let is_open = self.status_of(*other) != Some(Status::Left) && !self.removals.ends(*other);
            *other != node && is_down && is_open
        };
        let boots = self.by_name.get(name).into_iter().flatten().rev().copied();
        boots.filter(is_over).take(MOST).collect()
    }

    /// Whether a node says that another of its name was there before it, or greeted this one after that had. Their ids tell
    /// less: a clock may have been set back in between.
    fn came_after(&self, node: NodeId, other: NodeId) -> bool {
        let greeted = |node| self.get(node).and_then(|known| known.greeted);
        self.names_as_before(node, other) || greeted(other).is_some_and(|before| greeted(node) > Some(before))
    }

    /// Whether a node that others took in says so of another that was there before it, and not the other of it as well: that
    /// one has ended, be the node itself missed by now.
    fn says_that_it_came_after(&self, node: NodeId, other: NodeId) -> bool {
        self.names_as_before(node, other) && !self.names_as_before(other, node)
    }

    /// Whether a node names another as one that was there before it.
    fn names_as_before(&self, node: NodeId, other: NodeId) -> bool {
        let member = self.get(node).and_then(|known| known.member.as_ref());
        member.is_some_and(|member| member.over.contains(&other))
    }

    /// The member that says of itself that this node, of whom nothing else is known, was there before it.
    pub(crate) fn says_it_replaced(&self, node: NodeId) -> Option<NodeId> {
        let says_so = |member: &Member| member.status != Status::Joining && member.over.contains(&node);
        let mut members = self.iter();
        let found = members.find(|(_, known)| known.member.as_ref().is_some_and(says_so));
        found.map(|(other, _)| other)
    }

    /// Whether a node that has greeted this one is newer by its id than another, which never did and which nobody took in,
    /// as far as is known. The newer one may never have heard of it, so that nobody else can tell.
    fn is_newer_in_person(&self, node: NodeId, other: NodeId) -> bool {
        let (Some(known), Some(before)) = (self.get(node), self.get(other)) else {
            return false;
        };
        let is_a_stranger = before.greeted.is_none() && !before.was_admitted();
        // A suspect may be dead, and the other have come after it with its clock set back.
        let is_ready = known.liveness == Liveness::Alive && self.status_of(node) == Some(Status::Ready);
        node > other && known.greeted.is_some() && is_ready && is_a_stranger
    }

    /// What a node says of itself.
    pub(crate) fn status_of(&self, node: NodeId) -> Option<Status> {
        self.known.get(&node)?.member.as_ref().map(|member| member.status)
    }

    /// The highest (seniority, generation) of another node of the same name, if it outranks this identity.
    pub(crate) fn highest_of_name(&self, identity: &Identity) -> Option<(NodeId, u32)> {
        let others = self
            .boots_of(&identity.name)
            .filter(|other| *other != identity.id);
        others
            .filter_map(|other| Some(self.known.get(&other)?.identity.rank()))
            .max()
            .filter(|rank| *rank > identity.rank())
    }

    /// The state to show.
    pub(crate) fn state(&self, node: NodeId) -> MemberState {
        match self.known.get(&node) {
            Some(known) => self.state_of(node, known),
            None if self.is_removed(node) => self.end_of(node),
            None => MemberState::Down,
        }
    }

    /// [`state`](Roster::state) of one that is known.
    pub(crate) fn state_of(&self, node: NodeId, known: &Known) -> MemberState {
        let status = known.member.as_ref().map(|member| member.status);
        match (known.liveness, status) {
            (_, Some(Status::Left)) => MemberState::Left,
            _ if self.is_removed_as(node, known) => self.end_of(node),
            (Liveness::Down, _) => MemberState::Down,
            (Liveness::Suspect, _) => MemberState::Suspect,
            (Liveness::Heard, _) | (_, None | Some(Status::Joining)) => MemberState::Joining,
            (Liveness::Alive, Some(Status::Draining)) => MemberState::Draining,
            (Liveness::Alive, Some(Status::Ready)) => MemberState::Alive,
        }
    }

    /// The state to show of one that has ended. That it left stays true once another has written down its end (S2.4).
    fn end_of(&self, node: NodeId) -> MemberState {
        if self.removals.has_left(node) {
            MemberState::Left
        } else {
            MemberState::Removed
        }
    }
}

fn note(by_name: &mut BTreeMap<NodeName, BTreeSet<NodeId>>, identity: &Identity) {
    by_name
        .entry(identity.name.clone())
        .or_default()
        .insert(identity.id);
}

fn drop_from(by_name: &mut BTreeMap<NodeName, BTreeSet<NodeId>>, identity: &Identity) {
    if let Some(boots) = by_name.get_mut(&identity.name) {
        boots.remove(&identity.id);
        if boots.is_empty() {
            by_name.remove(&identity.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use ordu_crdt::Hlc;

    use super::*;
    use crate::membership::Removed;
    use crate::registers::Why;

    fn identity(id: u128, name: &str, generation: u32) -> Identity {
        Identity {
            id: NodeId(id),
            seniority: NodeId(id),
            generation,
            name: NodeName::new(name).unwrap(),
            addr: "127.0.0.1:1".parse().unwrap(),
        }
    }

    #[test]
    fn an_older_boot_of_a_name_is_superseded_while_a_newer_one_lives() {
        let mut roster = Roster::default();
        for id in [1, 2] {
            roster.hear(identity(id, "a", 0), Time(0));
            roster.set_liveness(NodeId(id), Liveness::Alive, Time(0));
        }
        roster.hear(identity(3, "b", 0), Time(0));
        assert_eq!(roster.superseded(), [NodeId(1)].into());
        roster.set_liveness(NodeId(2), Liveness::Down, Time(1));
        assert_eq!(
            roster.superseded(),
            [NodeId(2)].into(),
            "a clock may have been set back in between"
        );
    }

    #[test]
    fn a_node_that_is_down_has_ended_by_another_of_its_name_that_is_ready_and_by_no_older_one_that_left() {
        let mut roster = Roster::default();
        let config = crate::Config::plain();
        for id in [1, 2] {
            roster.hear(identity(id, "a", 0), Time(0));
            roster.set_liveness(NodeId(id), Liveness::Alive, Time(0));
        }
        let says = |roster: &mut Roster, id, status, over: &[NodeId]| {
            let mut member = Member::of(&config, status);
            member.over = over.to_vec();
            roster.set_member(NodeId(id), Some(member), Time(0));
        };
        says(&mut roster, 2, Status::Joining, &[]);
        roster.set_liveness(NodeId(1), Liveness::Down, Time(1));
        assert_eq!(
            roster.replaced_by(NodeId(1)),
            None,
            "nobody took the other in yet"
        );
        says(&mut roster, 2, Status::Ready, &[NodeId(1)]);
        assert_eq!(roster.replaced_by(NodeId(1)), Some(NodeId(2)));
        // It has, by that, also once nobody hears the other any more; unless each says so of the other.
        roster.set_liveness(NodeId(2), Liveness::Down, Time(1));
        assert_eq!(roster.replaced_by(NodeId(1)), Some(NodeId(2)));
        says(&mut roster, 1, Status::Ready, &[NodeId(2)]);
        assert_eq!(roster.replaced_by(NodeId(1)), None);
        says(&mut roster, 1, Status::Ready, &[]);
        roster.set_liveness(NodeId(2), Liveness::Alive, Time(1));
        // A clock may have been set back in between: the ids do not tell who left before whom.
        says(&mut roster, 2, Status::Left, &[]);
        roster.set_liveness(NodeId(2), Liveness::Down, Time(2));
        assert_eq!(roster.replaced_by(NodeId(1)), None);
        says(&mut roster, 1, Status::Left, &[]);
        says(&mut roster, 2, Status::Ready, &[]);
        assert_eq!(roster.replaced_by(NodeId(2)), None);
        says(&mut roster, 1, Status::Left, &[NodeId(2)]);
        assert_eq!(roster.replaced_by(NodeId(2)), Some(NodeId(1)));
        says(&mut roster, 1, Status::Left, &[]);
        roster.greeted(NodeId(2), ConnId(5));
        roster.greeted(NodeId(1), ConnId(4));
        assert_eq!(roster.replaced_by(NodeId(2)), None);
    }

    #[test]
    fn a_dead_boot_of_a_larger_id_that_is_taken_for_alive_has_not_replaced_the_one_that_is_missed() {
        let mut roster = Roster::default();
        let says = |roster: &mut Roster, id, over: &[NodeId]| {
            let mut member = Member::of(&crate::Config::plain(), Status::Ready);
            member.over = over.to_vec();
            roster.set_member(NodeId(id), Some(member), Time(0));
        };
        // The clock was set back between the boots, and who slept meanwhile tells of the first one.
        for id in [7, 3] {
            roster.hear(identity(id, "a", 0), Time(0));
            says(&mut roster, id, &[]);
        }
        roster.set_liveness(NodeId(7), Liveness::Alive, Time(0));
        roster.set_liveness(NodeId(3), Liveness::Down, Time(1));
        assert_eq!(roster.replaced_by(NodeId(3)), None);
        roster.greeted(NodeId(3), ConnId(1));
        assert_eq!(roster.replaced_by(NodeId(3)), None);
        roster.set_liveness(NodeId(3), Liveness::Alive, Time(2));
        roster.set_liveness(NodeId(7), Liveness::Down, Time(2));
        assert_eq!(roster.replaced_by(NodeId(7)), None, "it may be the later one");
        says(&mut roster, 3, &[NodeId(7)]);
        assert_eq!(roster.replaced_by(NodeId(7)), Some(NodeId(3)));
    }

    #[test]
    fn a_boot_of_a_larger_id_that_is_a_suspect_or_leaves_has_not_replaced_one_that_was_just_heard_of() {
        for (liveness, status, has_replaced) in [
            (Liveness::Alive, Status::Ready, true),
            (Liveness::Suspect, Status::Ready, false),
            (Liveness::Alive, Status::Draining, false),
        ] {
            let mut roster = Roster::default();
            for id in [3, 7] {
                roster.hear(identity(id, "a", 0), Time(0));
            }
            let member = Member::of(&crate::Config::plain(), status);
            roster.set_member(NodeId(7), Some(member), Time(0));
            roster.greeted(NodeId(7), ConnId(1));
            roster.set_liveness(NodeId(7), liveness, Time(1));
            roster.set_liveness(NodeId(3), Liveness::Down, Time(1));
            let expected = has_replaced.then_some(NodeId(7));
            assert_eq!(roster.replaced_by(NodeId(3)), expected, "{liveness:?} {status:?}");
        }
    }

    #[test]
    fn one_that_greeted_later_and_left_has_replaced_the_one_before() {
        let mut roster = Roster::default();
        for (id, status) in [(7, Status::Ready), (3, Status::Left)] {
            roster.hear(identity(id, "a", 0), Time(0));
            let member = Member::of(&crate::Config::plain(), status);
            roster.set_member(NodeId(id), Some(member), Time(0));
            roster.set_liveness(NodeId(id), Liveness::Down, Time(1));
        }
        roster.greeted(NodeId(7), ConnId(0));
        assert_eq!(roster.replaced_by(NodeId(7)), None);
        roster.greeted(NodeId(3), ConnId(1));
        assert_eq!(roster.replaced_by(NodeId(7)), Some(NodeId(3)));
        // Its end was written down before the death of the other was known.
        roster.set_member(NodeId(3), None, Time(2));
        assert_eq!(roster.replaced_by(NodeId(7)), None);
        let removal = Removed {
            at: Hlc::default(),
            by: NodeId(9),
            node: NodeId(3),
            why: Why::Left,
        };
        roster.removals.set(NodeId(3), vec![removal]);
        roster.removals.weigh(Time(2));
        assert_eq!(roster.replaced_by(NodeId(7)), Some(NodeId(3)));
    }

    #[test]
    fn who_left_is_shown_so_also_once_its_end_is_written_down() {
        let mut roster = Roster::default();
        for (id, why) in [(1, Why::Left), (2, Why::ByHand)] {
            roster.hear(identity(id, "a", 0), Time(0));
            let removal = Removed {
                at: Hlc::default(),
                by: NodeId(9),
                node: NodeId(id),
                why,
            };
            roster.removals.set(NodeId(id), vec![removal]);
        }
        roster.removals.weigh(Time(0));
        assert_eq!(roster.state(NodeId(1)), MemberState::Left);
        assert_eq!(roster.state(NodeId(2)), MemberState::Removed);
        roster.forget(NodeId(1));
        assert_eq!(roster.state(NodeId(1)), MemberState::Left);
    }

    #[test]
    fn who_takes_another_name_or_is_forgotten_supersedes_nobody_any_more() {
        let mut roster = Roster::default();
        for id in [1, 2, 3] {
            roster.hear(identity(id, "a", 0), Time(0));
        }
        roster.hear(identity(3, "b", 1), Time(0));
        assert_eq!(roster.superseded(), [NodeId(1)].into());
        assert_eq!(
            roster.boots_of(&NodeName::new("b").unwrap()).next(),
            Some(NodeId(3))
        );
        roster.forget(NodeId(2));
        assert!(roster.superseded().is_empty());
    }

    #[test]
    fn nobody_is_a_suspect_for_longer_because_this_node_stood_still() {
        let mut roster = Roster::default();
        let liveness = [
            Liveness::Suspect,
            Liveness::Heard,
            Liveness::Down,
            Liveness::Alive,
        ];
        for (id, liveness) in (0..).zip(liveness) {
            roster.hear(identity(id, "a", 0), Time(0));
            roster.set_liveness(NodeId(id), liveness, Time(5));
        }
        roster.postpone(Duration::from_micros(100), Time(90));
        let since = |id| roster.get(NodeId(id)).unwrap().since;
        assert_eq!([0, 1, 2, 3].map(since), [Time(90), Time(90), Time(5), Time(5)]);
    }
}
