//! Lives of which one half is known alone (S2.3).
//!
//! The intent of a life and its first claim are written as one, and a claim goes only together with its life. So where one
//! of the two is not there it is on its way, unless all who had it have died.

#[cfg(test)]
mod tests;

use alloc::vec::Vec;

use super::Claims;
use crate::node::Node;
use crate::registers::{ChildKey, Claim, Key, Value};
use crate::{MemberState, NodeId};

impl Claims {
    /// The winning claim, if it is of a later life than any that is wanted as far as is known.
    pub(super) fn of_an_unknown_life(&self) -> Option<&Claim> {
        let is_unknown = |claim: &&Claim| self.intent().is_none_or(|intent| claim.birth > intent.birth);
        self.winner().filter(is_unknown)
    }

    /// Whether of the life that counts only a claim is known, or only what is wanted of it.
    fn is_half(&self) -> bool {
        match self.intent() {
            None => self.winner().is_some() && !self.is_over(),
            Some(intent) => intent.is_live() && self.winner().is_none_or(|claim| claim.birth != intent.birth),
        }
    }
}

impl Node {
    /// Takes note of whether one half of what is to be known of a child is missing, and of the round of anti-entropy after
    /// which nobody in sight has it.
    pub(crate) fn note_half(&mut self, child: &ChildKey) {
        let is_half = self
            .children
            .get(child)
            .is_some_and(|known| known.claims.is_half());
        if is_half {
            let round = self.replica.rounds() + 1;
            self.children.halves.entry(child.clone()).or_insert(round);
        } else {
            self.children.halves.remove(child);
        }
    }

    /// Whether one half of what is to be known of a child is missing, and nobody in sight has it.
    pub(crate) fn nobody_has_the_other_half(&self, child: &ChildKey) -> bool {
        let Some(round) = self.children.halves.get(child) else {
            return false;
        };
        let has_told = |peer: &NodeId| self.replica.completed_round(peer.replica()) >= *round;
        self.settled.view().is_some() && self.replicating.iter().all(has_told)
    }

    /// Whether one half of what is to be known of a child is missing, and may be on its way: nothing is decided about it.
    pub(crate) fn waits_for_the_other_half(&self, child: &ChildKey) -> bool {
        self.children.halves.contains_key(child) && !self.nobody_has_the_other_half(child)
    }

    /// Whether every member that has not ended is in sight: only then has nobody at all what nobody in sight has.
    pub(crate) fn all_are_in_sight(&self) -> bool {
        self.roster.iter().all(|(node, known)| {
            let has_ended = matches!(
                self.roster.state_of(node, known),
                MemberState::Left | MemberState::Removed
            ) || self.is_past(node, known);
            has_ended || self.replicating.contains(&node)
        })
    }

    /// Removes claims of lives that nobody knows any more: all who had the intent have ended and told nobody. What has an
    /// intent and no claim, and calls that waited, are looked at by the one that decides.
    pub(crate) fn look_after_halves(&mut self) {
        let halves = self.children.halves.keys();
        let halves = halves.filter(|child| self.nobody_has_the_other_half(child));
        let halves: Vec<_> = halves.cloned().collect();
        let lost = halves.iter().filter_map(|child| self.over_lost_lives(child));
        let lost: Vec<_> = lost.collect();
        for child in &halves {
            self.children.touch(child);
        }
        self.write(lost);
    }

    /// What is to be written of a child whose winning claim is of a life that nobody knows any more: what this node claims of
    /// the one before, which is its owner's business; or, where none of the owners lives, nothing, which is the decider's.
    fn over_lost_lives(&self, child: &ChildKey) -> Option<(Key, Option<Value>)> {
        let claims = &self.children.get(child)?.claims;
        let lost = claims.of_an_unknown_life()?;
        let lives = |claim: &Claim| self.is_living(claim.owner());
        let is_of_it = |claim: &&Claim| claim.birth == lost.birth;
        let is_lost = claims.is_over() || self.all_are_in_sight();
        if !is_lost || claims.siblings().iter().filter(is_of_it).any(lives) {
            return None;
        }
        let wanted = claims.intent().map(|intent| intent.birth);
        let mut left = claims
            .siblings()
            .iter()
            .filter(|claim| Some(claim.birth) == wanted);
        let view = self.settled.view();
        let is_decider = view.and_then(|view| view.decider(child)) == Some(self.id);
        let entry = Key::Claim(child.clone());
        match left.next() {
            Some(claim) if claim.owner() == self.id => Some((entry, Some(Value::encode(claim)))),
            _ if !claims.siblings().iter().any(lives) && is_decider => Some((entry, None)),
            _ => None,
        }
    }
}
