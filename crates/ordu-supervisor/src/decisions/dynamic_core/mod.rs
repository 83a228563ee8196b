//! The dynamic supervisor: children come and go, each for itself.

mod action;
mod child;
mod event;
mod exits;
mod places;
mod stops;
#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::sync::Arc;

pub use self::action::{DynamicAction, Notice, Refusal};
pub use self::child::ChildPhase;
use self::child::{Child, Phase, Then};
pub use self::event::DynamicEvent;
use self::places::{NewChild, Places};
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
    /// Whose incarnation is whose: the last that was started and the last that ran of each child.
    owners: BTreeMap<Incarnation, K>,
    places: Places<K, P>,
    timers: BTreeSet<(Time, K)>,
    window: RestartWindow,
    jitter: Jitter,
    last: Incarnation,
    ending: Option<Ending>,
    actions: VecDeque<DynamicAction<K, P>>,
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
            owners: BTreeMap::new(),
            places: Places::default(),
            timers: BTreeSet::new(),
            window: RestartWindow::default(),
            jitter: Jitter::new(flags.seed),
            last: Incarnation::new(0),
            ending: None,
            actions: VecDeque::new(),
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
            DynamicEvent::Started { incarnation, outcome } => self.started(incarnation, outcome, now),
            DynamicEvent::Exited { incarnation, reason } => self.exited(incarnation, reason, now),
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
        self.actions.pop_front()
    }

    /// Whether [`poll_action`](Self::poll_action) has something to give.
    #[must_use]
    pub fn has_actions(&self) -> bool {
        !self.actions.is_empty()
    }

    /// When the next [`Tick`](DynamicEvent::Tick) is due.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        self.timers.first().map(|(at, _)| *at)
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
        self.owners.get(&incarnation)
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
        self.actions.push_back(DynamicAction::Refused { key, refusal });
    }

    /// The policy as it is kept: one for all children that follow each other with the same.
    fn shared(&mut self, policy: ChildPolicy) -> Arc<ChildPolicy> {
        if *self.last_policy != policy {
            self.last_policy = Arc::new(policy);
        }
        Arc::clone(&self.last_policy)
    }

    /// The one way a child is started, for the first time or again.
    fn launch(&mut self, key: &K, first: bool, now: Time) {
        let Some(child) = self.children.get_mut(key) else {
            return;
        };
        let payload = match child.policy.restart {
            Restart::Temporary if first => child.payload.take(),
            _ => child.payload.clone(),
        };
        // Only a temporary child has none left, and it is never started twice.
        let Some(payload) = payload else { return };
        self.last = self.last.next();
        let incarnation = self.last;
        if child.ran != Some(child.incarnation) {
            self.owners.remove(&child.incarnation);
        }
        self.owners.insert(incarnation, key.clone());
        child.incarnation = incarnation;
        let restarts = child.restarts;
        let deadline = child.policy.start_timeout.map(|limit| now.after(limit));
        self.set_phase(key, Phase::Starting { first, deadline });
        self.actions.push_back(DynamicAction::Start {
            key: key.clone(),
            incarnation,
            restarts,
            payload,
        });
    }

    /// Puts a child into a phase and re-arms its timer.
    fn set_phase(&mut self, key: &K, phase: Phase) {
        let Some(child) = self.children.get_mut(key) else {
            return;
        };
        let before = child.deadline();
        self.places.changed(&child.phase, &phase);
        child.phase = phase;
        let after = child.deadline();
        if before == after {
            return;
        }
        if let Some(at) = before {
            self.timers.remove(&(at, key.clone()));
        }
        if let Some(at) = after {
            self.timers.insert((at, key.clone()));
        }
    }

    fn forget(&mut self, key: &K) {
        let Some(child) = self.children.remove(key) else {
            return;
        };
        self.owners.remove(&child.incarnation);
        if let Some(ran) = child.ran {
            self.owners.remove(&ran);
        }
        self.places.left(&child.phase);
        if let Some(at) = child.deadline() {
            self.timers.remove(&(at, key.clone()));
        }
    }

    fn tick(&mut self, now: Time) {
        while let Some((at, key)) = self.timers.first().cloned() {
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
            Phase::Starting { first, .. } => self.kill_child(key, Then::FailStart { first }, false, now),
            Phase::Waiting { reason, .. } => self.attempt_restart(key, reason, now),
            Phase::Stopping { then, stopping, up } => self.expire_stop(key, then, stopping, up, now),
            Phase::Running { .. } => {}
        }
    }

    fn notify(&mut self, key: &K, incarnation: Incarnation, notice: Notice) {
        self.actions.push_back(DynamicAction::Notice {
            key: key.clone(),
            incarnation,
            notice,
        });
    }

    fn report(&mut self, key: &K, report: impl FnOnce(Offender<K>) -> Report<K>) {
        if let Some(child) = self.children.get(key) {
            let offender = Offender::new(key.clone(), Some(child.known_as()), &child.policy);
            self.actions.push_back(DynamicAction::Report(report(offender)));
        }
    }
}
