use ordu_core::MemberState;

use super::{Invariant, Verdict};
use crate::oracle::History;
use crate::{Fact, What};

/// Nobody takes a node for one that has ended which has not: its process is gone, an operator removed it, or another was
/// taken in under its name. However long
/// it was out of sight, it was not heard of, and that is all.
#[derive(Debug)]
pub(super) struct SilenceRemovesNobody;

impl Invariant for SilenceRemovesNobody {
    fn name(&self) -> &'static str {
        "silence-removes-nobody"
    }

    fn rule(&self) -> &'static str {
        "S2.4"
    }

    fn observe(&mut self, history: &History, fact: &Fact) -> Verdict {
        let What::Member {
            boot,
            node,
            info: Some(info),
        } = &fact.what
        else {
            return Ok(());
        };
        if info.state != MemberState::Removed {
            return Ok(());
        }
        let record = history.boot_of(*node);
        let is_wrong = |record: &&crate::oracle::BootRecord| {
            record.ended.is_none()
                && !history.was_removed(record.named_as)
                && !history.may_be_replaced(record)
                // A clone shares the fate of the identity that it has.
                && !history.was_cloned(record)
        };
        match record.filter(is_wrong) {
            Some(record) => Err(format!(
                "{boot} takes {} for removed; it runs, and nobody removed it",
                record.boot
            )),
            None => Ok(()),
        }
    }
}
