//! The static core together with the callers it owes answers.

use std::collections::VecDeque;
use tokio::sync::oneshot::Sender;

use super::handle::{ChildInfo, ChildState, StartedChild};
use crate::decisions::{
    self, CallError, ChildPolicy, Counts, Incarnation, Reply, Request, StaticAction, StaticCore, StaticEvent,
    Time,
};
use crate::driver::call::give;
use crate::driver::child_id::{ChildId, ChildRef};
use crate::driver::child_spec::ChildSpec;
use crate::driver::errors::{
    DeleteChildError, QueryError, RestartChildError, StartChildError, TerminateChildError,
};
use crate::driver::events::Event;
use crate::driver::factory::Factory;
use crate::driver::hands::Hands;
use crate::driver::mailbox::SupervisorId;
use crate::driver::run::{Fact, Mind, Order};

/// A call, and who made it.
pub(in crate::driver) struct Asked {
    /// The child of this supervisor that the caller is or is below.
    pub(super) caller: Option<Incarnation>,
    pub(super) command: Command,
}

/// A call, and where its answer goes.
pub(in crate::driver) enum Command {
    /// Boxed: each message, also the news of a child, would be as large as a spec.
    StartChild(Box<ChildSpec>, Sender<Result<StartedChild, StartChildError>>),
    TerminateChild(ChildId, Sender<Result<(), TerminateChildError>>),
    RestartChild(ChildId, Sender<Result<StartedChild, RestartChildError>>),
    RestartNow(ChildId, Sender<Result<StartedChild, RestartChildError>>),
    DeleteChild(ChildId, Sender<Result<(), DeleteChildError>>),
    WhichChildren(Sender<Result<Vec<ChildInfo>, QueryError>>),
    CountChildren(Sender<Result<Counts, QueryError>>),
    ChildSpec(ChildId, Sender<Result<ChildPolicy, QueryError>>),
}

/// Where an answer goes, and whom it is about.
enum Caller {
    StartChild(ChildId, Sender<Result<StartedChild, StartChildError>>),
    TerminateChild(ChildId, Sender<Result<(), TerminateChildError>>),
    RestartChild(ChildId, Sender<Result<StartedChild, RestartChildError>>),
    DeleteChild(ChildId, Sender<Result<(), DeleteChildError>>),
    WhichChildren(Sender<Result<Vec<ChildInfo>, QueryError>>),
    CountChildren(Sender<Result<Counts, QueryError>>),
    ChildSpec(Sender<Result<ChildPolicy, QueryError>>),
}

pub(super) struct StaticMind {
    supervisor: SupervisorId,
    core: StaticCore<ChildId, Factory>,
    /// In the order of their calls, which is mostly the order in which the core answers.
    callers: VecDeque<(u64, Caller)>,
    calls: u64,
    up: Option<Sender<()>>,
}

impl StaticMind {
    pub(super) fn new(supervisor: SupervisorId, core: StaticCore<ChildId, Factory>, up: Sender<()>) -> Self {
        Self {
            supervisor,
            core,
            callers: VecDeque::new(),
            calls: 0,
            up: Some(up),
        }
    }

    fn answer(&mut self, call: u64, reply: Reply<ChildId>, hands: &mut Hands) {
        let Some(at) = self.callers.iter().position(|(waiting, _)| *waiting == call) else {
            return;
        };
        let Some((_, caller)) = self.callers.remove(at) else {
            return;
        };
        let supervisor = self.supervisor;
        let named = |id| Named { supervisor, id };
        match caller {
            Caller::StartChild(id, answer) => give(answer, start_child_answer(&named(id), reply, hands)),
            Caller::TerminateChild(id, answer) => {
                give(answer, terminate_child_answer(&named(id), &reply));
            }
            Caller::RestartChild(id, answer) => {
                give(answer, restart_child_answer(&named(id), reply, hands));
            }
            Caller::DeleteChild(id, answer) => give(answer, delete_child_answer(&named(id), &reply)),
            Caller::WhichChildren(answer) => give(
                answer,
                match reply {
                    Reply::Children(children) => {
                        let children = children.into_iter();
                        Ok(children.map(|child| child_info(supervisor, child)).collect())
                    }
                    refused => Err(query_error(&refused)),
                },
            ),
            Caller::CountChildren(answer) => give(
                answer,
                match reply {
                    Reply::Counts(counts) => Ok(counts),
                    refused => Err(query_error(&refused)),
                },
            ),
            Caller::ChildSpec(answer) => give(
                answer,
                match reply {
                    Reply::Policy(policy) => Ok(policy),
                    refused => Err(query_error(&refused)),
                },
            ),
        }
    }
}

