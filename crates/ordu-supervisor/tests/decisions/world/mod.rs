//! A static core with simulated children: each does what its script says.

mod asking;
mod dynamic;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use ordu_supervisor::decisions::{
    CallError, ChildPolicy, ExitReason, Incarnation, InitError, Reply, Report, Restart, Signal, Started,
    StaticAction, StaticCore, StaticEvent, StaticFlags, Time,
};

pub use self::dynamic::{Children, DynamicReply, DynamicStart, DynamicWorld, Seen};

/// What the next start of a child does.
#[derive(Debug, Clone, PartialEq)]
pub enum NextStart {
    Ok,
    Ignore,
    Fail(ExitReason),
    /// The start never ends by itself.
    Hang,
    /// It succeeds, and the child is dead by then.
    OkButDead(ExitReason),
}

/// How a child answers a stop.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Ends with this reason at once.
    With(ExitReason),
    /// Ends with this reason after this long.
    After(Duration, ExitReason),
    /// Does not end when asked, only when killed.
    Ignore,
    /// Does not even end when killed.
    Unkillable,
}

/// What happened, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    Started(String, Incarnation),
    Asked(String),
    Killed(String),
    Ended(String, ExitReason),
}

#[derive(Debug, Clone)]
struct Live {
    key: String,
    ends: Option<(Time, ExitReason)>,
    starting: bool,
}

#[derive(Debug, Clone)]
pub struct World {
    pub core: StaticCore<String, u32>,
    pub now: Time,
    pub log: Vec<Event>,
    pub reports: Vec<Report<String>>,
    /// How long the log was at each report.
    pub reported_at: Vec<usize>,
    pub replies: BTreeMap<u64, Reply<String>>,
    pub initialized: bool,
    pub auto_shutdown: Option<String>,
    pub exit: Option<(ExitReason, Vec<Incarnation>)>,
    /// Calls of the start function, per child.
    pub starts: BTreeMap<String, u32>,
    live: BTreeMap<Incarnation, Live>,
    next_starts: BTreeMap<String, VecDeque<NextStart>>,
    always: BTreeMap<String, NextStart>,
    answers: BTreeMap<String, Answer>,
    /// When an automatic restart was attempted.
    pub rounds: Vec<Time>,
    last_restarts: BTreeMap<String, u32>,
    /// Incarnations whose end the core has not been told yet.
    unconfirmed: BTreeMap<Incarnation, String>,
    calls: u64,
    news: VecDeque<StaticEvent<String, u32>>,
}

pub type Spec = (String, ChildPolicy, u32);

pub fn spec(id: &str, policy: ChildPolicy) -> Spec {
    (id.to_owned(), policy, 0)
}

pub fn boom() -> ExitReason {
    ExitReason::error("boom")
}

impl World {
    pub fn try_new(flags: StaticFlags, specs: Vec<Spec>) -> Result<Self, InitError> {
        Self::scripted(flags, specs, |_| {})
    }

    /// As `new`, with scripts for the children set before the first start.
    pub fn scripted(
        flags: StaticFlags,
        specs: Vec<Spec>,
        script: impl FnOnce(&mut Self),
    ) -> Result<Self, InitError> {
        let mut world = Self {
            core: StaticCore::new(flags, specs, Time::ZERO)?,
            now: Time::ZERO,
            log: Vec::new(),
            reports: Vec::new(),
            reported_at: Vec::new(),
            replies: BTreeMap::new(),
            initialized: false,
            auto_shutdown: None,
            exit: None,
            starts: BTreeMap::new(),
            live: BTreeMap::new(),
            next_starts: BTreeMap::new(),
            always: BTreeMap::new(),
            answers: BTreeMap::new(),
            rounds: Vec::new(),
            last_restarts: BTreeMap::new(),
            unconfirmed: BTreeMap::new(),
            calls: 0,
            news: VecDeque::new(),
        };
        script(&mut world);
        world.settle();
        Ok(world)
    }

    pub fn new(flags: StaticFlags, specs: Vec<Spec>) -> Self {
        Self::try_new(flags, specs).expect("valid flags and specs")
    }

    pub fn script_start(&mut self, id: &str, next: NextStart) {
        self.next_starts.entry(id.to_owned()).or_default().push_back(next);
    }

    /// All starts of this child from now on, after those scripted one by one.
    pub fn script_all_starts(&mut self, id: &str, next: NextStart) {
        self.always.insert(id.to_owned(), next);
    }

    pub fn script_answer(&mut self, id: &str, answer: Answer) {
        self.answers.insert(id.to_owned(), answer);
    }

