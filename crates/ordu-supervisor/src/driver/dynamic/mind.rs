//! The dynamic core together with the callers it owes answers.

use tokio::sync::oneshot::Sender;

use super::start_calls::{StartCall, StartCalls};
use super::waits::{Wait, Waits};
use crate::decisions::numbered::Numbered;
use crate::decisions::{
    ChildPhase, Counts, DynamicAction, DynamicCore, DynamicEvent, ExitReason, Incarnation, Notice, Offender,
    Refusal, Report, Time,
};
use crate::driver::call::{give, push_waiting};
use crate::driver::child_id::{ChildId, ChildRef};
use crate::driver::child_spec::ChildSpec;
use crate::driver::errors::{QueryError, RestartChildError, StartChildError, TerminateChildError};
use crate::driver::events::Event;
use crate::driver::factory::Factory;
use crate::driver::hands::Hands;
use crate::driver::mailbox::SupervisorId;
use crate::driver::run::{Fact, Mind, Order};
use crate::driver::supervisor::{ChildInfo, ChildState, StartedChild};

/// A call, and where its answer goes.
pub(in crate::driver) enum Command {
    /// Boxed: it is large, and all messages would be moved as if they were.
    StartChild(Box<ChildSpec>, StartCall),
    TerminateChild(Waiting<(), TerminateChildError>),
    RestartNow(Waiting<StartedChild, RestartChildError>),
    WhichChildren(Sender<Result<Vec<ChildInfo>, QueryError>>),
    CountChildren(Sender<Result<Counts, QueryError>>),
}

/// Somebody who waits for the end of a child.
pub(in crate::driver) struct Waiting<T, E> {
    pub(super) child: Incarnation,
    /// The child of this supervisor that the caller is or is below.
    pub(super) caller: Option<Incarnation>,
    pub(super) answer: Sender<Result<T, E>>,
}

impl<T, E> Waiting<T, E> {
    fn wait(&self) -> Option<Wait> {
        let child = self.child;
        self.caller.map(|caller| Wait { caller, child })
    }

    fn end(self, waits: &mut Waits, answer: Result<T, E>) {
        if let Some(wait) = self.wait() {
            waits.remove(wait);
        }
        give(self.answer, answer);
    }

    /// Whether nobody waits any more, which is noted then.
    fn is_dropped(&self, waits: &mut Waits) -> bool {
        let dropped = self.answer.is_closed();
        if let Some(wait) = self.wait().filter(|_| dropped) {
            waits.remove(wait);
        }
        dropped
    }
}

/// What the core knows a child by: a number, since ids may repeat, with the id at hand.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) number: u64,
    id: ChildId,
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.number.cmp(&other.number)
    }
}

type Callers<T> = Numbered<u64, T>;

pub(super) struct DynamicMind {
    supervisor: SupervisorId,
    core: DynamicCore<Key, Factory>,
    last_key: u64,
    starts: StartCalls,
    terminates: Callers<Vec<Waiting<(), TerminateChildError>>>,
    restarts: Callers<Vec<Waiting<StartedChild, RestartChildError>>>,
    /// Of those in `terminates` and `restarts` that are children here.
    waits: Waits,
}

impl DynamicMind {
    pub(super) fn new(supervisor: SupervisorId, core: DynamicCore<Key, Factory>) -> Self {
        Self {
            supervisor,
            core,
            last_key: 0,
            starts: StartCalls::default(),
            terminates: Callers::default(),
            restarts: Callers::default(),
            waits: Waits::default(),
        }
    }

    fn which_children(&self) -> Vec<ChildInfo> {
        self.core
            .children()
            .map(|(key, incarnation, phase, policy)| {
                let child = ChildRef::new(self.supervisor, key.id.clone(), incarnation);
                let state = match phase {
                    ChildPhase::Starting => ChildState::Starting(child),
                    ChildPhase::Running => ChildState::Running(child),
                    ChildPhase::Stopping => ChildState::Stopping(child),
                    ChildPhase::Restarting => ChildState::Restarting(Some(child)),
                    ChildPhase::Zombie => ChildState::Zombie(child),
                };
                let restarts = self.core.restarts(key).unwrap_or(0);
                ChildInfo {
                    id: key.id.clone(),
                    state,
                    child_type: policy.child_type,
                    restarts,
                }
            })
            .collect()
    }

    fn terminate_child(&mut self, mut waiting: Waiting<(), TerminateChildError>, now: Time) {
        let child = waiting.child;
        let Some(key) = self.core.key_of(child).cloned() else {
            return give(waiting.answer, Err(TerminateChildError::NotFound));
        };
        if matches!(self.core.child(&key), Some((_, ChildPhase::Zombie))) {
            let zombie = ChildRef::new(self.supervisor, key.id, child);
            return give(waiting.answer, Err(TerminateChildError::Zombie(zombie)));
        }
        if !self.may_wait(&mut waiting) {
            return give(waiting.answer, Err(TerminateChildError::WouldDeadlock));
        }
        let waits = &mut self.waits;
        let terminates = self.terminates.entry(key.number).or_default();
        push_waiting(terminates, waiting, |waiting| waiting.is_dropped(waits));
        self.core.step(
            DynamicEvent::Terminate {
                key,
                reason: ExitReason::Shutdown,
            },
            now,
        );
    }

