use alloc::vec::Vec;

use ordu_supervisor::decisions::Restart;

use crate::claims::Claims;
use crate::node::Node;
use crate::planted::Bug;
use crate::registers::{ChildKey, Claim, ClaimState, Intent, Key, Value};

impl Node {
    /// Of what was written of a child on several sides at once, what counts is written over the rest once every member has all
    /// of it: the wish by the decider, the claim by its owner (S2.1, S2.2). Else each side's words would be kept for as
    /// long as the child is there, and the boots that wrote them with them. Where a copy runs its owner does not wait
    /// (`tidy`): the claim that it writes over the others is one that it was started above.
    pub(crate) fn settle_siblings(&mut self) {
        if self.planted.is(Bug::SiblingsLeft) {
            return;
        }
        for key in self.children.contested.iter().cloned().collect::<Vec<_>>() {
            let (intent, claim) = (Key::Intent(key.clone()), Key::Claim(key.clone()));
            let count = |key: &Key| self.replica.map().siblings(key).count();
            let (several_intents, several_claims) = (count(&intent) > 1, count(&claim) > 1);
            if !several_intents && !several_claims {
                self.children.contested.remove(&key);
            } else if let Some((wish, winner)) = self.what_counts(&key, several_claims)
                && self.everybody_holds(&intent)
                && (winner.is_none() || self.everybody_holds(&claim))
            {
                // The wish is stamped above all epochs of the claims that go (S3.1).
                let winner = winner.map(|winner| (claim, Some(winner)));
                self.write([(intent, Some(wish))].into_iter().chain(winner));
            }
        }
    }

    /// What is wished, with the claim that counts if there are several, where this node is to write that.
    fn what_counts(&self, key: &ChildKey, several_claims: bool) -> Option<(Value, Option<Value>)> {
        let claims = &self.children.get(key)?.claims;
        let intent = claims.intent().filter(|intent| intent.is_live())?;
        let winner = claims.winner().filter(|claim| claim.birth == intent.birth)?;
        let decides = self.settled.view()?.decider(key) == Some(self.id);
        // That of one that has ended nobody takes over where the child has failed or is to stay stopped.
        let owner = winner.owner();
        let is_forgotten = owner != self.id && !self.roster.knows(owner);
        let is_left_to_it = decides && (is_forgotten || self.roster.is_over(owner));
        let is_mine = if several_claims {
            winner.owner() == self.id || is_left_to_it
        } else {
            decides
        };
        let is_at_rest = claims.next_step().is_none() && !self.decisions.contains_key(key);
        // That the wished run has failed is told by one that goes (S2.5).
        let winner = if claims.has_failed_elsewhere() {
            &Claim {
                run: intent.run,
                state: ClaimState::Failed,
                ..winner.clone()
            }
        } else {
            winner
        };
        (is_mine && is_at_rest && !is_to_start_above(claims, intent, winner)).then(|| {
            (
                Value::encode(intent),
                several_claims.then(|| Value::encode(winner)),
            )
        })
    }
}

/// Whether the owner is still to start its copy again above a life before, which it knows by what would go (S3.4).
fn is_to_start_above(claims: &Claims, intent: &Intent, winner: &Claim) -> bool {
    let runs_on = intent.wants_running() && winner.state != ClaimState::Failed;
    let starts_again = runs_on && intent.spec.restart != Restart::Temporary;
    let epoch = winner.token.epoch;
    let is_above = |claim: &Claim| claim.token.epoch > epoch;
    starts_again && (claims.may_be_below_an_older_life(epoch) || claims.siblings().iter().any(is_above))
}

#[cfg(test)]
mod tests;