impl Mind for StaticMind {
    type Command = Asked;

    fn command(&mut self, asked: Asked, now: Time) {
        let Asked {
            caller: child,
            command,
        } = asked;
        let (request, caller) = match command {
            Command::StartChild(spec, answer) => {
                let caller = Caller::StartChild(spec.id.clone(), answer);
                let request = Request::StartChild {
                    key: spec.id,
                    policy: spec.policy,
                    payload: spec.start,
                };
                (request, caller)
            }
            Command::TerminateChild(id, answer) => (
                Request::TerminateChild { key: id.clone() },
                Caller::TerminateChild(id, answer),
            ),
            Command::RestartChild(id, answer) => (
                Request::RestartChild { key: id.clone() },
                Caller::RestartChild(id, answer),
            ),
            Command::RestartNow(id, answer) => (
                Request::RestartNow { key: id.clone() },
                Caller::RestartChild(id, answer),
            ),
            Command::DeleteChild(id, answer) => (
                Request::DeleteChild { key: id.clone() },
                Caller::DeleteChild(id, answer),
            ),
            Command::WhichChildren(answer) => (Request::WhichChildren, Caller::WhichChildren(answer)),
            Command::CountChildren(answer) => (Request::CountChildren, Caller::CountChildren(answer)),
            Command::ChildSpec(id, answer) => (Request::ChildSpec { key: id }, Caller::ChildSpec(answer)),
        };
        self.calls += 1;
        self.callers.push_back((self.calls, caller));
        self.core.step(
            StaticEvent::Call {
                call: self.calls,
                caller: child,
                request,
            },
            now,
        );
    }

    fn step(&mut self, fact: Fact, now: Time) {
        let event = match fact {
            Fact::Started { incarnation, outcome } => StaticEvent::Started { incarnation, outcome },
            Fact::Exited { incarnation, reason } => StaticEvent::Exited { incarnation, reason },
            Fact::Lingers(incarnation) => StaticEvent::Lingers { incarnation },
            Fact::Stop(reason) => StaticEvent::Stop { reason },
            Fact::Kill => StaticEvent::Kill,
            Fact::Tick => StaticEvent::Tick,
        };
        self.core.step(event, now);
    }

    fn deadline(&self) -> Option<Time> {
        self.core.next_deadline()
    }

    fn is_stopping(&self) -> bool {
        self.core.is_stopping()
    }

    fn next_order(&mut self, hands: &mut Hands) -> Option<Order> {
        loop {
            return Some(match self.core.poll_action()? {
                StaticAction::Start {
                    key,
                    incarnation,
                    restarts,
                    payload,
                } => Order::Start {
                    id: key,
                    incarnation,
                    restarts,
                    start: payload,
                },
                StaticAction::Signal {
                    incarnation, signal, ..
                } => Order::Signal(incarnation, signal),
                StaticAction::Exit { reason, zombies } => Order::Exit { reason, zombies },
                StaticAction::Report(report) => Order::Tell(Event::Report(report)),
                StaticAction::Zombie { key, incarnation } => {
                    Order::Tell(Event::Zombie(ChildRef::new(self.supervisor, key, incarnation)))
                }
                StaticAction::AutoShutdown { key } => Order::Tell(Event::AutoShutdown(key)),
                StaticAction::Reply { call, reply } => {
                    self.answer(call, reply, hands);
                    continue;
                }
                StaticAction::Initialized => {
                    if let Some(up) = self.up.take() {
                        give(up, ());
                    }
                    continue;
                }
            });
        }
    }
}

fn child_info(supervisor: SupervisorId, child: decisions::ChildView<ChildId>) -> ChildInfo {
    let reference = |incarnation| ChildRef::new(supervisor, child.key.clone(), incarnation);
    let state = match child.state {
        decisions::ChildState::Running(incarnation) => ChildState::Running(reference(incarnation)),
        decisions::ChildState::Undefined => ChildState::Undefined,
        decisions::ChildState::Restarting(last) => ChildState::Restarting(last.map(reference)),
        decisions::ChildState::Zombie(incarnation) => ChildState::Zombie(reference(incarnation)),
    };
    ChildInfo {
        state,
        id: child.key,
        child_type: child.child_type,
        restarts: child.restarts,
    }
}

