//! The static supervisor: children in an order that matters.

mod action;
mod calls;
mod child;
mod event;
mod restarts;
mod roster;
mod starts;
mod stops;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::ToString;
use core::fmt;

pub use self::action::{CallError, ChildState, ChildView, Reply, StaticAction};
use self::child::{Child, State};
pub use self::event::{Request, StaticEvent};
use self::roster::{Place, Roster};
use super::backoff::Jitter;
use super::intensity::RestartWindow;
use super::stopping::Stopping;
use super::{
    AutoShutdown, ChildPolicy, ChildType, Counts, ExitReason, FlagsError, Incarnation, Intensity, SpecError,
    Strategy, Time,
};

/// What a static supervisor is told when it is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StaticFlags {
    /// Who is restarted together with a child that failed.
    pub strategy: Strategy,
    /// Budget of all children together that have none of their own.
    pub intensity: Intensity,
    /// When the end of a significant child ends the supervisor.
    pub auto_shutdown: AutoShutdown,
    /// Whether the supervisor ends, with [`ExitReason::Unkillable`], when a child that cannot be killed is in
    /// the way of a restart of its group. Otherwise it and those after it stay down until it has ended.
    pub escalate_zombies: bool,
    /// Seed of the random part of back-offs.
    pub seed: u64,
}

/// Why a static supervisor cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InitError {
    /// The flags are not valid (OTP's `supervisor_data`).
    #[error(transparent)]
    Flags(#[from] FlagsError),
    /// A child spec is not valid (OTP's `start_spec`).
    #[error(transparent)]
    Spec(#[from] SpecError),
}

/// The decisions of a supervisor whose children stand in an order (OTP's `supervisor`).
///
/// `step` it with every event, then carry out what [`poll_action`](Self::poll_action) gives until it gives
/// nothing, and arm a timer for [`next_deadline`](Self::next_deadline). A new core wants its first child
/// started at once, so drain it before the first event too.
///
/// Children start one after the other in the order of the list and stop in reverse. While one is being
/// started or stopped everything else waits inside the core, first come, first served, as in the mailbox of
/// an Erlang process; only a stop of the whole supervisor overtakes.
///
/// ```
/// use ordu_supervisor::decisions::{ChildPolicy, Started, StaticAction, StaticCore, StaticEvent, StaticFlags, Time};
///
/// let specs = [("db", ChildPolicy::worker(), ()), ("web", ChildPolicy::worker(), ())];
/// let mut core = StaticCore::new(StaticFlags::default(), specs, Time::ZERO)?;
/// let Some(StaticAction::Start { key: "db", incarnation, .. }) = core.poll_action() else { panic!() };
/// assert_eq!(core.poll_action(), None); // "web" waits until "db" is up.
/// core.step(StaticEvent::Started { incarnation, outcome: Ok(Started::Running) }, Time::ZERO);
/// let actions: Vec<_> = std::iter::from_fn(|| core.poll_action()).collect();
/// assert!(matches!(actions.last(), Some(StaticAction::Start { key: "web", .. })));
/// # Ok::<(), ordu_supervisor::decisions::InitError>(())
/// ```
#[derive(Debug, Clone)]
pub struct StaticCore<K, P = ()> {
    flags: StaticFlags,
    roster: Roster<K, P>,
    window: RestartWindow,
    jitter: Jitter,
    last: Incarnation,
    /// What waits its turn.
    inbox: VecDeque<Queued<K, P>>,
    /// The calls of children that wait in the inbox.
    asking: BTreeSet<(Incarnation, u64)>,
    /// Reasons of the ends that wait in the inbox. Taking one out absorbs that end.
    ends: BTreeMap<Incarnation, ExitReason>,
    backoffs: BTreeSet<(Time, Place)>,
    /// When children that linger become zombies.
    lingering: BTreeSet<(Time, Incarnation)>,
    plan: Option<Plan>,
    work: Option<Work>,
    ending: Option<ExitReason>,
    killed_at: Option<Time>,
    over: bool,
    actions: VecDeque<StaticAction<K, P>>,
}

/// What waits its turn.
#[derive(Debug, Clone)]
enum Queued<K, P> {
    Call {
        call: u64,
        caller: Option<Incarnation>,
        request: Request<K, P>,
    },
    Exited(Incarnation),
    Retry(Place),
}

/// What the core is about, over several starts and stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plan {
    /// Start all children from this place on.
    Init { from: Place },
    /// A call adds a child.
    Add { call: u64 },
    /// A call restarts a child.
    Manual { call: u64 },
    /// A call stops a child.
    Terminate { call: u64 },
    /// A call stops a child that it wants started again.
    Renew { call: u64 },
    /// One child is restarted.
    One { last: Option<Incarnation> },
    /// Stop the children between these places from the last to the first, then start them again.
    GroupStop { group: Group, below: Place },
    /// Start the children from this place on.
    GroupStart { group: Group, from: Place },
    /// Stop all children below this place from the last to the first, then end.
    Finish { below: Place },
}

