use std::collections::BTreeMap;
use std::time::Duration;

use ordu_core::NodeName;

use super::{Invariant, Verdict};
use crate::oracle::{Child, History};
use crate::{Boot, CopyId, Fact, Moment, What};

/// Where one child is placed and nothing else is under way, the node that takes it owns no more then than a quarter above
/// the mean of all that can take it. Several that are placed at once are decided about by several that do not know of
/// each other yet, and what nodes own changes by other things than placement.
#[derive(Debug, Default)]
pub(super) struct LoadIsBounded {
    /// Whose child each is, as each process shows it.
    owners: BTreeMap<(Boot, Child), Option<NodeName>>,
    /// When that last changed anywhere.
    changed: Moment,
}

/// All have heard of what was placed before by then.
const PAST: Duration = Duration::from_secs(1);

impl Invariant for LoadIsBounded {
    fn name(&self) -> &'static str {
        "load-is-bounded"
    }

    fn rule(&self) -> &'static str {
        "S4.2"
    }

    fn observe(&mut self, history: &History, fact: &Fact) -> Verdict {
        match &fact.what {
            What::Child {
                boot,
                horde,
                id,
                info,
                ..
            } => {
                let key = (*boot, (horde.clone(), id.clone()));
                let owner = info.as_ref().map(|info| info.node.clone());
                let before = match owner {
                    Some(owner) => self
                        .owners
                        .insert(key, owner.clone())
                        .filter(|before| *before == owner),
                    None => self.owners.remove(&key).filter(|_| false),
                };
                if before.is_none() {
                    self.changed = fact.at;
                }
            }
            What::CopyStarting { copy, .. } => return self.placed(history, *copy),
            _ => {}
        }
        Ok(())
    }
}

impl LoadIsBounded {
    fn placed(&self, history: &History, copy: CopyId) -> Verdict {
        let this = history.copy(copy);
        let is_first = history.copies_of(&this.child).count() == 1;
        let mut calls = history.open_calls();
        let is_alone = calls.all(|(_, call)| call.child() == this.child);
        let all_know = history.undisturbed_for() > crate::AFTERMATH / 3
            && history.now().since(self.changed) > PAST
            && history.all_see_all();
        let Some(taker) = history
            .boot(this.boot)
            .filter(|_| is_first && is_alone && all_know)
        else {
            return Ok(());
        };
        let (bound, owned) = history.load_bound(taker, &this.child, &this.spec);
        if owned < bound {
            return Ok(());
        }
        Err(format!(
            "{} takes {:?} and owns {owned} besides; it may own {bound}",
            this.boot, this.child.1
        ))
    }
}