    fn restart_now(&mut self, mut waiting: Waiting<StartedChild, RestartChildError>, now: Time) {
        let child = waiting.child;
        let Some(key) = self.core.key_of(child).cloned() else {
            return give(waiting.answer, Err(RestartChildError::NotFound));
        };
        if matches!(self.core.child(&key), Some((_, ChildPhase::Zombie))) {
            let zombie = ChildRef::new(self.supervisor, key.id, child);
            return give(waiting.answer, Err(RestartChildError::Zombie(zombie)));
        }
        // Somebody had it terminated before.
        if self.terminates.contains_key(&key.number) {
            return give(waiting.answer, Err(RestartChildError::NotFound));
        }
        if !self.may_wait(&mut waiting) {
            return give(waiting.answer, Err(RestartChildError::WouldDeadlock));
        }
        let waits = &mut self.waits;
        let restarts = self.restarts.entry(key.number).or_default();
        push_waiting(restarts, waiting, |waiting| waiting.is_dropped(waits));
        self.core.step(DynamicEvent::Restart { key }, now);
    }

    fn answer_restarts(
        &mut self,
        key: &Key,
        mut answer: impl FnMut() -> Result<StartedChild, RestartChildError>,
    ) {
        for waiting in self.restarts.remove(&key.number).unwrap_or_default() {
            waiting.end(&mut self.waits, answer());
        }
    }

    /// Whether a caller may wait so: not if it waited for itself, by way of others perhaps. Who has dropped its
    /// call does not wait.
    fn may_wait<T, E>(&mut self, waiting: &mut Waiting<T, E>) -> bool {
        if waiting.answer.is_closed() {
            waiting.caller = None;
        }
        let waits = &mut self.waits;
        let Some(wait) = waiting.wait() else { return true };
        if waits.add(wait) {
            return true;
        }
        // They stay, though empty, where it is noted that somebody had called.
        for terminates in self.terminates.values_mut() {
            terminates.retain(|waiting| !waiting.is_dropped(waits));
        }
        for restarts in self.restarts.values_mut() {
            restarts.retain(|waiting| !waiting.is_dropped(waits));
        }
        waits.add(wait)
    }

    fn answer_failed_restarts(&mut self, key: &Key, already_started: Option<&ChildRef>, reason: &ExitReason) {
        self.answer_restarts(key, || {
            Err(match already_started {
                Some(child) => RestartChildError::AlreadyStarted(child.clone()),
                None => RestartChildError::Failed(reason.clone()),
            })
        });
    }

    fn answer_start(&mut self, key: &Key, answer: impl FnOnce() -> Result<StartedChild, StartChildError>) {
        self.starts.answer(key.number, answer);
    }

    /// Refuses the starts that children wait for and that would have to wait for those children.
    fn refuse_hopeless_starts(&mut self, now: Time) {
        while self.starts.some_wait() && self.core.waiting_starts() > 0 {
            let core = &self.core;
            let hopeless = self.starts.hopeless(
                core.undecided_starts(),
                |caller| core.is_first_start(caller),
                |key| core.child(key).is_some(),
            );
            let Some(key) = hopeless else { return };
            self.core.step(DynamicEvent::Withdraw { key: key.clone() }, now);
            self.answer_start(&key, || Err(StartChildError::WouldDeadlock));
        }
    }

    fn answer_terminates(&mut self, key: &Key, answer: &Result<(), TerminateChildError>) {
        for waiting in self.terminates.remove(&key.number).unwrap_or_default() {
            waiting.end(&mut self.waits, answer.clone());
        }
    }

    fn noticed(&mut self, key: &Key, incarnation: Incarnation, notice: Notice, hands: &mut Hands) {
        let supervisor = self.supervisor;
        let child = || ChildRef::new(supervisor, key.id.clone(), incarnation);
        match notice {
            Notice::Running => {
                self.answer_start(key, || Ok(StartedChild::Running(child(), hands.take_info())));
                self.answer_restarts(key, || Ok(StartedChild::Running(child(), hands.take_info())));
            }
            Notice::Ignored | Notice::Disowned => {
                self.answer_start(key, || Ok(StartedChild::Ignored));
                self.answer_restarts(key, || Ok(StartedChild::Ignored));
            }
            Notice::StartFailed(reason) => {
                let already_started = hands.take_already_started();
                self.answer_start(key, || {
                    Err(match &already_started {
                        Some(child) => StartChildError::AlreadyStarted(child.clone()),
                        None => StartChildError::Failed(reason.clone()),
                    })
                });
                self.answer_failed_restarts(key, already_started.as_ref(), &reason);
            }
            Notice::Zombie => {
                self.answer_start(key, || Err(StartChildError::Zombie(child())));
                self.answer_restarts(key, || Err(RestartChildError::Zombie(child())));
                self.answer_terminates(key, &Err(TerminateChildError::Zombie(child())));
            }
            // Either may come before the child was up.
            Notice::Stopped { .. } => {
                self.answer_start(key, || Err(StartChildError::Failed(ExitReason::Killed)));
                self.answer_restarts(key, || Err(RestartChildError::NotFound));
                self.answer_terminates(key, &Ok(()));
            }
            Notice::Relinquished(_) => {
                self.answer_start(key, || Err(StartChildError::SupervisorGone));
                self.answer_restarts(key, || Err(RestartChildError::SupervisorGone));
                self.answer_terminates(key, &Ok(()));
            }
            // Of a child whose restart was ordered, these tell that its start failed.
            Notice::Restarting { reason, .. } | Notice::GaveUp(reason) => {
                let already_started = hands.take_already_started();
                self.answer_failed_restarts(key, already_started.as_ref(), &reason);
            }
            Notice::Finished(_) => {}
        }
    }