    /// Nothing is scripted for this child any more.
    pub fn clear_script(&mut self, id: &str) {
        self.next_starts.remove(id);
        self.always.remove(id);
    }

    /// Whether some start yet to come fails.
    pub fn has_failing_starts(&self) -> bool {
        self.next_starts
            .values()
            .flatten()
            .any(|start| matches!(start, NextStart::Fail(_)))
    }

    /// The start of this child that hangs.
    pub fn hanging(&self, id: &str) -> Incarnation {
        let hangs = |live: &&Live| live.starting && live.key == id;
        let (incarnation, _) = self
            .live
            .iter()
            .find(|(_, live)| hangs(live))
            .expect("no start hangs");
        *incarnation
    }

    /// The test itself tells how this start ends.
    pub fn forget_hanging(&mut self, incarnation: Incarnation) {
        self.live.remove(&incarnation);
    }

    // ---- what the world does ------------------------------------------------------------------------

    pub fn step(&mut self, event: StaticEvent<String, u32>) {
        self.feed(event);
        self.settle();
    }

    fn feed(&mut self, event: StaticEvent<String, u32>) {
        match &event {
            StaticEvent::Exited { incarnation, .. }
            | StaticEvent::Started {
                incarnation,
                outcome: Err(_),
            } => {
                self.unconfirmed.remove(incarnation);
            }
            _ => {}
        }
        self.core.step(event, self.now);
        let restarts: BTreeMap<String, u32> = self
            .core
            .which_children()
            .map(|child| (child.key, child.restarts))
            .collect();
        for (key, after) in &restarts {
            if self.last_restarts.get(key).is_some_and(|before| before < after) {
                self.rounds.push(self.now);
            }
        }
        self.last_restarts = restarts;
    }

    /// Hands over events without letting anything happen in between, as if the supervisor had been suspended.
    pub fn step_all(&mut self, events: Vec<StaticEvent<String, u32>>) {
        self.news.extend(events);
        self.settle();
    }

    pub fn advance(&mut self, delay: Duration) {
        let until = self.now.after(delay);
        loop {
            let next_end = self
                .live
                .values()
                .filter_map(|live| live.ends.as_ref().map(|(at, _)| *at))
                .min();
            let Some(at) = next_end
                .into_iter()
                .chain(self.core.next_deadline())
                .min()
                .filter(|at| *at <= until)
            else {
                break;
            };
            self.now = self.now.max(at);
            let due: Vec<Incarnation> = self
                .live
                .iter()
                .filter(|(_, live)| live.ends.as_ref().is_some_and(|(at, _)| *at <= self.now))
                .map(|(incarnation, _)| *incarnation)
                .collect();
            for incarnation in due {
                let live = self.live.remove(&incarnation).expect("it was just there");
                let (_, reason) = live.ends.expect("it was just due");
                self.ended(incarnation, live.key, reason);
            }
            self.step(StaticEvent::Tick);
        }
        self.now = until;
    }

    fn settle(&mut self) {
        loop {
            while let Some(action) = self.core.poll_action() {
                self.carry_out(action);
            }
            let Some(event) = self.news.pop_front() else {
                return;
            };
            self.feed(event);
        }
    }

    fn carry_out(&mut self, action: StaticAction<String, u32>) {
        match action {
            StaticAction::Start { key, incarnation, .. } => self.start(key, incarnation),
            StaticAction::Signal {
                incarnation, signal, ..
            } => self.signal(incarnation, signal),
            StaticAction::Reply { call, reply } => {
                assert_eq!(
                    self.replies.insert(call, reply),
                    None,
                    "call {call} was answered twice"
                );
            }
            StaticAction::Report(report) => {
                self.reports.push(report);
                self.reported_at.push(self.log.len());
            }
            StaticAction::Initialized => self.initialized = true,
            StaticAction::Zombie { .. } => {}
            StaticAction::AutoShutdown { key } => self.auto_shutdown = Some(key),
            StaticAction::Exit { reason, zombies } => {
                assert_eq!(self.exit, None, "the supervisor ended twice");
                let mut live: Vec<Incarnation> = self.live.keys().copied().collect();
                live.retain(|incarnation| !zombies.contains(incarnation));
                assert_eq!(live, [], "children outlive the supervisor");
                self.exit = Some((reason, zombies));
            }
        }
    }

