//! What becomes of a world in which nothing goes wrong any more: messages arrive, guesses about who is dead are
//! right, whatever waits comes. Exactly one copy must be left, as in the simulator's second phase.

use super::action::{lives, may_take_over};
use super::{Action, Model, Packet, World};
use crate::claims::{Phase, Step};

/// More rounds than any world needs.
const ROUNDS: usize = 40;

impl Model {
    /// Whether it ends well.
    pub(super) fn ends_well(&self, world: &World) -> bool {
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
                return false;
            }
            if world == before {
                return settled(&world);
            }
        }
        false
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
            } else if let Some(Step::Confirm(rank)) = world.peers[node].claims.next_step()
                && lives(&world, rank.token)
            {
                world = self.happens(&world, &Action::Waited(node));
                world = self.happens(&world, &Action::Asks(node));
            }
        }
        self.ownerless(world)
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

/// Nothing is left to do: one copy of a child that anybody knows of, none of one that nobody does.
fn settled(world: &World) -> bool {
    let running = world.peers.iter().filter(|peer| peer.running().is_some()).count();
    let owners = world
        .peers
        .iter()
        .filter(|peer| peer.claims.own().is_some())
        .count();
    let known = world.peers.iter().any(|peer| peer.claims.intent().is_some());
    (running, owners) == (usize::from(known), usize::from(known))
}
