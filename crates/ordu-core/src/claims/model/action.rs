//! What may happen next.

use alloc::vec::Vec;

use super::calls::{everybody_holds_the_mark, is_claimed_in_vain, is_only_marked, was_stopped};
use super::map;
use super::peer::boot;
use super::world::Said;
use super::{Bounds, Call, Mistake, Model, Packet, Patience, Peer, World};
use crate::Token;
use crate::claims::{Phase, Step};
use crate::registers::Intent;

/// One thing that happens.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Action {
    /// Somebody who knows of no such child starts it on this node.
    Birth(usize),
    /// A start returns.
    CameUp(usize),
    /// A copy ends by itself, and is to be started again in place.
    Exited(usize),
    /// The pause before that is over.
    StartedAgain(usize),
    /// A copy that was told to stop has.
    Stopped(usize),
    /// The node takes the owner for dead, rightly or not, and claims the child.
    TakesOver(usize),
    /// The claim of a take-over has its holders.
    Held(usize),
    /// The loser of a conflict asks the winner.
    Asks(usize),
    /// `conflict_wait` is over.
    Waited(usize),
    /// The loser of a conflict takes the winner for dead, and that had said that it stopped.
    GivesWay(usize),
    /// A user asks for this, and the node decides.
    Called(usize, Call),
    /// The node takes the owner of a claim of a life that is over for dead, and removes the claim.
    RemovesClaim(usize),
    /// The node removes the mark that a life is over.
    Forgets(usize),
    /// What the first node holds is on its way to the second.
    Sends(usize, usize),
    /// A message arrives.
    Arrives(Packet),
    /// A message arrives and will arrive again.
    ArrivesTwice(Packet),
    /// A node is killed, with all it runs.
    Killed(usize),
    /// A node boots in its place.
    Booted(usize),
}

impl Bounds {
    /// Boots there can be.
    pub(super) fn boots(&self) -> usize {
        self.nodes * (1 + usize::from(self.crashes))
    }
}

impl Model {
    pub(super) fn first(&self) -> World {
        let boots = self.bounds.boots();
        World {
            peers: (0..self.bounds.nodes)
                .map(|node| Peer::new(node, boots))
                .collect(),
            map: map::Map::default(),
            network: alloc::collections::BTreeSet::new(),
            births: 0,
            crashes: 0,
            exits: 0,
            calls: 0,
            tokens: alloc::collections::BTreeSet::new(),
            broken: None,
        }
    }

    pub(super) fn may_happen(&self, world: &World, actions: &mut Vec<Action>) {
        if world.broken.is_some() {
            return;
        }
        let bounds = &self.bounds;
        let room = world.network.len() < bounds.messages;
        for (node, peer) in world.peers.iter().enumerate() {
            if !peer.up {
                actions.push(Action::Booted(node));
                continue;
            }
            if world.crashes < bounds.crashes {
                actions.push(Action::Killed(node));
            }
            self.own_doings(world, node, actions);
            let others = world
                .peers
                .iter()
                .enumerate()
                .filter(|(other, there)| room && *other != node && there.up);
            for (other, there) in others {
                let delta = Packet::Delta {
                    to: there.id(),
                    seen: peer.seen.clone(),
                };
                if !map::covers(&there.seen, &peer.seen) && !world.network.contains(&delta) {
                    actions.push(Action::Sends(node, other));
                }
            }
        }
        for packet in &world.network {
            actions.push(Action::Arrives(packet.clone()));
            // What it holds already changes nothing.
            if !matches!(packet, Packet::Delta { .. }) {
                actions.push(Action::ArrivesTwice(packet.clone()));
            }
        }
    }

    fn own_doings(&self, world: &World, node: usize, actions: &mut Vec<Action>) {
        let bounds = &self.bounds;
        let peer = &world.peers[node];
        if world.births < bounds.births && peer.ready && can_be_born(peer) {
            actions.push(Action::Birth(node));
        }
        match peer.claims.copy().map(|copy| &copy.phase) {
            Some(Phase::Starting) => actions.push(Action::CameUp(node)),
            Some(Phase::Running { .. }) if world.exits < bounds.exits => actions.push(Action::Exited(node)),
            Some(Phase::Restarting) => actions.push(Action::StartedAgain(node)),
            Some(Phase::Stopping(_)) => actions.push(Action::Stopped(node)),
            Some(Phase::Claiming) => actions.push(Action::Held(node)),
            _ => {}
        }
        if peer.ready && may_take_over(peer) {
            actions.push(Action::TakesOver(node));
        }
        if let Some(Step::Confirm(rank)) = peer.claims.next_step() {
            let question = Packet::Confirm {
                from: peer.id(),
                rank,
            };
            let answerable = world.place_of(rank.token.owner).is_some();
            if answerable && world.network.len() < bounds.messages && !world.network.contains(&question) {
                actions.push(Action::Asks(node));
            }
        }
        if was_stopped(&peer.claims) && matches!(peer.claims.next_step(), Some(Step::Confirm(_))) {
            actions.push(Action::GivesWay(node));
        }
        if peer.ready {
            self.own_decisions(world, node, actions);
        }
        if peer
            .conflict
            .is_some_and(|conflict| conflict.patience == Patience::Waiting)
        {
            actions.push(Action::Waited(node));
        }
    }