/// The children that are restarted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Group {
    first: Place,
    failed: Place,
    /// The incarnation of the failed child that ran last.
    last: Option<Incarnation>,
    /// The failed child waits for its back-off, and the others do not run on without it.
    waits: bool,
}

/// The one start or stop under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Starting {
        place: Place,
        incarnation: Incarnation,
        deadline: Option<Time>,
        /// Set once the start is being killed, since it took too long or the supervisor stops, or is over but for
        /// what belongs to it.
        killing: Option<Stopping>,
        /// It is over, and counts as what it came to.
        lingers: bool,
    },
    Stopping {
        place: Place,
        incarnation: Incarnation,
        stopping: Stopping,
    },
}

impl<K: Ord + Clone + fmt::Display, P: Clone> StaticCore<K, P> {
    /// Checks flags and child specs, in this order, and begins to start the children.
    ///
    /// Nothing is started if anything is wrong; the first error wins.
    pub fn new(
        flags: StaticFlags,
        specs: impl IntoIterator<Item = (K, ChildPolicy, P)>,
        now: Time,
    ) -> Result<Self, InitError> {
        flags.intensity.validate()?;
        let mut roster = Roster::new();
        for (key, policy, payload) in specs {
            policy.validate(Some(flags.auto_shutdown))?;
            let id = key.to_string();
            if roster.append(Child::new(key, policy, payload)).is_none() {
                return Err(SpecError::DuplicateChildName(id).into());
            }
        }
        let mut core = Self {
            flags,
            roster,
            window: RestartWindow::default(),
            jitter: Jitter::new(flags.seed),
            last: Incarnation::new(0),
            inbox: VecDeque::new(),
            asking: BTreeSet::new(),
            ends: BTreeMap::new(),
            backoffs: BTreeSet::new(),
            lingering: BTreeSet::new(),
            plan: Some(Plan::Init { from: Place::FIRST }),
            work: None,
            ending: None,
            killed_at: None,
            over: false,
            actions: VecDeque::new(),
        };
        core.run(now);
        Ok(core)
    }

    /// Takes one event in. Never fails; stale news are ignored.
    pub fn step(&mut self, event: StaticEvent<K, P>, now: Time) {
        match event {
            StaticEvent::Call {
                call,
                caller,
                request,
            } => self.queue_call(call, caller, request),
            StaticEvent::Started { incarnation, outcome } => self.started(incarnation, outcome, now),
            StaticEvent::Exited { incarnation, reason } => self.exited(incarnation, reason, now),
            StaticEvent::Lingers { incarnation } => self.lingers(incarnation, now),
            StaticEvent::Stop { reason } => self.stop(reason, now),
            StaticEvent::Kill => self.kill(now),
            StaticEvent::Tick => self.tick(now),
        }
        self.run(now);
    }

    /// What is to be done next; drain this after every step.
    #[must_use]
    pub fn poll_action(&mut self) -> Option<StaticAction<K, P>> {
        self.actions.pop_front()
    }

