use std::collections::BTreeMap;

use ordu_core::{Answer, Command, Token};

use super::{Invariant, Verdict};
use crate::oracle::{CallRecord, Child, History};
use crate::{AFTERMATH, CallId, Fact, What};

/// Of all who ask for a child's first start one is told that it started it, the others that it is started already: its
/// decider lets one start pass at a time. Where something went wrong lately, there may be two deciders.
#[derive(Debug, Default)]
pub(super) struct OneStartPasses {
    /// Which call was told that it led to each start.
    told: BTreeMap<(Child, Token), CallId>,
}

impl Invariant for OneStartPasses {
    fn name(&self) -> &'static str {
        "one-start-passes"
    }

    fn rule(&self) -> &'static str {
        "S4.1, S5.1"
    }

    fn observe(&mut self, history: &History, fact: &Fact) -> Verdict {
        let What::Answered {
            call,
            result: Ok(Answer::Started { child, .. }),
        } = &fact.what
        else {
            return Ok(());
        };
        let record = history.call(*call);
        let is_calm = history.undisturbed_for() >= AFTERMATH + history.now().since(record.made);
        let (Some(token), Command::StartChild { .. }, true) = (child.token, &record.command, is_calm) else {
            return Ok(());
        };
        let Some(other) = self.told.insert((record.child(), token), *call) else {
            return Ok(());
        };
        if begun_anew(history, history.call(other)) {
            return Ok(());
        }
        Err(format!(
            "calls {} and {} were both told that they started {:?} with {token}",
            other.0,
            call.0,
            record.child().1
        ))
    }
}

/// Whether the child may have been stopped or deleted since the call was made. Then a later start is answered, too, and
/// an answer that is late shows that one.
fn begun_anew(history: &History, call: &CallRecord) -> bool {
    let ended = |other: &CallRecord| {
        let is_start = matches!(other.command, Command::StartChild { .. });
        let done = other.acknowledged().unwrap_or(history.now());
        !is_start && other.may_count() && done >= call.made
    };
    history.calls_about(&call.child()).any(ended)
}
