use std::collections::BTreeSet;
use std::time::Duration;

use ordu_core::{ChildState, Token};

use super::{Invariant, Verdict};
use crate::oracle::{CallRecord, Child, History};
use crate::{Fact, What};

/// Once every node shows a child as failed, nobody starts it but for a call.
#[derive(Debug, Default)]
pub(super) struct FailedStaysFailed {
    /// The children that all have shown so, and that nobody has asked to be started since.
    failed: BTreeSet<Child>,
}

/// What a call of which nobody learnt the outcome may still set off has been set off by then.
const UNDER_WAY: Duration = Duration::from_mins(2);

impl Invariant for FailedStaysFailed {
    fn name(&self) -> &'static str {
        "failed-stays-failed"
    }

    fn rule(&self) -> &'static str {
        "S2.5"
    }

    fn observe(&mut self, history: &History, fact: &Fact) -> Verdict {
        match &fact.what {
            What::Child {
                horde,
                id,
                info: Some(info),
                ..
            } if info.state == ChildState::Failed => {
                let child = (horde.clone(), id.clone());
                if all_show_it_failed(history, &child, info.token) && !may_be_started(history, &child) {
                    self.failed.insert(child);
                }
                Ok(())
            }
            What::Called { call, .. } => {
                let call = history.call(*call);
                if call.is_start() {
                    self.failed.remove(&call.child());
                }
                Ok(())
            }
            What::CopyStarting { copy, boot, .. } => {
                let copy = history.copy(*copy);
                if !self.failed.contains(&copy.child) {
                    return Ok(());
                }
                Err(format!(
                    "{boot} starts {:?} with {}, which all had shown as failed and nobody asked for since",
                    copy.child.1, copy.token
                ))
            }
            _ => Ok(()),
        }
    }
}

/// Whether all show that the same run of it failed: who stood still may show an earlier one.
fn all_show_it_failed(history: &History, child: &Child, token: Option<Token>) -> bool {
    history.living().all(|record| {
        let shown = record.children.get(child);
        shown.is_some_and(|info| info.state == ChildState::Failed && info.token == token)
    })
}

/// Whether a call that was made before may still lead to a start.
fn may_be_started(history: &History, child: &Child) -> bool {
    let is_open = |call: &CallRecord| {
        let is_recent = history.now().since(call.made) < UNDER_WAY;
        call.is_start() && call.may_count() && call.acknowledged().is_none() && is_recent
    };
    history.calls_about(child).any(is_open)
}