    /// When the next [`Tick`](StaticEvent::Tick) is due.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        let work = match self.work {
            Some(
                Work::Starting {
                    killing: Some(stopping),
                    ..
                }
                | Work::Stopping { stopping, .. },
            ) => stopping.deadline(),
            Some(Work::Starting { deadline, .. }) => deadline,
            None => None,
        };
        let backoff = self.backoffs.first().map(|(at, _)| *at);
        let zombie = self.lingering.first().map(|(at, _)| *at);
        work.into_iter().chain(backoff).chain(zombie).min()
    }

    /// All children, the last started first.
    pub fn which_children(&self) -> impl Iterator<Item = ChildView<K>> {
        self.roster.range(..).rev().map(|(_, child)| child.view())
    }

    /// How many children there are.
    pub fn count_children(&self) -> Counts {
        let mut counts = Counts::default();
        for (_, child) in self.roster.range(..) {
            counts.specs += 1;
            match child.policy.child_type {
                ChildType::Worker => counts.workers += 1,
                ChildType::Supervisor => counts.supervisors += 1,
            }
            match child.state {
                State::Running { .. } => counts.active += 1,
                State::Zombie { .. } => counts.zombies += 1,
                State::Undefined | State::Restarting { .. } => {}
            }
        }
        counts
    }

    /// How the child with this id is treated.
    pub fn policy(&self, key: &K) -> Option<&ChildPolicy> {
        self.roster
            .find(key)
            .and_then(|place| self.roster.get(place))
            .map(|child| &child.policy)
    }

    /// What came with the spec of this child, unless it is temporary and was started already.
    pub fn payload(&self, key: &K) -> Option<&P> {
        self.roster
            .find(key)
            .and_then(|place| self.roster.get(place))
            .and_then(|child| child.payload.as_ref())
    }

    /// Whether the supervisor was told to stop, or gave up.
    pub fn is_stopping(&self) -> bool {
        self.ending.is_some()
    }

    /// Goes on until there is something to wait for.
    fn run(&mut self, now: Time) {
        while self.work.is_none() && !self.over {
            if self.ending.is_some() && !matches!(self.plan, Some(Plan::Finish { .. })) {
                self.plan = Some(Plan::Finish { below: Place::END });
            }
            if let Some(plan) = self.plan.take() {
                self.advance(plan, now);
            } else if let Some(queued) = self.inbox.pop_front() {
                self.serve(queued, now);
            } else {
                return;
            }
        }
        if self.ending.is_some() {
            self.refuse_queued();
        }
    }

    /// Takes the next step of a plan: either something begins, or the plan is over.
    fn advance(&mut self, plan: Plan, now: Time) {
        match plan {
            Plan::Init { from } => self.advance_init(from, now),
            Plan::GroupStop { group, below } => self.advance_group_stop(group, below, now),
            Plan::GroupStart { group, from } => self.advance_group_start(group, from, now),
            Plan::Finish { below } => self.advance_finish(below, now),
            Plan::Add { .. }
            | Plan::Manual { .. }
            | Plan::Terminate { .. }
            | Plan::Renew { .. }
            | Plan::One { .. } => {}
        }
    }

    fn serve(&mut self, queued: Queued<K, P>, now: Time) {
        match queued {
            Queued::Call {
                call,
                caller,
                request,
            } => {
                if let Some(caller) = caller {
                    self.asking.remove(&(caller, call));
                }
                self.call(call, request, now);
            }
            Queued::Exited(incarnation) => {
                // Not there any more if a stop of that child has taken it for its answer.
                if let Some(reason) = self.ends.remove(&incarnation) {
                    self.child_ended(incarnation, &reason, now);
                }
            }
            Queued::Retry(place) => self.retry(place, now),
        }
    }

    fn tick(&mut self, now: Time) {
        while let Some((at, place)) = self.backoffs.first().copied() {
            if at > now {
                break;
            }
            self.backoffs.remove(&(at, place));
            self.queue_retry(place);
        }
        self.expire_lingering(now);
        self.expire_work(now);
    }

    fn reply(&mut self, call: u64, reply: Reply<K>) {
        self.actions.push_back(StaticAction::Reply { call, reply });
    }
}
