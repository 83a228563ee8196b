#[cfg(test)]
mod tests;

use alloc::vec::Vec;

use ordu_crdt::{Arrived, Dot};

use super::Claims;
use crate::node::Node;
use crate::planted::Bug;
use crate::registers::{ChildKey, Deleted, Intent, Key, Value};

/// A life that was here and is gone is over (S2.1): its deletion was seen, and the mark of that collected since.
impl Node {
    /// Judges intents that came of a life whose birth had been seen here before, while no intent of it was held, and those
    /// that are left of a life whose mark is gone: whoever removed that had not heard of them.
    pub(crate) fn judge_arrived(&mut self, child: &ChildKey, arrived: &Arrived) {
        let held = self.children.lives(child);
        let known = self.children.get(child).and_then(|child| child.claims.intent());
        let marked = known.filter(|mark| !mark.is_live()).map(|mark| mark.birth);
        let is_late = self.planted.is(Bug::BornJudgedAfterCommit);
        let covered_before = |dot: Dot| {
            let seen = self.replica.seen_of(dot.origin);
            (is_late && dot.seq <= seen) || arrived.covered_before(dot, seen)
        };
        let siblings = self.intents(child);
        let over = siblings.iter().map(|(dot, intent)| {
            let is_news = dot.origin != self.id.replica() && (is_late || !covered_before(*dot));
            let was_born = *dot != intent.born && covered_before(intent.born);
            marked == Some(intent.birth) || is_news && was_born && !held.contains(&intent.birth)
        });
        let over: Vec<bool> = over.collect();
        self.end_life(child, &siblings, &over);
    }

    /// A full join may have told that a birth was seen without telling of anything that is held: all claims that stand
    /// without an intent are judged anew.
    pub(crate) fn judge_all_claims(&mut self) {
        let is_alone = |claims: &Claims| claims.intent().is_none() && claims.winner().is_some();
        let known = self.children.all.iter();
        let alone = known.filter(|(_, child)| is_alone(&child.claims));
        let mut alone: Vec<ChildKey> = alone.map(|(key, _)| key.clone()).collect();
        alone.sort_unstable();
        for child in alone {
            self.judge_claims(&child);
        }
    }

    fn intents(&self, child: &ChildKey) -> Vec<(Dot, Intent)> {
        let siblings = self.replica.map().siblings(&Key::Intent(child.clone()));
        let siblings = siblings.filter_map(|sibling| Some((sibling.dot, sibling.value.decode()?)));
        siblings.collect()
    }

    /// Marks the latest life of an id as over if every intent of it is of one that is. Earlier ones lose to it anyway.
    fn end_life(&mut self, child: &ChildKey, siblings: &[(Dot, Intent)], over: &[bool]) {
        let Some(last) = siblings.iter().map(|(_, intent)| intent.birth).max() else {
            return;
        };
        let of_last = || {
            siblings
                .iter()
                .zip(over)
                .filter(|((_, intent), _)| intent.birth == last)
        };
        if !of_last().all(|((_, intent), over)| *over && intent.is_live()) {
            return;
        }
        let intent = of_last()
            .map(|((_, intent), _)| intent)
            .max_by_key(|intent| intent.run);
        if let Some(intent) = intent.cloned() {
            let mark = intent.over(Deleted::ByUser);
            self.write([(Key::Intent(child.clone()), Some(Value::encode(&mark)))]);
        }
    }

    /// Finds out whether what is claimed is of a life that was here and is gone.
    pub(crate) fn judge_claims(&mut self, child: &ChildKey) {
        let Some(known) = self.children.get(child) else {
            return;
        };
        let winner = known.claims.of_an_unknown_life();
        let is_spared = self.planted.is(Bug::ClaimSparedByJoin);
        let is_over = winner.is_some_and(|claim| self.covers(claim.born)) && !is_spared;
        if is_over != known.claims.is_over() {
            self.child_mut(child).claims.set_over(is_over);
            self.children.touch(child);
        }
        self.note_half(child);
    }
}