/// A child by its name, to be told by its runs.
struct Named {
    supervisor: SupervisorId,
    id: ChildId,
}

impl Named {
    fn at(&self, incarnation: Incarnation) -> ChildRef {
        ChildRef::new(self.supervisor, self.id.clone(), incarnation)
    }
}

fn start_child_answer(
    child: &Named,
    reply: Reply<ChildId>,
    hands: &mut Hands,
) -> Result<StartedChild, StartChildError> {
    Err(match reply {
        Reply::Started(incarnation) => {
            return Ok(StartedChild::Running(child.at(incarnation), hands.take_info()));
        }
        Reply::Ignored => return Ok(StartedChild::Ignored),
        Reply::Refused(CallError::AlreadyPresent) => StartChildError::AlreadyPresent,
        Reply::Refused(CallError::AlreadyStarted(incarnation)) => {
            StartChildError::AlreadyStarted(child.at(incarnation))
        }
        Reply::Refused(CallError::Zombie(incarnation)) => StartChildError::Zombie(child.at(incarnation)),
        Reply::Refused(CallError::InvalidSpec(error)) => StartChildError::InvalidSpec(error),
        Reply::Refused(CallError::Failed(reason)) => match hands.take_already_started() {
            Some(child) => StartChildError::AlreadyStarted(child),
            None => StartChildError::Failed(reason),
        },
        Reply::Refused(CallError::WouldDeadlock) => StartChildError::WouldDeadlock,
        _ => StartChildError::SupervisorGone,
    })
}

fn restart_child_answer(
    child: &Named,
    reply: Reply<ChildId>,
    hands: &mut Hands,
) -> Result<StartedChild, RestartChildError> {
    Err(match reply {
        Reply::Started(incarnation) => {
            return Ok(StartedChild::Running(child.at(incarnation), hands.take_info()));
        }
        Reply::Ignored => return Ok(StartedChild::Ignored),
        Reply::Refused(CallError::NotFound) => RestartChildError::NotFound,
        Reply::Refused(CallError::Running(incarnation)) => RestartChildError::Running(child.at(incarnation)),
        Reply::Refused(CallError::Restarting) => RestartChildError::Restarting,
        Reply::Refused(CallError::Temporary) => RestartChildError::Temporary,
        Reply::Refused(CallError::Zombie(incarnation)) => RestartChildError::Zombie(child.at(incarnation)),
        Reply::Refused(CallError::Failed(reason)) => match hands.take_already_started() {
            Some(child) => RestartChildError::AlreadyStarted(child),
            None => RestartChildError::Failed(reason),
        },
        Reply::Refused(CallError::WouldDeadlock) => RestartChildError::WouldDeadlock,
        _ => RestartChildError::SupervisorGone,
    })
}

fn terminate_child_answer(child: &Named, reply: &Reply<ChildId>) -> Result<(), TerminateChildError> {
    match reply {
        Reply::Done => Ok(()),
        Reply::Refused(CallError::NotFound) => Err(TerminateChildError::NotFound),
        Reply::Refused(CallError::Zombie(incarnation)) => {
            Err(TerminateChildError::Zombie(child.at(*incarnation)))
        }
        Reply::Refused(CallError::WouldDeadlock) => Err(TerminateChildError::WouldDeadlock),
        _ => Err(TerminateChildError::SupervisorGone),
    }
}

fn delete_child_answer(child: &Named, reply: &Reply<ChildId>) -> Result<(), DeleteChildError> {
    match reply {
        Reply::Done => Ok(()),
        Reply::Refused(CallError::NotFound) => Err(DeleteChildError::NotFound),
        Reply::Refused(CallError::Running(incarnation)) => {
            Err(DeleteChildError::Running(child.at(*incarnation)))
        }
        Reply::Refused(CallError::Restarting) => Err(DeleteChildError::Restarting),
        Reply::Refused(CallError::Zombie(incarnation)) => {
            Err(DeleteChildError::Zombie(child.at(*incarnation)))
        }
        Reply::Refused(CallError::WouldDeadlock) => Err(DeleteChildError::WouldDeadlock),
        _ => Err(DeleteChildError::SupervisorGone),
    }
}

fn query_error(reply: &Reply<ChildId>) -> QueryError {
    match reply {
        Reply::Refused(CallError::NotFound) => QueryError::NotFound,
        Reply::Refused(CallError::WouldDeadlock) => QueryError::WouldDeadlock,
        _ => QueryError::SupervisorGone,
    }
}
