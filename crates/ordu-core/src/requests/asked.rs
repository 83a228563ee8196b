use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use ordu_crdt::Dot;
use ordu_supervisor::decisions::Restart;

use crate::children::policy;
use crate::node::Node;
use crate::planted::Bug;
use crate::registers::{ChildKey, Intent};
use crate::wire::{Ask, Message, Told};
use crate::{Answer, CallError, ChildState, Command, NodeId, NodeName, Output, RequestId, Time};

/// A call of a caller on this node.
#[derive(Debug)]
pub(crate) struct Asked {
    command: Command,
    deadline: Time,
    stage: Stage,
    /// Whom it was passed on to before, in vain: it may have been done.
    before: Option<NodeId>,
    /// It was passed on more than once: an earlier copy may have been done, and no failure is definite any more
    /// (S5.1).
    doubt: bool,
}

#[derive(Debug)]
enum Stage {
    /// No decider is known, or the members disagree: tried again then.
    Waiting { until: Time, detail: String },
    /// Passed on to the decider.
    Sent { to: NodeId },
    /// Done; waits for the write concern (S5.2).
    Holding {
        answer: Answer,
        written: Vec<Dot>,
        /// Who holds it by the decider's word.
        held_by: Vec<NodeId>,
    },
}

/// A request of another node that waits for this node to know the decider, or what the other node knows.
#[derive(Debug)]
pub(crate) struct Parked {
    pub(crate) ask: Ask,
    pub(crate) deadline: Time,
}

impl Asked {
    /// Whether a second copy of it, carried out by another decider, would run a temporary child twice (S5.1).
    fn is_for_once(&self, known: Option<&Intent>) -> bool {
        let restart = match &self.command {
            Command::StartChild { spec, .. } => Some(spec.restart),
            Command::RestartChild { .. } => known.map(|intent| intent.spec.restart),
            Command::TerminateChild { .. } | Command::DeleteChild { .. } | Command::UpdateChild { .. } => {
                return false;
            }
        };
        restart.is_none_or(|restart| restart == Restart::Temporary)
    }

    /// Goes back to wait for a decider; what was passed on may be lost or done.
    fn wait_again(&mut self, now: Time, detail: &str) {
        if let Stage::Sent { to } = self.stage {
            self.before = Some(to);
        }
        self.stage = Stage::Waiting {
            until: now,
            detail: detail.into(),
        };
    }
}

/// Members that disagree about the decider do not for long.
const DISAGREEMENT: Duration = Duration::from_millis(50);

impl Node {
    pub(crate) fn requested(&mut self, request: RequestId, timeout: Duration, command: Command) {
        if self.standing.is_leaving() {
            return self.reply(request, Err(CallError::Leaving));
        }
        if let Some(invalid) = self.invalid(&command) {
            return self.reply(request, Err(CallError::Invalid(invalid)));
        }
        let now = self.now.mono;
        let detail = String::from("no settled set of members");
        let stage = Stage::Waiting { until: now, detail };
        self.asked.insert(
            request,
            Asked {
                command,
                deadline: now + timeout,
                stage,
                before: None,
                doubt: false,
            },
        );
    }

    /// What is wrong with a call, if anything is.
    fn invalid(&self, command: &Command) -> Option<String> {
        let (horde, _) = command.child();
        if !self.config.hordes.contains(horde) {
            return Some(format!(
                "this node is not in horde {horde}; it is in {:?}",
                self.config.hordes
            ));
        }
        if let Command::StartChild { spec, .. } | Command::UpdateChild { spec, .. } = command {
            return spec
                .problem()
                .or_else(|| policy(spec, None).validate(None).err().map(|e| e.to_string()));
        }
        None
    }

    /// Moves every call on that can be.
    pub(crate) fn advance_asked(&mut self) -> bool {
        let mut worked = false;
        let numbers: Vec<_> = self.asked.keys().copied().collect();
        for request in numbers {
            worked |= self.advance_one(request);
        }
        worked
    }

    fn advance_one(&mut self, request: RequestId) -> bool {
        let now = self.now.mono;
        let Some(asked) = self.asked.get(&request) else {
            return false;
        };
        if now >= asked.deadline {
            let error = match &asked.stage {
                Stage::Waiting { detail, .. } if asked.before.is_none() => CallError::NotReady {
                    detail: detail.clone(),
                },
                Stage::Waiting { detail, .. } => CallError::Unknown {
                    detail: detail.clone(),
                },
                Stage::Sent { to } => CallError::Unknown {
                    detail: format!("{} did not answer in time", self.name_of(*to)),
                },
                Stage::Holding { .. } => CallError::Unknown {
                    detail: "done, but not confirmed by a second node in time".into(),
                },
            };
            self.asked.remove(&request);
            self.reply(request, Err(error));
            return true;
        }
        match &asked.stage {
            Stage::Waiting { until, .. } if now >= *until => self.pass_on(request),
            Stage::Sent { to } if *to != self.id && !self.is_living(*to) => self.decider_lost(request),
            Stage::Waiting { .. } | Stage::Sent { .. } => false,
            Stage::Holding { written, held_by, .. } => {
                if !written.iter().all(|dot| self.covers(*dot)) {
                    return false;
                }
                let mut holders = self.holders_of_all(written);
                holders.extend(held_by.iter().filter(|holder| self.is_living(**holder)));
                let is_held = holders.len() >= self.write_concern();
                if !is_held && !self.planted.is(Bug::AnsweredBeforeHeld) {
                    return false;
                }
                self.held(request, &holders);
                true
            }
        }
    }

