//! The dynamic supervisor: children come and go, each for itself.

mod action;
mod books;
mod child;
mod event;
mod exits;
mod places;
mod stops;
#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;

pub use self::action::{DynamicAction, Notice, Refusal};
use self::books::Books;
pub use self::child::ChildPhase;
use self::child::{Child, Phase, Then};
pub use self::event::DynamicEvent;
use self::places::NewChild;
use super::backoff::Jitter;
use super::intensity::RestartWindow;
use super::{
    AutoShutdown, ChildPolicy, ChildType, Counts, ExitReason, FlagsError, Incarnation, Intensity, Offender,
    Report, Restart, Time,
};

/// What a dynamic supervisor is told when it is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DynamicFlags {
    /// Budget of all children together that have none of their own.
    pub intensity: Intensity,
    /// How many children there may be, those being restarted included; `None` is no limit.
    ///
    /// A child that was terminated holds no place any more while it stops, unless it becomes a zombie. A start
    /// that finds the last places taken by first starts under way waits for what comes of them.
    pub max_children: Option<usize>,
    /// Seed of the random part of back-offs.
    pub seed: u64,
}

/// The decisions of a supervisor whose children are started one by one while it runs, stand in no order and
/// are stopped side by side (Elixir's `DynamicSupervisor`).
///
/// `step` it with every event, then carry out what [`poll_action`](Self::poll_action) gives until it gives
/// nothing, and arm a timer for [`next_deadline`](Self::next_deadline).
///
/// Children are keyed by whatever the caller likes. A child is known from `StartChild` until a notice says
/// that it was forgotten; starts are under way side by side, so a slow one holds up nobody.
///
/// ```
/// use ordu_supervisor::decisions::{
///     ChildPolicy, DynamicAction, DynamicCore, DynamicEvent, DynamicFlags, ExitReason, Notice, Started, Time,
/// };
///
/// let mut core = DynamicCore::new(DynamicFlags::default())?;
/// let policy = ChildPolicy::worker();
/// core.step(DynamicEvent::StartChild { key: 7, policy, payload: (), restarts: 0 }, Time::ZERO);
/// let Some(DynamicAction::Start { incarnation: first, .. }) = core.poll_action() else { panic!() };
/// core.step(DynamicEvent::Started { incarnation: first, outcome: Ok(Started::Running) }, Time::ZERO);
/// core.step(DynamicEvent::Exited { incarnation: first, reason: ExitReason::error("boom") }, Time::ZERO);
///
/// let actions: Vec<_> = std::iter::from_fn(|| core.poll_action()).collect();
/// let Some(DynamicAction::Start { key: 7, incarnation: second, restarts: 1, .. }) = actions.last() else { panic!() };
/// assert!(*second > first);
/// # Ok::<(), ordu_supervisor::decisions::FlagsError>(())
/// ```
#[derive(Debug, Clone)]
pub struct DynamicCore<K, P = ()> {
    flags: DynamicFlags,
    /// Boxed: the nodes of a map filled in order are half empty.
    children: BTreeMap<K, Box<Child<P>>>,
    /// Children that come and go mostly have one policy among them, and then share it.
    last_policy: Arc<ChildPolicy>,
    books: Books<K, P>,
    window: RestartWindow,
    jitter: Jitter,
    ending: Option<Ending>,
}

/// The supervisor is stopping, and whether that is over.
#[derive(Debug, Clone)]
struct Ending {
    reason: ExitReason,
    over: bool,
}

impl<K: Ord + Clone, P: Clone> DynamicCore<K, P> {
    /// A supervisor without children.
    pub fn new(flags: DynamicFlags) -> Result<Self, FlagsError> {
        flags.intensity.validate()?;
        Ok(Self {
            flags,
            children: BTreeMap::new(),
            last_policy: Arc::default(),
            books: Books::default(),
            window: RestartWindow::default(),
            jitter: Jitter::new(flags.seed),
            ending: None,
        })
    }

    /// Takes one event in. Never fails; an order that makes no sense is answered with
    /// [`Refused`](DynamicAction::Refused), stale news are ignored.
    pub fn step(&mut self, event: DynamicEvent<K, P>, now: Time) {
        match event {
            DynamicEvent::StartChild {
                key,
                policy,
                payload,
                restarts,
            } => {
                let child = NewChild {
                    key,
                    policy,
                    payload,
                    restarts,
                };
                self.start_child(child, now);
            }
            DynamicEvent::Withdraw { key } => self.withdraw(key),
            DynamicEvent::Started { incarnation, outcome } => self.started(incarnation, outcome, now),
            DynamicEvent::Exited { incarnation, reason } => self.exited(incarnation, reason, now),
            DynamicEvent::Lingers { incarnation } => self.lingers(incarnation, now),
            DynamicEvent::Terminate { key, reason } => self.terminate(key, reason, now),
            DynamicEvent::Restart { key } => self.restart(key, now),
            DynamicEvent::ChangePolicy { key, policy } => self.change_policy(key, policy),
            DynamicEvent::Stop { reason } => self.stop(reason, now),
            DynamicEvent::Kill => self.kill(now),
            DynamicEvent::Tick => self.tick(now),
        }
        self.serve_waiting(now);
        self.exit_if_done();
    }

    /// What is to be done next; drain this after every step.
    #[must_use]
    pub fn poll_action(&mut self) -> Option<DynamicAction<K, P>> {
        self.books.actions.pop_front()
    }

    /// Whether [`poll_action`](Self::poll_action) has something to give.
    #[must_use]
    pub fn has_actions(&self) -> bool {
        !self.books.actions.is_empty()
    }

