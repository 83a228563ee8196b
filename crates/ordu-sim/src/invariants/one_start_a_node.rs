use super::{Invariant, Verdict};
use crate::oracle::History;
use crate::{Fact, What};

/// A node never starts a child beside itself: the copy it had has ended first.
#[derive(Debug)]
pub(super) struct OneStartANode;

impl Invariant for OneStartANode {
    fn name(&self) -> &'static str {
        "one-start-a-node"
    }

    fn rule(&self) -> &'static str {
        "S10 owned"
    }

    fn observe(&mut self, history: &History, fact: &Fact) -> Verdict {
        let What::CopyStarting { copy, boot, .. } = &fact.what else {
            return Ok(());
        };
        let this = history.copy(*copy);
        let beside = history
            .copies_of(&this.child)
            .find(|other| other.is_live() && other.boot == *boot && other.token != this.token);
        match beside {
            Some(other) => Err(format!(
                "{boot} starts {:?} with token {} while its copy with token {} has not ended",
                this.child.1, this.token, other.token
            )),
            None => Ok(()),
        }
    }
}
