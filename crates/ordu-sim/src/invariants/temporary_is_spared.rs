use std::collections::BTreeSet;

use ordu_core::{Command, Event, Restart, Token};

use super::{Invariant, Verdict};
use crate::oracle::{Child, History};
use crate::{Fact, Fault, HostId, What};

/// A temporary child that runs is not stopped because somebody took its node for gone: only calls about it stop it, and
/// that its node leaves, is removed, is not on a list of members or was replaced by another of its name.
#[derive(Debug, Default)]
pub(super) struct TemporaryIsSpared {
    /// The hosts whose nodes were asked to leave at some time.
    left: BTreeSet<HostId>,
    /// Those whose names were to be removed.
    removed: BTreeSet<HostId>,
    /// The copies whose nodes know that they are up: a start that took longer than it may is called off.
    started: BTreeSet<(Child, Token)>,
}

impl Invariant for TemporaryIsSpared {
    fn name(&self) -> &'static str {
        "temporary-is-spared"
    }

    fn rule(&self) -> &'static str {
        "S5.4"
    }

    fn observe(&mut self, history: &History, fact: &Fact) -> Verdict {
        match &fact.what {
            What::Inflicted(Fault::Leave(host)) => {
                self.left.insert(*host);
            }
            What::Inflicted(Fault::Remove(_, host)) => {
                self.removed.insert(*host);
            }
            What::Told {
                event: Event::ChildStarted { horde, id, token, .. },
                ..
            } => {
                self.started.insert(((horde.clone(), id.clone()), *token));
            }
            What::CopyStopping(copy) => {
                let copy = history.copy(*copy);
                let named_as = history.named_as(copy.boot);
                let is_lost = copy.spec.restart == Restart::Temporary
                    && copy.is_up()
                    && self.started.contains(&(copy.child.clone(), copy.token))
                    && !self.left.contains(&copy.boot.host)
                    && !self.removed.contains(&named_as)
                    && !history.was_unlisted(named_as)
                    && !history
                        .boot(copy.boot)
                        .is_some_and(|record| history.may_be_replaced(record))
                    && !is_unwanted(history, copy);
                if is_lost {
                    return Err(format!(
                        "{} stops temporary child {:?}, which nobody asked it to",
                        copy.boot, copy.child.1
                    ));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Whether a call may have had the copy stopped, or made another life or run of the child.
fn is_unwanted(history: &History, copy: &crate::oracle::CopyRecord) -> bool {
    let mut starts = 0;
    history.calls_about(&copy.child).any(|call| match call.command {
        Command::StartChild { .. } => {
            starts += 1;
            starts > 1
        }
        Command::UpdateChild { .. } => false,
        Command::TerminateChild { .. } | Command::RestartChild { .. } | Command::DeleteChild { .. } => true,
    })
}
