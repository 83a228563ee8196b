use std::collections::{BTreeMap, BTreeSet};

use ordu_core::ExitCause;

use super::{Invariant, Verdict};
use crate::oracle::History;
use crate::{Boot, Fact, Fault, HostId, What};

/// A node ends by itself only for a true cause: in this world no two nodes share a name and none is cloned, and only an
/// operator removes one or has it leave, by its name or by a list of members that lacks it. Of two that were asked to remove each other, and that nobody else was asked to remove, one goes on.
#[derive(Debug, Default)]
pub(super) struct JustExits {
    /// Who was asked to remove the node of each host.
    askers: BTreeMap<HostId, BTreeSet<Boot>>,
    /// Who ended because it was removed.
    removed: BTreeSet<Boot>,
    /// The hosts whose nodes were told to leave.
    told: BTreeSet<HostId>,
}

impl Invariant for JustExits {
    fn name(&self) -> &'static str {
        "just-exits"
    }

    fn rule(&self) -> &'static str {
        "S1.6, S2.4, S6.2, S6.4"
    }

    fn observe(&mut self, history: &History, fact: &Fact) -> Verdict {
        match &fact.what {
            What::Inflicted(Fault::Remove(asked, removed)) => {
                let asked = history.living().find(|record| record.boot.host == *asked);
                let askers = self.askers.entry(*removed).or_default();
                askers.extend(asked.map(|record| record.boot));
                Ok(())
            }
            What::Inflicted(Fault::Leave(host)) => {
                self.told.insert(*host);
                Ok(())
            }
            What::Ended {
                boot,
                cause: Some(cause),
            } => self.judge(history, *boot, cause),
            _ => Ok(()),
        }
    }
}

impl JustExits {
    fn judge(&mut self, history: &History, boot: Boot, cause: &ExitCause) -> Verdict {
        match cause {
            ExitCause::Left if self.told.contains(&boot.host) || history.was_removed(boot.host) => Ok(()),
            ExitCause::Left | ExitCause::NotListed { .. } if history.was_unlisted(boot.host) => Ok(()),
            ExitCause::Left | ExitCause::NotListed { .. } => Err(format!(
                "{boot} ended with {cause:?}; nobody told it to leave, and it was on every list of members"
            )),
            ExitCause::Removed if self.is_as_void_as_that_of_its_remover(boot) => Err(format!(
                "{boot} ended because it was removed by one that ended because {boot} had removed it"
            )),
            ExitCause::Removed if history.was_removed(boot.host) => {
                self.removed.insert(boot);
                Ok(())
            }
            cause => Err(format!(
                "{boot} ended with {cause:?}; it is the one living node of its name, no clone, and nobody \
                 removed it"
            )),
        }
    }

    fn is_as_void_as_that_of_its_remover(&self, boot: Boot) -> bool {
        let askers = |of: Boot| self.askers.get(&of.host).into_iter().flatten();
        let was_removed_by_it = |asker: &Boot| {
            let mut by = askers(*asker).peekable();
            self.removed.contains(asker) && by.peek().is_some() && by.all(|by| *by == boot)
        };
        let mut mine = askers(boot).peekable();
        mine.peek().is_some() && mine.all(was_removed_by_it)
    }
}
