use std::time::Duration;

use ordu_core::CallError;

use super::{Invariant, Verdict};
use crate::oracle::History;
use crate::{Fact, Fault, Moment, What};

/// Where connections break and nothing else goes wrong, no caller is told that nothing is known of its call while it still
/// waits: those who serve it live, and there is a way to ask them again.
#[derive(Debug, Default)]
pub(super) struct CallsOutliveConnections {
    /// When something last went wrong, or was put right, that is not a connection.
    rough: Moment,
}

/// What a node says of a call that was refused when it was passed on once more.
pub(super) const PASSED_ON_AGAIN: &str = "the call had to be passed on again";

/// What went wrong before a call was made is over by then.
const PAST: Duration = Duration::from_secs(10);

impl Invariant for CallsOutliveConnections {
    fn name(&self) -> &'static str {
        "calls-outlive-connections"
    }

    fn rule(&self) -> &'static str {
        "S5.7"
    }

    fn observe(&mut self, history: &History, fact: &Fact) -> Verdict {
        match &fact.what {
            What::Inflicted(Fault::Break(..)) => {}
            What::Inflicted(_) | What::Booted { .. } | What::Ended { .. } | What::Resumed(_) => {
                self.rough = fact.at;
            }
            What::Answered {
                call,
                result: Err(CallError::Unknown { detail }),
            } => {
                let call = history.call(*call);
                let waited = fact.at.since(call.made);
                let has_time = waited < call.timeout.mul_f64(0.8);
                let smooth = history.undisturbed_for() > Duration::ZERO
                    && self.rough < call.made
                    && call.made.since(self.rough) >= PAST;
                // A refusal that comes when the call was passed on twice says nothing of the first time (S5.1).
                let is_refusal = detail.starts_with(PASSED_ON_AGAIN);
                if has_time && smooth && !is_refusal && history.all_see_all() {
                    return Err(format!(
                        "{} was asked for {:?} at {} and knows nothing of it after {waited:?} of {:?} ({detail}); only \
                         connections broke",
                        call.boot,
                        call.child().1,
                        call.made,
                        call.timeout
                    ));
                }
            }
            _ => {}
        }
        Ok(())
    }
}
