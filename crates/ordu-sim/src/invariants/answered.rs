use std::time::Duration;

use super::{Invariant, Verdict};
use crate::oracle::History;
use crate::{Fact, What};

/// Every call is answered by its deadline, whatever goes wrong.
#[derive(Debug)]
pub(super) struct Answered;

/// What a node may be late by: its shell's scheduling, several timers in a row.
const SLACK: Duration = Duration::from_millis(100);

impl Invariant for Answered {
    fn name(&self) -> &'static str {
        "answered"
    }

    fn rule(&self) -> &'static str {
        "S5.5"
    }

    fn observe(&mut self, history: &History, fact: &Fact) -> Verdict {
        if !matches!(fact.what, What::Tick) {
            return Ok(());
        }
        for (id, call) in history.open_calls() {
            let Some(record) = history.boot(call.boot) else {
                continue;
            };
            if record.still_since.is_some() {
                continue;
            }
            // A node that stood still counts from when it got to the call, at the latest from when it went on: a
            // suspended machine's clock stood still with it.
            let since = record.resumed.max(call.taken).unwrap_or(call.made);
            // A drifting clock measures the same time-out a little differently.
            let wrong = call
                .timeout
                .mul_f64(1e-6 * u32::try_from(history.slewed(call.boot.host)).map_or(1.0, f64::from));
            // One that is slow gets to its deadlines late as well.
            let late = history.slowness(call.boot.host);
            let waits = call.timeout + call.timeout / 500 + wrong + late + SLACK;
            let overdue = history.now().since(since) > waits;
            if overdue {
                return Err(format!(
                    "call {} to {} ({:?} {}) was made at {} to be answered within {:?} and is not",
                    id.0,
                    call.boot,
                    kind(&call.command),
                    call.command.child().1,
                    call.made,
                    call.timeout
                ));
            }
        }
        Ok(())
    }
}

fn kind(command: &ordu_core::Command) -> &'static str {
    match command {
        ordu_core::Command::StartChild { .. } => "start",
        ordu_core::Command::TerminateChild { .. } => "terminate",
        ordu_core::Command::RestartChild { .. } => "restart",
        ordu_core::Command::DeleteChild { .. } => "delete",
        ordu_core::Command::UpdateChild { .. } => "update",
    }
}
