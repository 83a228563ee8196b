use ordu_core::ExitCause;

use super::{Invariant, Verdict};
use crate::oracle::History;
use crate::{Fact, What};

/// A node ends by itself only for a true cause: in this world no two nodes share a name and none is cloned, and only an
/// operator removes one.
#[derive(Debug)]
pub(super) struct JustExits;

impl Invariant for JustExits {
    fn name(&self) -> &'static str {
        "just-exits"
    }

    fn rule(&self) -> &'static str {
        "S1.6, S2.4, S6.2"
    }

    fn observe(&mut self, history: &History, fact: &Fact) -> Verdict {
        let What::Ended {
            boot,
            cause: Some(cause),
        } = &fact.what
        else {
            return Ok(());
        };
        match cause {
            ExitCause::Left => Ok(()),
            ExitCause::Removed if history.was_removed(boot.host) => Ok(()),
            cause => Err(format!(
                "{boot} ended with {cause:?}; it is the one living node of its name, no clone, and nobody \
                 removed it"
            )),
        }
    }
}
