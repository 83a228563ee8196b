use std::collections::BTreeMap;
use std::time::Duration;

use ordu_core::Kept;

use super::{Invariant, Verdict};
use crate::oracle::History;
use crate::{Boot, Fact, What};

/// Nothing stays for ever that is kept only for others: removes and marks of deletions go once every member has seen
/// them, those aside that have ended or were written off. Of each register one value is left, and of the boots that
/// have ended neither a record nor a place of their own in the vector; and no claim without an intent.
#[derive(Debug, Default)]
pub(super) struct BoundedState {
    /// What each node keeps, as it was last looked at.
    kept: BTreeMap<Boot, Kept>,
    /// A call was answered since.
    is_old: bool,
    /// A call was answered after nothing went wrong any more. Nobody may wait before that until all is collected: a
    /// cluster that has settled is to serve at once.
    has_served: bool,
}

/// Where members are missed and are written off later than this, all settles before they are.
const PATIENCE: Duration = Duration::from_secs(20);

impl Invariant for BoundedState {
    fn name(&self) -> &'static str {
        "bounded-state"
    }

    fn rule(&self) -> &'static str {
        "S1.4, S2.1, S2.4"
    }

    fn observe(&mut self, history: &History, fact: &Fact) -> Verdict {
        match &fact.what {
            What::Kept(kept) => {
                self.kept = kept.iter().copied().collect();
                self.is_old = false;
            }
            What::Answered { .. } => {
                self.is_old = true;
                self.has_served |= history.calm().is_some();
            }
            _ => {}
        }
        Ok(())
    }

    fn settled(&self, history: &History) -> Verdict {
        let setup = history.setup();
        let missing = history.missing().count();
        // Where a clock was set back between two boots it is not certain that the newer replaces the older.
        let is_in_order = setup.boots_in_order && history.booted_in_order();
        let is_certain = is_in_order && (missing == 0 || setup.timing.forget_after <= PATIENCE);
        if !is_certain || !self.has_served {
            return Ok(());
        }
        if self.is_old {
            return Err("nobody has looked since the last call".into());
        }
        let boots = history.living().count() + missing;
        // Who is alone was perhaps taken in by nobody, and cannot say that it replaced the boot before it.
        let is_alone = boots - missing == 1 && missing > 0;
        let counted = boots + usize::from(is_alone);
        let hoards = |(_, kept): &(&Boot, &Kept)| {
            kept.removes + kept.marks + kept.siblings + kept.claims_alone > 0
                || kept.origins > counted
                || kept.members > counted
        };
        self.kept.iter().find(hoards).map_or(Ok(()), |(boot, kept)| {
            Err(format!(
                "{boot} still has {kept:?}; {missing} members are missed, {} live",
                boots - missing
            ))
        })
    }
}
