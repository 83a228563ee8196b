use ordu_core::ChildState;

use super::{Invariant, Verdict};
use crate::oracle::{Expectation, History};

/// What was deleted or never started is not there, and what was terminated does not run.
#[derive(Debug)]
pub(super) struct NoResurrection;

impl Invariant for NoResurrection {
    fn name(&self) -> &'static str {
        "no-resurrection"
    }

    fn rule(&self) -> &'static str {
        "S2.1, S2.3, S5.1"
    }

    fn settled(&self, history: &History) -> Verdict {
        let Some(record) = history.living().next() else {
            return Ok(());
        };
        for child in history.children() {
            let expected = Expectation::of(history, child);
            let info = record.children.get(child);
            if expected.exists == Some(false) && info.is_some() {
                return Err(format!(
                    "{:?} was deleted, or never started, and is there: {}",
                    child.1,
                    super::owned::brief(info)
                ));
            }
            let runs =
                info.is_some_and(|info| !matches!(info.state, ChildState::Stopped | ChildState::Failed));
            // What cannot be killed is shown as what it is for as long as its node lives.
            let is_stuck = || history.copies_of(child).any(crate::oracle::CopyRecord::is_zombie);
            let is_zombie = info.is_some_and(|info| info.state == ChildState::Zombie);
            if expected.runs == Some(false) && runs && !(is_zombie && is_stuck()) {
                return Err(format!(
                    "{:?} was terminated and is {}",
                    child.1,
                    super::owned::brief(info)
                ));
            }
        }
        Ok(())
    }
}
