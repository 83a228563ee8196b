//! Lives of which one half is known alone (S2.3).
//!
//! The intent of a life and its first claim are written as one, and a claim goes only together with its life. So where one
//! of the two is not there it is on its way, unless all who had it have died.

#[cfg(test)]
mod tests;

use alloc::vec::Vec;

use super::Claims;
use crate::node::Node;
use crate::registers::{ChildKey, Claim, Key};
use crate::{MemberState, NodeId};

impl Claims {
    /// Whether of the life that counts only a claim is known, or only what is wanted of it.
    fn is_half(&self) -> bool {
        let winner = self.winner();
        match self.intent() {
            None => winner.is_some() && !self.is_over(),
            Some(intent) => intent.is_live() && winner.is_none_or(|claim| claim.birth < intent.birth),
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
    /// intent and no claim is looked at by the one that decides of it.
    pub(crate) fn look_after_halves(&mut self) {
        let Some(view) = self.settled.view() else { return };
        let is_mine = |child: &ChildKey| view.decider(child) == Some(self.id);
        let halves = self.children.halves.keys();
        let halves = halves.filter(|child| is_mine(child) && self.nobody_has_the_other_half(child));
        let (unclaimed, claimed): (Vec<_>, Vec<_>) = halves.cloned().partition(|child| {
            let known = self.children.get(child);
            known.is_some_and(|known| known.claims.intent().is_some())
        });
        for child in unclaimed {
            self.children.touch(&child);
        }
        if claimed.is_empty() || !self.all_are_in_sight() {
            return;
        }
        let has_an_owner = |child: &ChildKey| {
            let known = self.children.get(child).into_iter();
            let mut owners = known.flat_map(|known| known.claims.siblings()).map(Claim::owner);
            owners.any(|owner| self.is_living(owner))
        };
        let lost = claimed.into_iter().filter(|child| !has_an_owner(child));
        let lost: Vec<_> = lost.map(|child| (Key::Claim(child), None)).collect();
        self.write(lost);
    }
}
