use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use ordu_crdt::Dot;
use ordu_supervisor::decisions::Restart;

use super::Closed;
use crate::children::policy;
use crate::node::Node;
use crate::planted::Bug;
use crate::registers::{ChildKey, Intent, Key};
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
    /// How often in a row an asked node named another (S4.1).
    redirects: u8,
}

#[derive(Debug)]
enum Stage {
    /// No decider is known, or the members disagree: tried again then. If nothing comes of it, that is the answer.
    Waiting { until: Time, error: CallError },
    /// Passed on to the decider.
    Sent { to: NodeId },
    /// Done; waits for the write concern (S5.2).
    Holding {
        answer: Answer,
        /// The child's entry first.
        written: Vec<Dot>,
        /// Who holds all of it by the decider's word.
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
            error: CallError::NotReady {
                detail: detail.into(),
            },
        };
    }

    fn is_sent_to(&self, node: NodeId) -> bool {
        matches!(self.stage, Stage::Sent { to } if to == node)
    }

    /// Whether an answer would still be taken.
    fn is_open(&self) -> bool {
        !matches!(self.stage, Stage::Holding { .. })
    }
}

/// Members that disagree about the decider do not for long.
const DISAGREEMENT: Duration = Duration::from_millis(50);
/// An asked node that does not decide names the one that does, so often in a row (S4.1).
const MAX_REDIRECTS: u8 = 2;

