use std::collections::BTreeMap;

use ordu_core::{Answer, CallError, Restart};

use super::{Invariant, Verdict};
use crate::oracle::{CallRecord, Child, History};
use crate::{Fact, What};

/// A temporary child is started at most once for each call that may have started it.
#[derive(Debug, Default)]
pub(super) struct TemporaryAtMostOnce {
    starts: BTreeMap<Child, usize>,
}

impl Invariant for TemporaryAtMostOnce {
    fn name(&self) -> &'static str {
        "temporary-at-most-once"
    }

    fn rule(&self) -> &'static str {
        "S5.1, S5.4"
    }

    fn observe(&mut self, history: &History, fact: &Fact) -> Verdict {
        let What::CopyStarting { copy, spec, .. } = &fact.what else {
            return Ok(());
        };
        if spec.restart != Restart::Temporary {
            return Ok(());
        }
        let child = &history.copy(*copy).child;
        let starts = self.starts.entry(child.clone()).or_default();
        *starts += 1;
        let calls = history
            .calls_about(child)
            .filter(|call| call.is_start() && (may_have_started(call) || has_given_way(history, call)))
            .count();
        if *starts > calls {
            return Err(format!(
                "temporary child {:?} is started for the {starts}th time; it was asked for {calls} times",
                child.1
            ));
        }
        Ok(())
    }
}

/// A call whose start failed did start something; one that was refused did not.
fn may_have_started(call: &CallRecord) -> bool {
    let tried = matches!(
        call.answered,
        Some((_, Err(CallError::StartFailed { .. }) | Ok(Answer::Ignored)))
    );
    tried || call.may_count()
}

/// Whether a call that was told of one copy began another, which gave way to that: whoever decided of the one died before
/// it had told of it.
fn has_given_way(history: &History, call: &CallRecord) -> bool {
    let Some((answered, Err(CallError::AlreadyStarted(told)))) = &call.answered else {
        return false;
    };
    let child = call.child();
    let mut copies = history.copies_of(&child);
    copies.any(|copy| {
        let gave_way = copy.ended.is_some() && Some(copy.token) != told.token;
        gave_way && call.made <= copy.began && copy.began <= *answered
    })
}
