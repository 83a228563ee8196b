use alloc::vec;
use alloc::vec::Vec;

use stateright::Property;

use super::{Action, Broken, Ending, Model, World};
use crate::claims::{Copy, Phase, StopWhy};

/// The names of the properties.
pub(super) const TOKENS_ONCE: &str = "S3.1: no token twice";
pub(super) const TOKENS_RISE: &str = "S3.1: each start's token is above all its starter knew";
pub(super) const ONE_A_NODE: &str = "one copy on one node";
pub(super) const CONFIRMED: &str = "S7.1: only a confirmed conflict stops a copy";
pub(super) const SPARES_LAST: &str = "S7.2: a conflict never stops the last copy";
pub(super) const ONE_WINNER: &str = "S2.2: nodes that hold the same name one owner";
pub(super) const DELETED_FOR_GOOD: &str = "S2.1: who has seen a life deleted starts no copy of it";
pub(super) const ENDS_WELL: &str = "in calm weather exactly what is wanted is left";

fn kept(world: &World, rule: Broken) -> bool {
    world.broken != Some(rule)
}

impl stateright::Model for Model {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![self.first()]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        self.may_happen(world, actions);
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let next = self.happens(world, &action);
        (next != *world).then_some(next)
    }

    fn within_boundary(&self, world: &World) -> bool {
        let bounds = &self.bounds;
        let highest = world.peers.iter().map(|peer| peer.claims.highest_epoch()).max();
        highest.unwrap_or(0) <= bounds.epochs
            && world.map.len() <= bounds.writes
            && world.network.len() <= bounds.messages
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always(TOKENS_ONCE, |_, world: &World| kept(world, Broken::TokenTwice)),
            Property::always(TOKENS_RISE, |_, world: &World| kept(world, Broken::TokenNotAbove)),
            Property::always(ONE_A_NODE, |_, world: &World| kept(world, Broken::TwoOnOneNode)),
            Property::always(CONFIRMED, |_, world: &World| {
                kept(world, Broken::StoppedUnconfirmed)
            }),
            Property::always(SPARES_LAST, |_, world: &World| {
                kept(world, Broken::StoppedTheLast)
            }),
            Property::always(DELETED_FOR_GOOD, |_, world: &World| {
                kept(world, Broken::StartedDeleted)
            }),
            Property::always(ONE_WINNER, |_, world| one_winner(world)),
            Property::sometimes("two copies run", |_, world| running(world) > 1),
            Property::sometimes("a copy gives way", |_, world| gives_way(world)),
            Property::always(ENDS_WELL, |model: &Self, world: &World| {
                model.ending(world) == Ending::Well
            }),
        ];
        if self.bounds.calls > 1 && self.bounds.writes > 5 {
            let is_forgotten = |_: &Self, world: &World| world.map.is_anything_forgotten();
            properties.push(Property::sometimes("a life is forgotten", is_forgotten));
        }
        properties
    }
}

fn running(world: &World) -> usize {
    world.peers.iter().filter(|peer| peer.running().is_some()).count()
}

fn gives_way(world: &World) -> bool {
    let conflict = |copy: &Copy| copy.phase == Phase::Stopping(StopWhy::Conflict);
    let mut peers = world.peers.iter();
    peers.any(|peer| peer.claims.copy().is_some_and(conflict))
}

fn one_winner(world: &World) -> bool {
    let pairs = world.peers.iter().enumerate().flat_map(|(index, one)| {
        let others = world.peers[index + 1..].iter();
        others.map(move |other| (one, other))
    });
    pairs
        .filter(|(one, other)| one.up && other.up && one.seen == other.seen)
        .all(|(one, other)| {
            one.claims.winner() == other.claims.winner()
                && !(one.claims.own().is_some() && other.claims.own().is_some())
        })
}