    fn start(&mut self, key: String, incarnation: Incarnation) {
        assert!(
            self.unconfirmed.values().all(|earlier| *earlier != key),
            "{key} was started before its earlier incarnation was confirmed dead"
        );
        *self.starts.entry(key.clone()).or_default() += 1;
        let scripted = self.next_starts.get_mut(&key).and_then(VecDeque::pop_front);
        let next = scripted
            .or_else(|| self.always.get(&key).cloned())
            .unwrap_or(NextStart::Ok);
        let outcome = match next {
            NextStart::Ok | NextStart::OkButDead(_) | NextStart::Hang => {
                self.log.push(Event::Started(key.clone(), incarnation));
                self.unconfirmed.insert(incarnation, key.clone());
                let starting = next == NextStart::Hang;
                self.live.insert(
                    incarnation,
                    Live {
                        key: key.clone(),
                        ends: None,
                        starting,
                    },
                );
                if starting {
                    return;
                }
                Ok(Started::Running)
            }
            NextStart::Ignore => Ok(Started::Ignore),
            NextStart::Fail(ref reason) => Err(reason.clone()),
        };
        self.news.push_back(StaticEvent::Started { incarnation, outcome });
        if let NextStart::OkButDead(reason) = next {
            self.live.remove(&incarnation);
            self.ended(incarnation, key, reason);
        }
    }

    fn signal(&mut self, incarnation: Incarnation, signal: Signal) {
        let Some(live) = self.live.get_mut(&incarnation) else {
            return;
        };
        let key = live.key.clone();
        self.log.push(match signal {
            Signal::Shutdown => Event::Asked(key.clone()),
            Signal::Kill => Event::Killed(key.clone()),
        });
        let answer = self
            .answers
            .get(&key)
            .cloned()
            .unwrap_or(Answer::With(ExitReason::Shutdown));
        let reason = match (signal, answer) {
            (_, Answer::Unkillable) | (Signal::Shutdown, Answer::Ignore) => return,
            (Signal::Kill, _) => ExitReason::Killed,
            (Signal::Shutdown, Answer::With(reason)) => reason,
            (Signal::Shutdown, Answer::After(delay, reason)) => {
                live.ends = Some((self.now.after(delay), reason));
                return;
            }
        };
        self.end_now(incarnation, reason);
    }

    fn end_now(&mut self, incarnation: Incarnation, reason: ExitReason) {
        if let Some(live) = self.live.remove(&incarnation) {
            if live.starting {
                self.log.push(Event::Ended(live.key, reason.clone()));
                self.news.push_back(StaticEvent::Started {
                    incarnation,
                    outcome: Err(reason),
                });
            } else {
                self.ended(incarnation, live.key, reason);
            }
        }
    }

    fn ended(&mut self, incarnation: Incarnation, key: String, reason: ExitReason) {
        self.log.push(Event::Ended(key, reason.clone()));
        self.news.push_back(StaticEvent::Exited { incarnation, reason });
    }

    // ---- what children do ---------------------------------------------------------------------------

    /// The child ends by itself.
    pub fn end(&mut self, id: &str, reason: ExitReason) {
        let incarnation = self.incarnation(id);
        self.end_now(incarnation, reason);
        self.settle();
    }

    /// The end of a child that the supervisor has not been told of yet.
    pub fn end_unseen(&mut self, id: &str, reason: ExitReason) -> StaticEvent<String, u32> {
        let incarnation = self.incarnation(id);
        self.live.remove(&incarnation);
        self.log.push(Event::Ended(id.to_owned(), reason.clone()));
        StaticEvent::Exited { incarnation, reason }
    }

    /// Whatever the supervisor believes: is this child alive?
    pub fn is_alive(&self, id: &str) -> bool {
        self.live.values().any(|live| live.key == id)
    }

    /// Whether this child runs, as far as it knows itself.
    pub fn is_up(&self, id: &str) -> bool {
        self.live.values().any(|live| live.key == id && !live.starting)
    }

    /// As `end`, whatever the supervisor believes.
    pub fn end_live(&mut self, id: &str, reason: ExitReason) {
        let up = self
            .live
            .iter()
            .find(|(_, live)| live.key == id && !live.starting);
        let (incarnation, _) = up.expect("it does not run");
        self.end_now(*incarnation, reason);
        self.settle();
    }

    /// Whether this incarnation lives, or the core has yet to hear of its end.
    pub fn is_current(&self, incarnation: Incarnation) -> bool {
        self.unconfirmed.contains_key(&incarnation)
    }

    /// Whether a start of this child is under way.
    pub fn is_being_started(&self, id: &str) -> bool {
        self.live.values().any(|live| live.key == id && live.starting)
    }

    pub fn restart_of(&self, id: &str) -> Option<Restart> {
        self.core.policy(&id.to_owned()).map(|policy| policy.restart)
    }
}

pub fn refused(error: CallError) -> Reply<String> {
    Reply::Refused(error)
}
