use super::{Invariant, Verdict};
use crate::oracle::History;
use crate::{AFTERMATH, Fact, What};

/// Where nothing has gone wrong for long, no second copy of a child is ever started, however many ask for it
/// at once.
#[derive(Debug)]
pub(super) struct OneCopyWhenCalm;

impl Invariant for OneCopyWhenCalm {
    fn name(&self) -> &'static str {
        "one-copy-when-calm"
    }

    fn rule(&self) -> &'static str {
        "S4.1, S10 owned"
    }

    fn observe(&mut self, history: &History, fact: &Fact) -> Verdict {
        let What::CopyStarting { copy, boot, .. } = &fact.what else {
            return Ok(());
        };
        if history.undisturbed_for() < AFTERMATH {
            return Ok(());
        }
        let this = history.copy(*copy);
        let other = history
            .copies_of(&this.child)
            .find(|other| other.is_live() && !other.is_zombie() && other.token != this.token);
        match other {
            Some(other) => Err(format!(
                "{boot} starts {:?} with {} while {} lives on {}, and nothing went wrong for {:?}",
                this.child.1,
                this.token,
                other.token,
                other.boot,
                history.undisturbed_for()
            )),
            None => Ok(()),
        }
    }
}