    fn refused(&mut self, key: &Key, refusal: Refusal) {
        self.answer_restarts(key, || {
            Err(match refusal {
                Refusal::Temporary => RestartChildError::Temporary,
                Refusal::NotFound => RestartChildError::NotFound,
                _ => RestartChildError::SupervisorGone,
            })
        });
        self.answer_start(key, || {
            Err(match refusal {
                Refusal::MaxChildren => StartChildError::MaxChildren,
                Refusal::InvalidSpec(error) => StartChildError::InvalidSpec(error),
                _ => StartChildError::SupervisorGone,
            })
        });
    }
}

impl Mind for DynamicMind {
    type Command = Command;

    fn command(&mut self, command: Command, now: Time) {
        match command {
            Command::StartChild(spec, call) => {
                self.last_key += 1;
                let ChildSpec {
                    id,
                    start: payload,
                    policy,
                    ..
                } = *spec;
                let number = self.last_key;
                let key = Key { number, id };
                self.starts.insert(number, call);
                let waiting = self.core.waiting_starts();
                let new = key.clone();
                self.core.step(
                    DynamicEvent::StartChild {
                        key,
                        policy,
                        payload,
                        restarts: 0,
                    },
                    now,
                );
                if self.core.waiting_starts() > waiting {
                    self.starts.waits(new);
                }
            }
            Command::TerminateChild(waiting) => self.terminate_child(waiting, now),
            Command::RestartNow(waiting) => self.restart_now(waiting, now),
            Command::WhichChildren(answer) => give(answer, Ok(self.which_children())),
            Command::CountChildren(answer) => give(answer, Ok(self.core.count_children())),
        }
        self.refuse_hopeless_starts(now);
    }

    fn step(&mut self, fact: Fact, now: Time) {
        let event = match fact {
            Fact::Started { incarnation, outcome } => DynamicEvent::Started { incarnation, outcome },
            Fact::Exited { incarnation, reason } => DynamicEvent::Exited { incarnation, reason },
            Fact::Lingers(incarnation) => DynamicEvent::Lingers { incarnation },
            Fact::Stop(reason) => DynamicEvent::Stop { reason },
            Fact::Kill => DynamicEvent::Kill,
            Fact::Tick => DynamicEvent::Tick,
        };
        self.core.step(event, now);
        self.refuse_hopeless_starts(now);
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
                DynamicAction::Start {
                    key,
                    incarnation,
                    restarts,
                    payload,
                } => Order::Start {
                    id: key.id,
                    incarnation,
                    restarts,
                    start: payload,
                },
                DynamicAction::Signal {
                    incarnation, signal, ..
                } => Order::Signal(incarnation, signal),
                DynamicAction::Exit { reason, zombies } => Order::Exit { reason, zombies },
                DynamicAction::Report(report) => Order::Tell(Event::Report(with_id(report))),
                DynamicAction::Notice {
                    key,
                    incarnation,
                    notice,
                } => {
                    let is_zombie = matches!(notice, Notice::Zombie);
                    self.noticed(&key, incarnation, notice, hands);
                    if !is_zombie {
                        continue;
                    }
                    Order::Tell(Event::Zombie(ChildRef::new(self.supervisor, key.id, incarnation)))
                }
                DynamicAction::Refused { key, refusal } => {
                    self.refused(&key, refusal);
                    continue;
                }
            });
        }
    }
}

/// The report about the child by its id.
fn with_id(report: Report<Key>) -> Report<ChildId> {
    let named = |offender: Offender<Key>| offender.map_key(|key| key.id);
    match report {
        Report::Progress(offender) => Report::Progress(named(offender)),
        Report::StartError(offender, reason) => Report::StartError(named(offender), reason),
        Report::ChildTerminated(offender, reason) => Report::ChildTerminated(named(offender), reason),
        Report::ShutdownError(offender, reason) => Report::ShutdownError(named(offender), reason),
        Report::ReachedMaxRestartIntensity(offender) => Report::ReachedMaxRestartIntensity(named(offender)),
    }
}
