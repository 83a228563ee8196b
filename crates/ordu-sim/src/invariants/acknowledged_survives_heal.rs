use std::time::Duration;

use super::{Invariant, Verdict};
use crate::oracle::{BootRecord, CallRecord, Expectation, History};
use crate::{Fact, What};

/// What was acknowledged and not deleted is there on every node, while chaos lasts, too: a while after all has become
/// whole.
#[derive(Debug, Default)]
pub(super) struct AcknowledgedSurvivesHeal {
    /// Since all has been whole it was looked at.
    is_judged: bool,
}

/// After so long in a whole network whatever was acknowledged is known to all that were there.
const HEALED: Duration = Duration::from_secs(15);

/// What is acknowledged only then is known to two, and to the others a little later.
const KNOWN_TO_ALL: Duration = Duration::from_secs(2);

impl Invariant for AcknowledgedSurvivesHeal {
    fn name(&self) -> &'static str {
        "acknowledged-survives-heal"
    }

    fn rule(&self) -> &'static str {
        "S1.1, S5.2, S7"
    }

    fn observe(&mut self, history: &History, fact: &Fact) -> Verdict {
        if !matches!(fact.what, What::Tick) {
            return Ok(());
        }
        if history.undisturbed_for() < HEALED {
            self.is_judged = false;
            return Ok(());
        }
        if self.is_judged || !history.all_see_all() {
            return Ok(());
        }
        self.is_judged = true;
        for child in history.children() {
            let is_news = |call: &CallRecord| {
                let answered = call.answered.as_ref();
                answered.is_some_and(|(at, _)| history.now().since(*at) < KNOWN_TO_ALL)
            };
            if Expectation::of(history, child).exists != Some(true) || history.calls_about(child).any(is_news)
            {
                continue;
            }
            let lacks = |record: &&BootRecord| !record.children.contains_key(child);
            if let Some(record) = history.living().find(lacks) {
                return Err(format!(
                    "{:?} was acknowledged and not deleted; nothing has gone wrong for {:?}, and {} does not know of it",
                    child.1,
                    history.undisturbed_for(),
                    record.boot
                ));
            }
        }
        Ok(())
    }
}
