use std::collections::BTreeSet;
use std::time::Duration;

use ordu_core::{Command, Life};

use super::{Invariant, Verdict};
use crate::oracle::{CallRecord, Child, History};
use crate::{Fact, What};

/// A new life of a child begins only while a call waits for it: a copy of a call that was late on its way, and was
/// answered meanwhile, begins none.
#[derive(Debug, Default)]
pub(super) struct BeginsForACaller {
    /// The lives of which something was started.
    begun: BTreeSet<(Child, Life)>,
}

/// What was told to start the child for a call may get to it a little after another has answered the call.
const UNDER_WAY: Duration = Duration::from_secs(2);

impl Invariant for BeginsForACaller {
    fn name(&self) -> &'static str {
        "begins-for-a-caller"
    }

    fn rule(&self) -> &'static str {
        "S5.8"
    }

    fn observe(&mut self, history: &History, fact: &Fact) -> Verdict {
        let What::CopyStarting {
            boot,
            horde,
            id,
            life,
            ..
        } = &fact.what
        else {
            return Ok(());
        };
        let child = (horde.clone(), id.clone());
        if !self.begun.insert((child.clone(), *life)) {
            return Ok(());
        }
        let waits = |call: &CallRecord| {
            let answered = call.acknowledged();
            let waits = answered.is_none_or(|at| fact.at.since(at) <= UNDER_WAY);
            matches!(call.command, Command::StartChild { .. }) && call.may_count() && waits
        };
        if history.calls_about(&child).any(waits) {
            return Ok(());
        }
        Err(format!(
            "{boot} begins a life of {id:?}, {life}, and no call waits for it"
        ))
    }
}
