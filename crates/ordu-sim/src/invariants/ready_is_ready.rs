use std::collections::BTreeMap;

use ordu_core::{CallError, Event, MemberState};

use super::{Invariant, Verdict};
use crate::oracle::History;
use crate::{AFTERMATH, Boot, Fact, Moment, What};

/// A node shows itself as alive while it is ready and not else, and where nothing goes wrong it does not say of itself that
/// it is not.
#[derive(Debug, Default)]
pub(super) struct ReadyIsReady {
    /// Since when each process that says that it is ready is.
    ready: BTreeMap<Boot, Moment>,
}

impl Invariant for ReadyIsReady {
    fn name(&self) -> &'static str {
        "ready-is-ready"
    }

    fn rule(&self) -> &'static str {
        "S5.11"
    }

    fn observe(&mut self, history: &History, fact: &Fact) -> Verdict {
        match &fact.what {
            What::Told {
                boot,
                event: Event::Ready,
            } => {
                self.ready.insert(*boot, fact.at);
                Ok(())
            }
            What::Told {
                boot,
                event: Event::CatchingUp,
            }
            | What::Ended { boot, .. } => {
                self.ready.remove(boot);
                Ok(())
            }
            What::Member {
                boot,
                node,
                info: Some(info),
            } => {
                let is_itself = history.boot(*boot).is_some_and(|record| record.node == *node);
                if is_itself && info.state == MemberState::Alive && !self.ready.contains_key(boot) {
                    return Err(format!("{boot} shows itself as alive and is not ready"));
                }
                Ok(())
            }
            What::Answered {
                call,
                result: Err(CallError::NotReady { detail }),
            } => {
                let call = history.call(*call);
                let is_calm = history.undisturbed_for() >= AFTERMATH + call.timeout;
                match self.ready.get(&call.boot) {
                    Some(since) if *since <= call.made && is_calm => Err(format!(
                        "{} has been ready since {since}, and answers a call of {} that it is not: {detail}",
                        call.boot, call.made
                    )),
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }
}
