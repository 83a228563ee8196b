use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Invariant, Verdict};
use crate::oracle::{Child, History, able};
use crate::{Boot, Fact, Moment, What};

/// No node starts a child whose horde it is not in, whose kind or version it does not know, or whose constraints it
/// does not meet; and none that has been full for long, where nothing goes wrong, gets another.
///
/// Two deciders who do not know of each other may both give a node its last place: that is judged by nobody.
#[derive(Debug, Default)]
pub(super) struct RunsWhereItCan {
    /// What each process that has a capacity owns.
    owned: BTreeMap<Boot, Owned>,
}

#[derive(Debug, Default)]
struct Owned {
    children: BTreeSet<Child>,
    /// Since when they are as many as it may own.
    full_since: Option<Moment>,
}

/// All know by then, and a decision that was made before is carried out, however slow the start.
const DECISION: Duration = Duration::from_secs(15);

impl Invariant for RunsWhereItCan {
    fn name(&self) -> &'static str {
        "runs-where-it-can"
    }

    fn rule(&self) -> &'static str {
        "S4.2, S4.7"
    }

    fn observe(&mut self, history: &History, fact: &Fact) -> Verdict {
        match &fact.what {
            What::CopyStarting {
                boot,
                horde,
                id,
                spec,
                ..
            } => {
                let child = (horde.clone(), id.clone());
                let record = history.boot(*boot);
                record
                    .map_or(Ok(()), |record| able(history.setup(), record, &child, spec))
                    .map_err(|lacks| format!("{boot} starts {id:?}, though it {lacks}"))
            }
            What::Child {
                boot,
                horde,
                id,
                info,
                ..
            } => {
                let capacity = history.setup().hosts[boot.host.0].capacity;
                let Some(capacity) = capacity.and_then(|most| usize::try_from(most).ok()) else {
                    return Ok(());
                };
                let is_own = info
                    .as_ref()
                    .is_some_and(|info| info.node == Some(history.name_of(*boot)));
                let owned = self.owned.entry(*boot).or_default();
                let full_for = owned.published(&(horde.clone(), id.clone()), is_own, capacity, fact.at);
                match full_for {
                    Some(full_for) if full_for.min(history.undisturbed_for()) >= DECISION => Err(format!(
                        "{boot} may own {capacity} children, has owned as many for {full_for:?}, and gets {id:?}"
                    )),
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }
}

impl Owned {
    /// A process says of a child whether it is its own; gives for how long it was full if it is a new one.
    fn published(&mut self, child: &Child, is_own: bool, capacity: usize, now: Moment) -> Option<Duration> {
        let full_since = self.full_since;
        let is_new = if is_own {
            self.children.insert(child.clone())
        } else {
            self.children.remove(child);
            false
        };
        self.full_since = (self.children.len() >= capacity).then(|| full_since.unwrap_or(now));
        full_since.filter(|_| is_new).map(|since| now.since(since))
    }
}
