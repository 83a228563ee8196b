//! What becomes of a world in which nothing goes wrong any more: messages arrive, guesses about who is dead are
//! right, whatever waits comes. What the user wants must be left, as in the simulator's second phase: exactly one copy of
//! the newest run, or none.

use super::action::{lives, may_take_over};
use super::calls::{everybody_holds_the_mark, is_claimed_in_vain, is_only_marked, was_stopped};
use super::{Action, Model, Packet, World};
use crate::claims::{Copy, Phase, Step};
use crate::registers::{Claim, ClaimState};

/// What is left when all is calm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Well,
    /// It goes on for ever.
    None,
    /// A rule was broken on the way.
    Broken,
    /// The child is to run, and not exactly one copy does.
    NotOne,
    /// The copy is of another run than the one that is wished.
    OtherRun,
    /// Stopped or deleted, something of it is still there.
    StillRuns,
    /// Stopped or deleted it does not run, and a register is left that says otherwise, or anything of a life that is
    /// over.
    SomethingLeft,
}

/// More rounds than any world needs.
const ROUNDS: usize = 40;

impl Model {
    /// How it ends.
    pub(super) fn ending(&self, world: &World) -> Ending {
        let mut world = world.clone();
        for node in 0..world.peers.len() {
            if !world.peers[node].up {
                world = self.happens(&world, &Action::Booted(node));
            }
        }
        for _ in 0..ROUNDS {
            let before = world.clone();
            world = self.round(world);
            if world.broken.is_some() {
                return Ending::Broken;
            }
            if world == before {
                return settled(&world);
            }
        }
        Ending::None
    }

    fn round(&self, mut world: World) -> World {
        while let Some(packet) = world.network.first().cloned() {
            world = self.happens(&world, &Action::Arrives(packet));
        }
        if let Some(all) = world.union() {
            for node in 0..world.peers.len() {
                if world.peers[node].seen != all || !world.peers[node].ready {
                    let to = world.peers[node].id();
                    let seen = all.clone();
                    world = self.happens(&world, &Action::Arrives(Packet::Delta { to, seen }));
                }
            }
        }
        for node in 0..world.peers.len() {
            let phase = world.peers[node].claims.copy().map(|copy| &copy.phase);
            let next = match phase {
                Some(Phase::Claiming) => Some(Action::Held(node)),
                Some(Phase::Starting) => Some(Action::CameUp(node)),
                Some(Phase::Restarting) => Some(Action::StartedAgain(node)),
                Some(Phase::Stopping(_)) => Some(Action::Stopped(node)),
                _ => None,
            };
            if let Some(action) = next {
                world = self.happens(&world, &action);
            } else if let Some(Step::Confirm(rank)) = world.peers[node].claims.next_step() {
                if lives(&world, rank.token) {
                    world = self.happens(&world, &Action::Waited(node));
                    world = self.happens(&world, &Action::Asks(node));
                } else if was_stopped(&world.peers[node].claims) {
                    world = self.happens(&world, &Action::GivesWay(node));
                }
            }
        }
        self.over(self.ownerless(world))
    }

    /// Of a life that is over the claim goes, if its owner is gone, then the mark (S2.1, S2.3).
    fn over(&self, world: World) -> World {
        let gone = |claim: &Claim| !lives(&world, claim.token);
        let mut nodes = 0..world.peers.len();
        let in_vain = |node: &usize| {
            let claims = &world.peers[*node].claims;
            is_claimed_in_vain(claims) && claims.winner().is_some_and(gone)
        };
        if let Some(node) = nodes.clone().find(in_vain) {
            return self.happens(&world, &Action::RemovesClaim(node));
        }
        let may_forget = |node: &usize| {
            let peer = &world.peers[*node];
            is_only_marked(&peer.claims) && everybody_holds_the_mark(&world, peer)
        };
        match nodes.find(may_forget) {
            Some(node) => self.happens(&world, &Action::Forgets(node)),
            None => world,
        }
    }

    /// A child whose owner is gone is given to a node that runs a copy, else to the first (S4.4, S7.1).
    fn ownerless(&self, world: World) -> World {
        let owner = |peer: &super::Peer| peer.claims.winner().map(|claim| claim.token);
        let ownerless = |peer: &super::Peer| {
            may_take_over(peer) && owner(peer).is_some_and(|token| !lives(&world, token))
        };
        let mut able = (0..world.peers.len()).filter(|node| ownerless(&world.peers[*node]));
        let with_copy = able
            .clone()
            .find(|node| world.peers[*node].claims.copy().is_some());
        match with_copy.or_else(|| able.next()) {
            Some(node) => self.happens(&world, &Action::TakesOver(node)),
            None => world,
        }
    }
}

/// Nothing is left to do: what is there is what the user wants.
fn settled(world: &World) -> Ending {
    let processes = || world.peers.iter().filter_map(|peer| peer.process);
    let copies = || world.peers.iter().filter_map(|peer| peer.claims.copy());
    let owners = || world.peers.iter().filter_map(|peer| peer.claims.own());
    let Some(intent) = world.peers.iter().find_map(|peer| peer.claims.intent()) else {
        let is_empty = world.peers.iter().all(|peer| peer.claims.siblings().is_empty());
        return match (processes().count() + copies().count(), is_empty) {
            (0, true) => Ending::Well,
            (0, false) => Ending::SomethingLeft,
            _ => Ending::StillRuns,
        };
    };
    if !intent.is_live() {
        return match processes().count() + copies().count() {
            0 => Ending::SomethingLeft,
            _ => Ending::StillRuns,
        };
    }
    if !intent.wants_running() {
        let is_said = owners().all(|claim| claim.state == ClaimState::Stopped);
        return match processes().count() + copies().count() {
            0 if is_said => Ending::Well,
            0 => Ending::SomethingLeft,
            _ => Ending::StillRuns,
        };
    }
    let running = world.peers.iter().filter(|peer| peer.running().is_some());
    if (running.count(), processes().count(), owners().count()) != (1, 1, 1) {
        return Ending::NotOne;
    }
    let is_of_it = |copy: &Copy| (copy.birth, copy.run) == (intent.birth, intent.run);
    if copies().all(is_of_it) {
        Ending::Well
    } else {
        Ending::OtherRun
    }
}
