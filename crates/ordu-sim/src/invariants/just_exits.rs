use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ordu_core::{ExitCause, MemberState};

use super::{Invariant, Verdict};
use crate::oracle::{BootRecord, History};
use crate::{Boot, Fact, Fault, HostId, What};

/// A node ends by itself only for a true cause: only an operator removes one or has it leave, by its name or by a list of
/// members that lacks it. Of two that were asked to remove each other, and that nobody else was asked to remove, one goes
/// on. Its name is taken only where another bore it that lived as well, and never once it was a member for long (S6.2); it
/// was replaced only by one of its name that others took in (S2.4); it is a clone only if another had its identity.
#[derive(Debug, Default)]
pub(super) struct JustExits {
    /// Who was asked to remove the node of each host, by its name.
    askers: BTreeMap<HostId, BTreeSet<Boot>>,
    /// Who ended because it was removed.
    removed: BTreeSet<Boot>,
    /// The hosts whose nodes were told to leave.
    told: BTreeSet<HostId>,
    /// Who was surely a member for long: one of several that were ready and saw each other while nothing went wrong.
    settled: BTreeSet<Boot>,
}

/// After so long without a trouble who is ready has decided with the others.
const LONG: Duration = Duration::from_secs(10);

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
            What::Tick if history.undisturbed_for() >= LONG => {
                let is_one = |record: &&BootRecord| {
                    if self.settled.contains(&record.boot) || age(history, record) < LONG {
                        return false;
                    }
                    let seen_by = |other: &BootRecord| {
                        let shown = other.members.get(&record.node);
                        other.boot != record.boot
                            && shown.is_some_and(|info| info.state == MemberState::Alive)
                    };
                    history.living().any(seen_by)
                };
                let new = history.living().filter(is_one).map(|record| record.boot);
                let new: Vec<Boot> = new.collect();
                self.settled.extend(new);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

fn age(history: &History, record: &BootRecord) -> Duration {
    history.now().since(record.began)
}

impl JustExits {
    fn judge(&mut self, history: &History, boot: Boot, cause: &ExitCause) -> Verdict {
        let record = history.boot(boot);
        let named_as = history.named_as(boot);
        match cause {
            ExitCause::Left if self.told.contains(&boot.host) || history.was_removed(named_as) => Ok(()),
            ExitCause::Left | ExitCause::NotListed { .. } if history.was_unlisted(named_as) => Ok(()),
            ExitCause::Left | ExitCause::NotListed { .. } => Err(format!(
                "{boot} ended with {cause:?}; nobody told it to leave, and it was on every list of members"
            )),
            ExitCause::Removed if self.is_as_void_as_that_of_its_remover(history, boot) => Err(format!(
                "{boot} ended because it was removed by one that ended because {boot} had removed it"
            )),
            ExitCause::Removed if history.was_removed(named_as) => {
                self.removed.insert(boot);
                Ok(())
            }
            ExitCause::Removed if record.is_some_and(|record| history.may_be_replaced(record)) => {
                self.removed.insert(boot);
                Ok(())
            }
            ExitCause::NameTaken { name, holder, .. } => {
                let took = |record: &BootRecord| {
                    let mut namesakes = history.namesakes_of(record);
                    record.name == *name && namesakes.any(|other| other.node == *holder)
                };
                if !record.is_some_and(took) {
                    return Err(format!(
                        "{boot} ended with {cause:?}; no other had its name while it lived"
                    ));
                }
                if self.settled.contains(&boot) {
                    return Err(format!("{boot} ended with {cause:?}; it was a member for long"));
                }
                Ok(())
            }
            ExitCause::Cloned if record.is_some_and(|record| history.was_cloned(record)) => Ok(()),
            cause => Err(format!(
                "{boot} ended with {cause:?}; it is the one living node of its name, no clone, and nobody \
                 removed it"
            )),
        }
    }

    fn is_as_void_as_that_of_its_remover(&self, history: &History, boot: Boot) -> bool {
        let askers = |of: Boot| self.askers.get(&history.named_as(of)).into_iter().flatten();
        let was_removed_by_it = |asker: &Boot| {
            let mut by = askers(*asker).peekable();
            self.removed.contains(asker) && by.peek().is_some() && by.all(|by| *by == boot)
        };
        let mut mine = askers(boot).peekable();
        mine.peek().is_some() && mine.all(was_removed_by_it)
    }
}
