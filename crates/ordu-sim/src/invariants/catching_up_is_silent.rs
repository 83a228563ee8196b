use std::collections::BTreeSet;

use ordu_core::{Answer, CallError, Event};

use super::{Invariant, Verdict};
use crate::oracle::History;
use crate::{Boot, CopyId, Fact, Moment, What};

/// A node that has not caught up starts no child that it did not run already, and where no node has caught up nobody
/// decides anything.
#[derive(Debug, Default)]
pub(super) struct CatchingUpIsSilent {
    /// Those that say that they have.
    ready: BTreeSet<Boot>,
    /// When the last of them said otherwise, or ended.
    none_since: Moment,
}

impl Invariant for CatchingUpIsSilent {
    fn name(&self) -> &'static str {
        "catching-up-is-silent"
    }

    fn rule(&self) -> &'static str {
        "S1.5, S4.6"
    }

    fn observe(&mut self, history: &History, fact: &Fact) -> Verdict {
        match &fact.what {
            What::Told {
                boot,
                event: Event::Ready,
            } => {
                self.ready.insert(*boot);
                Ok(())
            }
            What::Told {
                boot,
                event: Event::CatchingUp,
            }
            | What::Ended { boot, .. } => {
                if self.ready.remove(boot) && self.ready.is_empty() {
                    self.none_since = fact.at;
                }
                Ok(())
            }
            What::CopyStarting { copy, boot, .. } if !self.ready.contains(boot) => started(history, *copy),
            What::Answered { call, result } if self.ready.is_empty() && is_definite(result) => {
                let record = history.call(*call);
                if record.made < self.none_since {
                    return Ok(());
                }
                Err(format!(
                    "{} answers {result:?}, though no node has caught up since the call",
                    record.boot
                ))
            }
            _ => Ok(()),
        }
    }
}

/// What ran there before may be started again in place.
fn started(history: &History, copy: CopyId) -> Verdict {
    let copy = history.copy(copy);
    let is_known = |other: &&crate::oracle::CopyRecord| other.boot == copy.boot && other.token != copy.token;
    if history.copies_of(&copy.child).any(|other| is_known(&other)) {
        return Ok(());
    }
    Err(format!(
        "{} starts {:?} with {}, though it has not caught up and never ran it",
        copy.boot, copy.child.1, copy.token
    ))
}

/// Whether somebody decided: a node can always say that it does not know, that it leaves, or that the question makes
/// no sense.
fn is_definite(result: &Result<Answer, CallError>) -> bool {
    match result {
        Ok(_) => true,
        Err(error) => matches!(
            error,
            CallError::AlreadyStarted(_)
                | CallError::AlreadyPresent(_)
                | CallError::NotFound { .. }
                | CallError::Running(_)
                | CallError::StartFailed { .. }
                | CallError::NoEligibleNode { .. }
        ),
    }
}