    /// What the node may write as the decider.
    fn own_decisions(&self, world: &World, node: usize, actions: &mut Vec<Action>) {
        let peer = &world.peers[node];
        if world.calls < self.bounds.calls {
            let open = Call::ALL.into_iter();
            let open = open.filter(|call| self.may_be_asked(world, node, *call));
            actions.extend(open.map(|call| Action::Called(node, call)));
        }
        let is_anothers = |claim: &crate::registers::Claim| claim.owner() != peer.id();
        if is_claimed_in_vain(&peer.claims) && peer.claims.winner().is_some_and(is_anothers) {
            actions.push(Action::RemovesClaim(node));
        }
        let is_held = self.bounds.written_off || everybody_holds_the_mark(world, peer);
        if is_only_marked(&peer.claims) && is_held {
            actions.push(Action::Forgets(node));
        }
    }

    pub(super) fn happens(&self, before: &World, action: &Action) -> World {
        let mut world = before.clone();
        match action {
            Action::Birth(node) => Self::birth(&mut world, *node),
            Action::CameUp(node) => self.came_up(&mut world, *node),
            Action::Exited(node) => self.exited(&mut world, *node),
            Action::StartedAgain(node) => self.started_again(&mut world, *node),
            Action::Stopped(node) => self.stopped(&mut world, *node),
            Action::TakesOver(node) => self.takes_over(&mut world, *node),
            Action::Held(node) => self.held(&mut world, *node),
            Action::Asks(node) => Self::asks(&mut world, *node),
            Action::Waited(node) => Self::waited(&mut world, *node),
            Action::GivesWay(node) => self.gives_way(&mut world, *node),
            Action::Called(node, call) => self.called(&mut world, *node, *call),
            Action::RemovesClaim(node) => {
                self.removes_claim(&mut world, *node);
                self.reconcile(&mut world, *node);
            }
            Action::Forgets(node) => self.forgets(&mut world, *node),
            Action::Sends(node, to) => {
                let (to, seen) = (world.peers[*to].id(), world.peers[*node].seen.clone());
                world.network.insert(Packet::Delta { to, seen });
            }
            Action::Arrives(packet) => {
                world.network.remove(packet);
                self.arrives(&mut world, packet);
            }
            Action::ArrivesTwice(packet) => self.arrives(&mut world, packet),
            Action::Killed(node) => self.killed(&mut world, *node),
            Action::Booted(node) => self.booted(&mut world, *node),
        }
        world
    }

    fn arrives(&self, world: &mut World, packet: &Packet) {
        let Some(node) = world.place_of(packet.to()) else {
            return;
        };
        match packet {
            Packet::Delta { seen, .. } => {
                let before = world.peers[node].seen.clone();
                map::join(&mut world.peers[node].seen, seen);
                world.peers[node].ready = true;
                self.judges(world, node, &before);
                self.learns(world, node);
                self.reconcile(world, node);
            }
            Packet::Confirm { from, rank } => {
                let peer = &world.peers[node];
                let said = match self.mistake {
                    Some(Mistake::AnswerFromMap) => peer.claims.own().map(|_| Said::Running),
                    _ => Said::of(peer.claims.verdict(*rank)),
                };
                let true_then = match said {
                    Some(Said::Over) => peer.process.is_none(),
                    _ => peer.running().is_some(),
                };
                if let (Some(said), Some(_)) = (said, world.place_of(*from)) {
                    let (to, rank) = (*from, *rank);
                    world.network.insert(Packet::Verdict {
                        to,
                        rank,
                        said,
                        true_then,
                    });
                }
            }
            Packet::Verdict {
                rank,
                said,
                true_then,
                ..
            } => self.told(world, node, *rank, *said, *true_then),
        }
    }
}

/// A decider that knows of no child under this id, or that it is deleted. It takes whoever may still run that for dead.
fn can_be_born(peer: &Peer) -> bool {
    let is_known = peer.claims.intent().is_some_and(Intent::is_live);
    !is_known && peer.claims.copy().is_none()
}

/// As `Node::may_take_over` and `duty` say.
pub(super) fn may_take_over(peer: &Peer) -> bool {
    let Some(intent) = peer.claims.intent().filter(|intent| intent.wants_running()) else {
        return false;
    };
    let winner = peer.claims.winner();
    let anothers = winner.is_some_and(|claim| claim.birth == intent.birth && claim.owner() != peer.id());
    let free = peer.claims.copy().is_none_or(|copy| {
        let is_outranked = || peer.claims.outranked_by().is_some();
        match copy.phase {
            Phase::Zombie => true,
            Phase::Claiming | Phase::Stopping(_) => false,
            Phase::Starting | Phase::Running { .. } | Phase::Restarting => is_outranked(),
        }
    });
    anothers && free
}

/// Whether the node of this token runs.
pub(super) fn lives(world: &World, token: Token) -> bool {
    world
        .peers
        .iter()
        .any(|peer| peer.up && peer.boot == boot(token.owner))
}
