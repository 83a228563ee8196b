use ordu_core::ChildState;

use super::{Invariant, Verdict};
use crate::oracle::{Expectation, History};

/// What was acknowledged and not deleted is there, and runs if it is to run and some living node can run it.
#[derive(Debug)]
pub(super) struct NothingUndeletedVanishes;

impl Invariant for NothingUndeletedVanishes {
    fn name(&self) -> &'static str {
        "nothing-undeleted-vanishes"
    }

    fn rule(&self) -> &'static str {
        "S1.1, S2.1, S5.2"
    }

    fn settled(&self, history: &History) -> Verdict {
        let Some(record) = history.living().next() else {
            return Ok(());
        };
        for child in history.children() {
            let expected = Expectation::of(history, child);
            let info = record.children.get(child);
            if expected.exists == Some(true) && info.is_none() {
                return Err(format!(
                    "{:?} was acknowledged, not deleted, and is gone",
                    child.1
                ));
            }
            if expected.runs == Some(true) {
                let state = info.map(|info| info.state);
                let nowhere = info.is_some_and(|info| history.waits_for_room(record, child, info));
                let is_left = history.few_are_left() && state == Some(ChildState::Unclaimed);
                // It was to be started again, and what is to be stopped first does not die.
                let is_stuck = history.copies_of(child).any(crate::oracle::CopyRecord::is_zombie);
                let nowhere = nowhere || is_left || (is_stuck && state == Some(ChildState::Zombie));
                if !nowhere && !matches!(state, Some(ChildState::Running | ChildState::Failed)) {
                    return Err(format!("{:?} is to run and is {state:?}", child.1));
                }
            }
        }
        Ok(())
    }
}