impl Node {
    pub(crate) fn requested(&mut self, request: RequestId, timeout: Duration, command: Command) {
        if self.standing.is_leaving() {
            return self.reply(request, Err(CallError::Leaving));
        }
        if let Some(invalid) = self.invalid(&command) {
            return self.reply(request, Err(CallError::Invalid(invalid)));
        }
        let now = self.now.mono;
        let times = if self.planted.is(Bug::DeadlineMissed) {
            2
        } else {
            1
        };
        let detail = String::from("no settled set of members");
        let error = CallError::NotReady { detail };
        let stage = Stage::Waiting { until: now, error };
        self.last_request = request;
        self.asked.insert(
            request,
            Asked {
                command,
                deadline: now + timeout * times,
                stage,
                before: None,
                doubt: false,
                redirects: 0,
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
                Stage::Waiting { error, .. } if asked.before.is_none() => error.clone(),
                Stage::Waiting { error, .. } => doubtful(error.clone()),
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
            Stage::Holding {
                answer,
                written,
                held_by,
            } => {
                if !written.iter().all(|dot| self.covers(*dot)) {
                    return false;
                }
                let living = held_by.iter().filter(|holder| self.is_living(**holder));
                let living: BTreeSet<NodeId> = living.copied().collect();
                let of_all = &self.holders_of_all(written) | &living;
                let concern = self.write_concern();
                // Each write is judged on its own, but the holders of a start are named, and show it as it was answered
                // (S5.6).
                let is_held = match answer {
                    Answer::Started { .. } => of_all.len() >= concern,
                    _ => written
                        .iter()
                        .all(|dot| (&self.holders(*dot) | &living).len() >= concern),
                };
                let is_unheld_stop = answer.is_of_a_stop() && self.planted.is(Bug::StopAnsweredBeforeHeld);
                if !is_held && !is_unheld_stop && !self.planted.is(Bug::AnsweredBeforeHeld) {
                    return false;
                }
                self.held(request, &of_all);
                true
            }
        }
    }

    fn pass_on(&mut self, request: RequestId) -> bool {
        let Some(asked) = self.asked.get(&request) else {
            return false;
        };
        let key = ChildKey::from(asked.command.child());
        self.decider(&key)
            .is_some_and(|decider| self.ask(request, decider))
    }

    /// Passes a call on to the node that decides; gives whether anything came of it.
    fn ask(&mut self, request: RequestId, decider: NodeId) -> bool {
        let Some(asked) = self.asked.get_mut(&request) else {
            return false;
        };
        let key = ChildKey::from(asked.command.child());
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
        let (again, command) = (asked.doubt, asked.command.clone());
        // Also who claimed it, which no other may have told the decider: one that it misses is not one that has stopped.
        let entry = [Key::Intent(key.clone()), Key::Claim(key)];
        let of = |key: &Key| {
            let siblings = self.replica.map().siblings(key);
            siblings.map(|sibling| sibling.dot).collect::<Vec<_>>()
        };
        let seen = entry.iter().flat_map(of).collect();
        let ask = Ask {
            again,
            seen,
            origin: self.id,
            request,
            closed: self.closed_calls(),
            timeout,
            command,
        };
        self.send(decider, &Message::Ask(ask));
        true
    }

    /// The calls of this node that no answer is waited for any more (S5.8).
    fn closed_calls(&self) -> Closed {
        let open = self.asked.iter().filter(|(_, asked)| asked.is_open());
        Closed::all_but(open.map(|(request, _)| *request), self.last_request)
    }

    /// The asked node has done nothing: another decides, as it sees it (S4.1). It is asked, if this node can; where the
    /// members disagree, all is asked anew a little later. Who is passed a call on keeps none of it, so that there is one
    /// node at each time that an answer is owed by, and that this node watches.
    pub(crate) fn redirected(&mut self, from: NodeId, request: RequestId, to: NodeId) {
        let can_be_asked = to != self.id && self.is_living(to) && self.links.used(to).is_some();
        let asked = self.asked.get_mut(&request);
        let Some(asked) = asked.filter(|asked| asked.is_sent_to(from)) else {
            return;
        };
        asked.redirects += 1;
        if can_be_asked && asked.redirects <= MAX_REDIRECTS {
            self.ask(request, to);
            return;
        }
        let view = self.settled.view();
        let view = view.map(|view| view.ready.values().cloned().collect());
        asked.redirects = 0;
        asked.stage = Stage::Waiting {
            until: self.now.mono + DISAGREEMENT,
            error: CallError::NotDecider {
                view: view.unwrap_or_default(),
            },
        };
    }

    /// Whether a call still waits for an answer of this node.
    pub(crate) fn waits_for(&self, request: RequestId, decider: NodeId) -> bool {
        self.asked
            .get(&request)
            .is_some_and(|asked| asked.is_sent_to(decider))
    }

    /// Tells those whose answers came what they need not keep any more, now and then: most hear it with the next call.
    pub(crate) fn acknowledge_answers(&mut self) {
        for decider in core::mem::take(&mut self.unacknowledged) {
            let closed = self.closed_calls();
            self.send(decider, &Message::Acknowledge(closed));
        }
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
        if self.planted.is(Bug::CallLostWithConnection) {
            let lost = self.asked.extract_if(.., |_, asked| asked.is_sent_to(peer));
            let lost: Vec<RequestId> = lost.map(|(request, _)| request).collect();
            let detail = "the connection with the node that decides broke";
            let unknown = || CallError::Unknown {
                detail: detail.into(),
            };
            return lost
                .into_iter()
                .for_each(|request| self.reply(request, Err(unknown())));
        }
        for asked in self.asked.values_mut() {
            if matches!(asked.stage, Stage::Sent { to } if to == peer) {
                asked.wait_again(now, "the connection with the node that decides broke");
            }
        }
    }

    /// This node had been given up by others, who dropped what it had asked of them (S5.7).
    pub(crate) fn ask_everybody_again(&mut self) {
        let now = self.now.mono;
        for asked in self.asked.values_mut() {
            if matches!(asked.stage, Stage::Sent { to } if to != self.id) {
                asked.wait_again(now, "the node that decides had given this one up");
            }
        }
    }

    /// The decider's answer.
    pub(crate) fn told(&mut self, from: NodeId, told: Told) {
        if from != self.id {
            self.unacknowledged.insert(from);
        }
        let Some(asked) = self.asked.get_mut(&told.request) else {
            if self.planted.is(Bug::AnswerRepeated) {
                self.reply(told.request, told.result);
            }
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
