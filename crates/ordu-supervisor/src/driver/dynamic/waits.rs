//! Children that called for the end of others.

use std::collections::{BTreeMap, BTreeSet};

use crate::decisions::Incarnation;

/// A child, or somebody below it, waits for the end of a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wait {
    pub(super) caller: Incarnation,
    pub(super) child: Incarnation,
}

/// Which children wait for the end of which others, as they called for it. If that led in a circle, nobody in it would
/// ever be answered: who is asked to stop, and waits for an answer before it does, holds up who called for that.
#[derive(Debug, Default)]
pub(super) struct Waits(BTreeMap<Incarnation, Vec<Incarnation>>);

impl Waits {
    /// Whether somebody may wait so: not if that closed a circle.
    pub(super) fn add(&mut self, Wait { caller, child }: Wait) -> bool {
        if self.lead(child, caller) {
            return false;
        }
        self.0.entry(caller).or_default().push(child);
        true
    }

    /// It was answered.
    pub(super) fn remove(&mut self, Wait { caller, child }: Wait) {
        let Some(children) = self.0.get_mut(&caller) else {
            return;
        };
        if let Some(at) = children.iter().position(|waited| *waited == child) {
            children.swap_remove(at);
        }
        if children.is_empty() {
            self.0.remove(&caller);
        }
    }

    fn lead(&self, from: Incarnation, to: Incarnation) -> bool {
        let mut seen = BTreeSet::new();
        let mut next = vec![from];
        while let Some(child) = next.pop() {
            if child == to {
                return true;
            }
            if seen.insert(child) {
                next.extend(self.0.get(&child).into_iter().flatten());
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(caller: u64, child: u64) -> Wait {
        Wait {
            caller: Incarnation::new(caller),
            child: Incarnation::new(child),
        }
    }

    #[test]
    fn whoever_would_close_a_circle_does_not_wait() {
        let mut waits = Waits::default();
        assert!(!waits.add(wait(1, 1)));
        assert!(waits.add(wait(1, 2)));
        assert!(waits.add(wait(1, 4)));
        assert!(waits.add(wait(2, 3)));
        assert!(waits.add(wait(4, 3)), "two may wait for one");
        assert!(!waits.add(wait(3, 1)));
        waits.remove(wait(1, 2));
        assert!(!waits.add(wait(3, 1)), "there is another way");
        waits.remove(wait(4, 3));
        assert!(waits.add(wait(3, 1)));
    }

    #[test]
    fn what_was_answered_is_forgotten() {
        let mut waits = Waits::default();
        for _ in 0..2 {
            assert!(waits.add(wait(1, 2)));
        }
        for _ in 0..2 {
            waits.remove(wait(1, 2));
        }
        assert!(waits.0.is_empty());
    }
}
