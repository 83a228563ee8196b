//! Makes the plan of a failing seed smaller, so that a human can read what is left of it.
//!
//! Delta debugging as Zeller and Hildebrandt describe it ("Simplifying and Isolating Failure-Inducing Input", 2002):
//! leave parts out, keep what still fails by the same invariant, look at finer and finer parts. The plan's faults and
//! calls are what is left out; a host is left out with the faults that boot it; at last the chaos is cut short.
//!
//! What is found depends on nothing but the plan and the node, and is repeated from the seed and the numbers of the
//! elements that are [`Kept`].

mod ddmin;
mod kept;

pub use ddmin::{Trial, ddmin};
pub use kept::{Kept, WrongNumbers};

use std::time::Duration;

use crate::invariants::Violation;
use crate::{Moment, Plan};

/// A shorter chaos than this much less is not worth another try.
const SHORTER_BY: Duration = Duration::from_secs(1);

/// Leaves out of a plan what it does not need to break the rule that it breaks.
///
/// `trial` runs a smaller plan and gives the violation, if there was one, or `None` in place of an answer once no more
/// may be tried: then the smallest plan found so far is what comes of it.
pub fn shrink(
    plan: &Plan,
    violation: &Violation,
    trial: impl FnMut(&Plan) -> Option<Option<Violation>>,
) -> Kept {
    let mut shrinking = Shrinking {
        plan,
        invariant: violation.invariant,
        broken_at: violation.at,
        kept: Kept::everything(plan),
        trial,
    };
    loop {
        let before = shrinking.kept.clone();
        shrinking.end_sooner();
        shrinking.leave_out();
        if shrinking.kept == before {
            return shrinking.kept;
        }
    }
}

/// The smallest plan so far.
struct Shrinking<'a, F> {
    plan: &'a Plan,
    invariant: &'static str,
    /// When the smallest plan breaks the rule.
    broken_at: Moment,
    kept: Kept,
    trial: F,
}

impl<F: FnMut(&Plan) -> Option<Option<Violation>>> Shrinking<'_, F> {
    /// Whether a smaller plan still fails; if so it is kept.
    fn fails(&mut self, kept: Kept) -> Trial {
        let Some(outcome) = (self.trial)(&self.plan.keeping(&kept)) else {
            return Trial::Over;
        };
        match outcome.filter(|violation| violation.invariant == self.invariant) {
            Some(violation) => {
                self.broken_at = violation.at;
                self.kept = kept;
                Trial::Fails
            }
            None => Trial::Holds,
        }
    }

    fn leave_out(&mut self) {
        let elements: Vec<usize> = self.kept.elements.iter().copied().collect();
        ddmin(elements, |elements| {
            let kept = Kept {
                elements: elements.iter().copied().collect(),
                calm_at: self.kept.calm_at,
            };
            self.fails(kept)
        });
    }

    /// Begins the calm right behind what breaks the rule, or, where that shows only then, as soon as possible behind
    /// the last thing that happens.
    fn end_sooner(&mut self) {
        if self.broken_at < self.kept.calm_at {
            self.end_at(Moment(self.broken_at.0 + 1));
            return;
        }
        let last = self.plan.last_of(&self.kept.elements);
        if self.end_at(Moment(last.0 + 1)) != Trial::Holds {
            return;
        }
        loop {
            let spare = self.kept.calm_at.since(last) / 2;
            if spare < SHORTER_BY || self.end_at(last + spare) != Trial::Fails {
                return;
            }
        }
    }

    fn end_at(&mut self, calm_at: Moment) -> Trial {
        if calm_at >= self.kept.calm_at {
            return Trial::Holds;
        }
        let elements = self.kept.elements.iter().copied();
        let elements = elements.filter(|element| self.plan.at(*element).is_none_or(|at| at < calm_at));
        self.fails(Kept {
            elements: elements.collect(),
            calm_at,
        })
    }
}