    fn pass_on(&mut self, request: RequestId) -> bool {
        let Some(asked) = self.asked.get(&request) else {
            return false;
        };
        let key = ChildKey::from(asked.command.child());
        let (decider, asked) = (self.decider(&key), self.asked.get_mut(&request));
        let (Some(decider), Some(asked)) = (decider, asked) else {
            return false;
        };
        let known = self.children.get(&key).and_then(|child| child.claims.intent());
        if asked.before.is_some_and(|before| before != decider) && asked.is_for_once(known) {
            // Another decider knows nothing of the first try, which may have started it, or will yet (S5.1).
            let detail = "the node that decides about this child changed meanwhile".into();
            self.asked.remove(&request);
            self.reply(request, Err(CallError::Unknown { detail }));
            return true;
        }
        if decider != self.id && self.links.used(decider).is_none() {
            return false;
        }
        asked.doubt |= asked.before.is_some();
        asked.stage = Stage::Sent { to: decider };
        let timeout = asked.deadline.since(self.now.mono);
        let ask = Ask {
            origin: self.id,
            request,
            hops: 0,
            timeout,
            command: asked.command.clone(),
        };
        self.send(decider, &Message::Ask(ask));
        true
    }

    /// The decider is down: its successor is asked.
    fn decider_lost(&mut self, request: RequestId) -> bool {
        if let Some(asked) = self.asked.get_mut(&request) {
            asked.wait_again(self.now.mono, "the node that decides about this child went down");
        }
        true
    }

    /// A connection is back: whatever was passed on to that peer, or answered by it, may be lost. It remembers
    /// what it answered.
    pub(crate) fn ask_again(&mut self, peer: NodeId) {
        let now = self.now.mono;
        for asked in self.asked.values_mut() {
            if matches!(asked.stage, Stage::Sent { to } if to == peer) {
                asked.wait_again(now, "the connection with the node that decides broke");
            }
        }
    }

    /// The decider's answer.
    pub(crate) fn told(&mut self, told: Told) {
        let Some(asked) = self.asked.get_mut(&told.request) else {
            return;
        };
        match told.result {
            Ok(answer) => {
                if told.written.is_empty() {
                    self.asked.remove(&told.request);
                    self.reply(told.request, Ok(answer));
                } else {
                    asked.stage = Stage::Holding {
                        answer,
                        written: told.written,
                        held_by: told.held_by,
                    };
                }
            }
            Err(CallError::NotDecider { view }) if self.now.mono + DISAGREEMENT < asked.deadline => {
                let detail = format!("the members disagree about who decides (last seen: {view:?})");
                asked.stage = Stage::Waiting {
                    until: self.now.mono + DISAGREEMENT,
                    detail,
                };
            }
            Err(error) => {
                let error = if asked.doubt { doubtful(error) } else { error };
                self.asked.remove(&told.request);
                self.reply(told.request, Err(error));
            }
        }
    }

    fn held(&mut self, request: RequestId, holders: &BTreeSet<NodeId>) {
        let Some(Asked {
            command,
            stage: Stage::Holding { answer, .. },
            ..
        }) = self.asked.remove(&request)
        else {
            return;
        };
        let answer = match answer {
            Answer::Started { child, .. } => {
                let key = ChildKey::from(command.child());
                // The asking node finds the child from now on (S5.6).
                self.publish(&key);
                let held_by: Vec<NodeName> = holders.iter().map(|holder| self.name_of(*holder)).collect();
                let known = self
                    .info(&key)
                    .filter(|known| known.token >= child.token && known.state == ChildState::Running);
                let child = known.map_or(child, Arc::new);
                Answer::Started {
                    child,
                    held_by,
                    durable: false,
                }
            }
            Answer::Updated(child) => {
                let key = ChildKey::from(command.child());
                self.publish(&key);
                Answer::Updated(child)
            }
            other => other,
        };
        self.reply(request, Ok(answer));
    }

    fn reply(&mut self, request: RequestId, result: Result<Answer, CallError>) {
        self.output(Output::Reply { request, result });
    }

    pub(crate) fn asked_deadline(&self) -> Option<Time> {
        self.asked
            .values()
            .map(|asked| match &asked.stage {
                Stage::Waiting { until, .. } if *until > self.now.mono => asked.deadline.min(*until),
                _ => asked.deadline,
            })
            .min()
    }
}

/// What a failure is worth if an earlier copy of the call may have been done: even "already started" may be its
/// echo.
fn doubtful(error: CallError) -> CallError {
    match error {
        CallError::Invalid(_) | CallError::Leaving | CallError::Unknown { .. } => error,
        error => {
            let detail =
                format!("the call had to be passed on again, so it may have been done; then: {error}");
            CallError::Unknown { detail }
        }
    }
}
