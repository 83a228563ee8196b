//! What users want, by whichever node decides about it, and what becomes of a life that is over (S2.1, S5.3).

use alloc::vec::Vec;

use ordu_crdt::{Hlc, ReplicaId, Stamp};

use super::map::{Change, Vector, Wish};
use super::{Mistake, Model, Peer, World};
use crate::claims::Claims;
use crate::registers::{Claim, ClaimState, Deleted, Desired, Intent};

/// What a user asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Stop,
    Restart,
    Delete,
    /// Of its policy alone.
    Update,
}

impl Call {
    pub(super) const ALL: [Self; 4] = [Self::Stop, Self::Restart, Self::Delete, Self::Update];
}

impl Model {
    /// Whether a decider that knows this much would write it.
    pub(super) fn may_be_asked(&self, world: &World, node: usize, call: Call) -> bool {
        let peer = &world.peers[node];
        let Some(intent) = peer.claims.intent().filter(|intent| intent.is_live()) else {
            return false;
        };
        match (call, intent.desired) {
            (Call::Stop, Desired::Running) | (Call::Restart, Desired::Stopped(_)) => true,
            (Call::Delete, Desired::Stopped(_)) => !copy_may_run(world, peer, intent),
            (Call::Update, _) => self.bounds.updates,
            _ => false,
        }
    }

    /// As `Node::begin` does it: the decider writes what is wanted, whoever runs the child.
    pub(super) fn called(&self, world: &mut World, node: usize, call: Call) {
        world.calls += 1;
        let peer = &world.peers[node];
        let Some(wish) = known_wish(world, peer) else {
            return;
        };
        let now = Stamp {
            hlc: Hlc::new(clock(world, peer), 0),
            origin: ReplicaId(peer.id().0),
        };
        let wish = match call {
            Call::Stop => Wish {
                desired: Desired::Stopped(now),
                ..wish
            },
            Call::Restart => Wish {
                desired: Desired::Running,
                run: now,
                ..wish
            },
            Call::Delete => Wish {
                deleted: Deleted::ByUser,
                ..wish
            },
            Call::Update => wish,
        };
        self.put(world, node, Change::Untouched, Change::To(wish));
        self.reconcile(world, node);
    }

    /// As `Node::remove_claim` does it: the intent is written again with it.
    pub(super) fn removes_claim(&self, world: &mut World, node: usize) {
        let wish = known_wish(world, &world.peers[node]);
        self.put(
            world,
            node,
            Change::Removed,
            wish.map_or(Change::Untouched, Change::To),
        );
    }

    /// As `bury_children` does it: everybody holds the mark.
    pub(super) fn forgets(&self, world: &mut World, node: usize) {
        self.put(world, node, Change::Untouched, Change::Removed);
        self.reconcile(world, node);
    }

    /// As `judge_arrived` and `give_way` do it, with what was held before this came.
    pub(super) fn judges(&self, world: &mut World, node: usize, before: &Vector) {
        let seen = &world.peers[node].seen;
        let boot = world.peers[node].boot;
        let held: Vec<Stamp> = births(world, before);
        let known = world.peers[node].claims.intent();
        let marked = known.filter(|mark| !mark.is_live()).map(|mark| mark.birth);
        let siblings = world.map.wishes(seen);
        let last = siblings.iter().map(|(_, wish, _)| wish.birth).max();
        let of_last = siblings.iter().filter(|(_, wish, _)| Some(wish.birth) == last);
        let is_over = of_last.clone().all(|(dot, wish, _)| {
            let is_news = dot.boot != boot && !dot.is_in(before);
            let was_born = *dot != wish.born && wish.born.is_in(before);
            let is_live = wish.deleted == Deleted::No;
            let is_of_it = marked == Some(wish.birth);
            is_live && (is_of_it || is_news && was_born && !held.contains(&wish.birth))
        });
        if let Some((_, wish, _)) = of_last.max_by_key(|(_, wish, _)| wish.run)
            && is_over
            && self.mistake != Some(Mistake::BelieveReturned)
        {
            let mark = Wish {
                deleted: Deleted::ByUser,
                ..**wish
            };
            self.put(world, node, Change::Untouched, Change::To(mark));
        }
        let peer = &world.peers[node];
        let Some(mark) = known_wish(world, peer).filter(|wish| wish.deleted != Deleted::No) else {
            return;
        };
        let siblings = world.map.wishes(&peer.seen);
        let gives_way = siblings.iter().any(|(dot, wish, _)| {
            dot.boot == boot && wish.deleted == Deleted::No && wish.birth == mark.birth
        });
        if gives_way {
            self.put(world, node, Change::Untouched, Change::To(mark));
        }
    }
}

/// The lives of which intents are held.
fn births(world: &World, seen: &Vector) -> Vec<Stamp> {
    let siblings = world.map.wishes(seen).into_iter();
    siblings.map(|(_, wish, _)| wish.birth).collect()
}

/// The millisecond of the next stamp. The clock of the first node is ahead, so that a stamp says nothing about a rank.
pub(super) fn clock(world: &World, peer: &Peer) -> u64 {
    let ahead = if peer.boot == 0 { 10 } else { 0 };
    world.map.next_millis(&peer.seen).max(ahead)
}

/// The winner among the intents that a node holds.
fn known_wish(world: &World, peer: &Peer) -> Option<Wish> {
    let siblings = world.map.wishes(&peer.seen);
    let intents = siblings.iter().map(|(_, wish, stamp)| (wish.intent(), *stamp));
    let winner = Intent::winner(intents)?;
    let (_, of_it, _) = siblings.iter().find(|(_, wish, _)| wish.birth == winner.birth)?;
    Some(Wish {
        run: winner.run,
        desired: winner.desired,
        deleted: winner.deleted,
        ..**of_it
    })
}

/// As the decider's `copy_may_run` says; what is surely gone is gone.
fn copy_may_run(world: &World, peer: &Peer, intent: &Intent) -> bool {
    let claim = peer.claims.winner().filter(|claim| claim.birth == intent.birth);
    claim.is_some_and(|claim| {
        let has_ended = claim.state == ClaimState::Stopped && claim.run >= intent.run;
        let has_ended = has_ended && peer.claims.copy().is_none();
        !has_ended && world.place_of(claim.owner()).is_some()
    })
}

/// Whether what is claimed is of a life that is over, by `Node::duty`.
pub(super) fn is_claimed_in_vain(claims: &Claims) -> bool {
    let is_over = match claims.intent() {
        Some(intent) => !intent.is_live(),
        None => claims.is_over(),
    };
    is_over && claims.winner().is_some()
}

/// Whether nothing of a life that is over is left but the mark.
pub(super) fn is_only_marked(claims: &Claims) -> bool {
    let is_over = claims.intent().is_some_and(|intent| !intent.is_live());
    is_over && claims.siblings().is_empty() && claims.copy().is_none()
}

/// Whether every member has all that this node holds of what is wanted.
pub(super) fn everybody_holds_the_mark(world: &World, peer: &Peer) -> bool {
    let siblings = world.map.wishes(&peer.seen);
    let mut members = world.peers.iter().filter(|peer| peer.up && peer.ready);
    members.all(|member| siblings.iter().all(|(dot, ..)| dot.is_in(&member.seen)))
}

/// Whether the winner that outranks the copy here said that it has stopped: that is an answer, once it is gone (S7.1).
pub(super) fn was_stopped(claims: &Claims) -> bool {
    let rank = claims.outranked_by();
    let is_word = |claim: &&Claim| claim.state == ClaimState::Stopped && Some(claim.rank()) == rank;
    claims.winner().as_ref().is_some_and(is_word)
}