    /// When the next [`Tick`](DynamicEvent::Tick) is due.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        self.books.timers.first().map(|(at, _)| *at)
    }

    /// How many children there are.
    pub fn count_children(&self) -> Counts {
        let mut counts = Counts {
            specs: self.children.len(),
            ..Counts::default()
        };
        for child in self.children.values() {
            match child.policy.child_type {
                ChildType::Worker => counts.workers += 1,
                ChildType::Supervisor => counts.supervisors += 1,
            }
            match child.shown_phase() {
                ChildPhase::Starting | ChildPhase::Restarting => {}
                ChildPhase::Zombie => counts.zombies += 1,
                ChildPhase::Running | ChildPhase::Stopping => counts.active += 1,
            }
        }
        counts
    }

    /// All children in the order of their keys, each with the incarnation that it is known by: the last one
    /// that ran, or before any did the one being started.
    pub fn children(&self) -> impl Iterator<Item = (&K, Incarnation, ChildPhase, &ChildPolicy)> {
        self.children
            .iter()
            .map(|(key, child)| (key, child.known_as(), child.shown_phase(), &*child.policy))
    }

    /// What the child with this key is doing, and the incarnation that it is known by (see
    /// [`children`](Self::children)).
    pub fn child(&self, key: &K) -> Option<(Incarnation, ChildPhase)> {
        self.children
            .get(key)
            .map(|child| (child.known_as(), child.shown_phase()))
    }

    /// The child that is known by this incarnation, or whose restart it is.
    pub fn key_of(&self, incarnation: Incarnation) -> Option<&K> {
        self.books.owners.get(&incarnation)
    }

    /// How many starts wait for a place.
    #[must_use]
    pub fn waiting_starts(&self) -> usize {
        self.books.places.waiting()
    }

    /// How many children hold a place that they may yet give back: their first start may come to nothing.
    #[must_use]
    pub fn undecided_starts(&self) -> usize {
        self.books.places.undecided()
    }

    /// Whether this is a first start that is under way, and is not being ended.
    #[must_use]
    pub fn is_first_start(&self, incarnation: Incarnation) -> bool {
        let child = self.key_of(incarnation).and_then(|key| self.children.get(key));
        child.is_some_and(|child| {
            child.incarnation == incarnation && matches!(child.phase, Phase::Starting { first: true, .. })
        })
    }

    /// How the child with this key is treated.
    pub fn policy(&self, key: &K) -> Option<&ChildPolicy> {
        self.children.get(key).map(|child| &*child.policy)
    }

    /// What `StartChild` gave for this child, unless it is temporary and was started already.
    pub fn payload(&self, key: &K) -> Option<&P> {
        self.children.get(key).and_then(|child| child.payload.as_ref())
    }

    /// Automatic restarts of this child so far, those it was handed over with included.
    pub fn restarts(&self, key: &K) -> Option<u32> {
        self.children.get(key).map(|child| child.restarts)
    }

    /// Whether the supervisor was told to stop, or gave up.
    pub fn is_stopping(&self) -> bool {
        self.ending.is_some()
    }

    fn change_policy(&mut self, key: K, policy: ChildPolicy) {
        let is_temporary = policy.restart == Restart::Temporary;
        let refusal = match (
            self.children.get(&key),
            policy.validate(Some(AutoShutdown::Never)),
        ) {
            (None, _) => Refusal::NotFound,
            (Some(_), Err(invalid)) => Refusal::InvalidSpec(invalid),
            (Some(child), Ok(())) if (child.policy.restart == Restart::Temporary) != is_temporary => {
                Refusal::Temporary
            }
            (Some(_), Ok(())) => {
                let policy = self.shared(policy);
                if let Some(child) = self.children.get_mut(&key) {
                    child.policy = policy;
                }
                return;
            }
        };
        self.books
            .actions
            .push_back(DynamicAction::Refused { key, refusal });
    }

    /// The policy as it is kept: one for all children that follow each other with the same.
    fn shared(&mut self, policy: ChildPolicy) -> Arc<ChildPolicy> {
        if *self.last_policy != policy {
            self.last_policy = Arc::new(policy);
        }
        Arc::clone(&self.last_policy)
    }

    fn launch(&mut self, key: &K, first: bool, now: Time) {
        if let Some(child) = self.children.get_mut(key) {
            self.books.launch(key, child, first, now);
        }
    }

    fn set_phase(&mut self, key: &K, phase: Phase) {
        if let Some(child) = self.children.get_mut(key) {
            self.books.set_phase(key, child, phase);
        }
    }

    fn forget(&mut self, key: &K) {
        if let Some(child) = self.children.remove(key) {
            self.books.forget(key, &child);
        }
    }

    fn tick(&mut self, now: Time) {
        while let Some((at, key)) = self.books.timers.first().cloned() {
            if at > now {
                break;
            }
            self.expire(&key, now);
        }
    }

    fn expire(&mut self, key: &K, now: Time) {
        let Some(child) = self.children.get(key) else {
            return;
        };
        match child.phase.clone() {
            Phase::Starting { first, .. } => {
                self.kill_child(key, Then::FailStart { first, late: true }, false, now);
            }
            Phase::Waiting { reason, .. } => self.attempt_restart(key, reason, now),
            Phase::Stopping { then, stopping, up } => self.expire_stop(key, then, stopping, up, now),
            Phase::Running { .. } => {}
        }
    }

    fn notify(&mut self, key: &K, incarnation: Incarnation, notice: Notice) {
        self.books.notify(key.clone(), incarnation, notice);
    }

    fn report(&mut self, key: &K, report: impl FnOnce(Offender<K>) -> Report<K>) {
        if let Some(child) = self.children.get(key) {
            self.books.report(key, child, report);
        }
    }
}
