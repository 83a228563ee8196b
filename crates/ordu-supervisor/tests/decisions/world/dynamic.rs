//! A dynamic core with simulated children, stepped in the order of one mailbox.

use std::collections::{BTreeMap, VecDeque};

use ordu_supervisor::decisions::{
    ChildPhase, ChildPolicy, ChildType, Counts, DynamicAction, DynamicCore, DynamicEvent, DynamicFlags,
    ExitReason, Incarnation, Notice, Refusal, Report, Restart, Signal, Started, Time,
};

use super::NextStart;

/// What the next start of a child does, and whether it takes until all that waits was handled.
#[derive(Debug, Clone)]
pub struct DynamicStart {
    pub slow: bool,
    pub outcome: NextStart,
}

/// What happened to a child.
#[derive(Debug, Clone)]
pub enum Seen {
    Started,
    Asked,
    Reported(Report<u64>),
    /// Its restart would have failed, but was called off before that could be told.
    FailedUnheard(ExitReason),
    /// It was to be stopped when it had ended by itself with a reason that Elixir then reports. There is no telling
    /// here whether a child ended before or after it was asked.
    EndedUnheard(ExitReason),
}

/// What a call was answered.
#[derive(Debug, Clone)]
pub enum DynamicReply {
    Started,
    Ignored,
    Failed(ExitReason),
    MaxChildren,
    Gone,
    /// The supervisor ended while the start was under way.
    CalledOff,
    Stopped,
    /// The child was being stopped already.
    StoppedToo,
    NotFound,
    Which(Children),
    Count(Children),
}

/// Which children there are.
#[derive(Debug, Clone)]
pub struct Children {
    pub running: Vec<u64>,
    pub restarting: usize,
    pub counts: Counts,
}

/// A start that is under way.
#[derive(Debug, Clone)]
struct Underway {
    incarnation: Incarnation,
    key: u64,
    outcome: NextStart,
}

#[derive(Debug, Clone)]
pub struct DynamicWorld {
    pub core: DynamicCore<u64>,
    pub seen: Vec<(u64, Seen)>,
    pub replies: BTreeMap<u64, DynamicReply>,
    pub exit: Option<ExitReason>,
    live: BTreeMap<Incarnation, u64>,
    /// The runs of each child, the latest last.
    runs: BTreeMap<u64, Vec<Incarnation>>,
    next_starts: BTreeMap<u64, VecDeque<DynamicStart>>,
    answers: BTreeMap<u64, ExitReason>,
    /// Ends that the supervisor has not been told of.
    unheard: BTreeMap<Incarnation, ExitReason>,
    slow: Vec<Underway>,
    /// Restarts that are about to fail: told once all that waited before was handled, as OTP and Elixir do.
    failing: VecDeque<Underway>,
    starters: BTreeMap<u64, u64>,
    terminators: BTreeMap<u64, Vec<u64>>,
    news: VecDeque<DynamicEvent<u64>>,
}

impl DynamicWorld {
    pub fn new(flags: DynamicFlags) -> Self {
        Self {
            core: DynamicCore::new(flags).unwrap(),
            seen: Vec::new(),
            replies: BTreeMap::new(),
            exit: None,
            live: BTreeMap::new(),
            runs: BTreeMap::new(),
            next_starts: BTreeMap::new(),
            answers: BTreeMap::new(),
            unheard: BTreeMap::new(),
            slow: Vec::new(),
            failing: VecDeque::new(),
            starters: BTreeMap::new(),
            terminators: BTreeMap::new(),
            news: VecDeque::new(),
        }
    }

    // ---- what a script says -------------------------------------------------------------------------

    pub fn script_starts(&mut self, key: u64, starts: Vec<DynamicStart>) {
        self.next_starts.insert(key, starts.into());
    }

    /// The child that is yet to be started will end with this reason when asked to.
    pub fn script_answer(&mut self, key: u64, reason: ExitReason) {
        self.answers.insert(key, reason);
    }

    pub fn next_start(&self, key: u64) -> Option<&DynamicStart> {
        self.next_starts.get(&key)?.front()
    }

    /// Every child that lives, with the number of its run.
    pub fn living(&self) -> Vec<(u64, usize)> {
        self.live
            .values()
            .map(|key| (*key, self.runs[key].len()))
            .collect()
    }

    /// How often each child that ever ran did so.
    pub fn ran(&self) -> Vec<(u64, usize)> {
        self.runs.iter().map(|(key, runs)| (*key, runs.len())).collect()
    }

    /// The end of a child that the supervisor has not been told of yet.
    pub fn end_unseen(&mut self, key: u64, reason: ExitReason) -> DynamicEvent<u64> {
        let incarnation = *self.runs[&key].last().unwrap();
        self.live.remove(&incarnation).expect("it does not live");
        self.unheard.insert(incarnation, reason.clone());
        DynamicEvent::Exited { incarnation, reason }
    }

    // ---- calls --------------------------------------------------------------------------------------

    pub fn start_child(&mut self, call: u64, key: u64, policy: ChildPolicy) {
        self.starters.insert(key, call);
        self.step(DynamicEvent::StartChild {
            key,
            policy,
            payload: (),
            restarts: 0,
        });
    }

    /// Terminates the child that is known by this run of it.
    pub fn terminate(&mut self, call: u64, key: u64, run: usize) {
        if self.core.is_stopping() {
            self.replies.insert(call, DynamicReply::Gone);
            return;
        }
        let Some(key) = self.core.key_of(self.runs[&key][run - 1]).copied() else {
            self.replies.insert(call, DynamicReply::NotFound);
            return;
        };
        self.terminators.entry(key).or_default().push(call);
        self.step(DynamicEvent::Terminate {
            key,
            reason: ExitReason::Shutdown,
        });
    }

    /// Which children there are, and their counts, once each start and stop under way is over.
    pub fn count(&mut self, call: u64, reply: impl FnOnce(Children) -> DynamicReply) {
        let reply = if self.core.is_stopping() {
            DynamicReply::Gone
        } else {
            reply(self.children())
        };
        self.replies.insert(call, reply);
    }

    /// Elixir hears nobody while it starts or stops a child; what shows here meanwhile it never shows.
    pub fn children(&self) -> Children {
        let mut later = self.clone();
        while !later.slow.is_empty() {
            later.release(0);
        }
        let (mut running, mut restarting) = (Vec::new(), 0);
        let mut counts = later.core.count_children();
        for (key, _, phase, policy) in later.core.children() {
            match phase {
                ChildPhase::Running => running.push(*key),
                ChildPhase::Restarting => restarting += 1,
                ChildPhase::Stopping => {
                    counts.specs -= 1;
                    counts.active -= 1;
                    match policy.child_type {
                        ChildType::Worker => counts.workers -= 1,
                        ChildType::Supervisor => counts.supervisors -= 1,
                    }
                }
                ChildPhase::Starting | ChildPhase::Zombie => panic!("{key} is {phase:?}"),
            }
        }
        Children {
            running,
            restarting,
            counts,
        }
    }

    // ---- what the world does ------------------------------------------------------------------------

    pub fn step(&mut self, event: DynamicEvent<u64>) {
        self.news.push_back(event);
        while let Some(event) = self.news.pop_front() {
            self.core.step(event, Time::ZERO);
            while let Some(action) = self.core.poll_action() {
                self.carry_out(action);
            }
        }
    }

    /// How many slow starts are under way.
    pub fn underway(&self) -> usize {
        self.slow.len()
    }

    /// Ends the slow start at this place among them.
    pub fn release(&mut self, at: usize) {
        let start = self.slow.remove(at);
        self.conclude(start);
        self.step(DynamicEvent::Tick);
    }

    /// Lets restarts fail that are about to, and those that follow.
    pub fn settle(&mut self) {
        while let Some(start) = self.failing.pop_front() {
            self.conclude(start);
            self.step(DynamicEvent::Tick);
            while !self.slow.is_empty() {
                self.release(0);
            }
        }
    }

    fn carry_out(&mut self, action: DynamicAction<u64>) {
        match action {
            DynamicAction::Start { key, incarnation, .. } => self.start(key, incarnation),
            DynamicAction::Signal {
                key,
                incarnation,
                signal,
            } => self.signal(key, incarnation, signal),
            DynamicAction::Notice { key, notice, .. } => self.noticed(key, notice),
            DynamicAction::Report(Report::Progress(_)) => {}
            DynamicAction::Report(Report::ShutdownError(offender, _))
                if offender
                    .incarnation
                    .is_some_and(|ended| self.unheard.contains_key(&ended)) => {}
            DynamicAction::Report(report) => {
                self.seen.push((report.offender().key, Seen::Reported(report)));
            }
            DynamicAction::Refused { key, refusal } => match refusal {
                Refusal::MaxChildren => self.answer_start(key, DynamicReply::MaxChildren),
                Refusal::Stopping => self.answer_start(key, DynamicReply::Gone),
                Refusal::NotFound => {
                    for call in self.terminators.remove(&key).unwrap_or_default() {
                        self.replies.insert(call, DynamicReply::NotFound);
                    }
                }
                other => panic!("not part of a script: {other}"),
            },
            DynamicAction::Exit { reason, zombies } => {
                assert_eq!((&self.exit, zombies), (&None, Vec::new()));
                assert!(self.live.is_empty(), "children outlive the supervisor");
                self.exit = Some(reason);
            }
        }
    }

    fn start(&mut self, key: u64, incarnation: Incarnation) {
        assert!(
            !self.living().iter().any(|(living, _)| *living == key),
            "{key} runs already"
        );
        let scripted = self.next_starts.get_mut(&key).and_then(VecDeque::pop_front);
        let DynamicStart { slow, outcome } = scripted.unwrap_or(DynamicStart {
            slow: false,
            outcome: NextStart::Ok,
        });
        let first = !self.runs.contains_key(&key);
        let fails = matches!(outcome, NextStart::Fail(_));
        let start = Underway {
            incarnation,
            key,
            outcome,
        };
        if fails && !first {
            self.failing.push_back(start);
        } else if slow {
            self.slow.push(start);
        } else {
            self.conclude(start);
        }
    }

    fn conclude(&mut self, start: Underway) {
        let Underway {
            incarnation,
            key,
            outcome,
        } = start;
        let outcome = match outcome {
            NextStart::Ok => {
                self.seen.push((key, Seen::Started));
                self.runs.entry(key).or_default().push(incarnation);
                self.live.insert(incarnation, key);
                Ok(Started::Running)
            }
            NextStart::Ignore => Ok(Started::Ignore),
            NextStart::Fail(reason) => Err(reason),
            NextStart::Hang | NextStart::OkButDead(_) => panic!("not part of a script"),
        };
        self.news
            .push_back(DynamicEvent::Started { incarnation, outcome });
    }

    fn signal(&mut self, key: u64, incarnation: Incarnation, signal: Signal) {
        let is_it = |start: &Underway| start.incarnation == incarnation;
        if let Some(reason) = self.unheard.get(&incarnation) {
            let restart = self.core.policy(&key).unwrap().restart;
            if restart == Restart::Permanent || *reason != ExitReason::Normal {
                self.seen.push((key, Seen::EndedUnheard(reason.clone())));
            }
        } else if self.live.remove(&incarnation).is_some() {
            let reason = match signal {
                Signal::Shutdown => {
                    self.seen.push((key, Seen::Asked));
                    self.answers[&key].clone()
                }
                Signal::Kill => ExitReason::Killed,
            };
            self.news.push_back(DynamicEvent::Exited { incarnation, reason });
        } else if let Some(at) = self.slow.iter().position(is_it) {
            // It is over before it hears of that.
            let start = self.slow.remove(at);
            self.conclude(start);
        } else if let Some(at) = self.failing.iter().position(is_it) {
            let start = self.failing.remove(at).unwrap();
            if let NextStart::Fail(reason) = &start.outcome {
                self.seen.push((key, Seen::FailedUnheard(reason.clone())));
            }
            self.conclude(start);
        }
    }

    fn noticed(&mut self, key: u64, notice: Notice) {
        match notice {
            Notice::Running => self.answer_start(key, DynamicReply::Started),
            Notice::Ignored => self.answer_start(key, DynamicReply::Ignored),
            Notice::StartFailed(reason) => self.answer_start(key, DynamicReply::Failed(reason)),
            Notice::Stopped { .. } => self.answer_terminates(key),
            Notice::Relinquished(_) => {
                self.answer_start(key, DynamicReply::CalledOff);
                self.answer_terminates(key);
            }
            Notice::Restarting { .. } | Notice::Finished(_) | Notice::Disowned | Notice::GaveUp(_) => {}
            Notice::Zombie => panic!("not part of a script"),
        }
    }

    fn answer_start(&mut self, key: u64, reply: DynamicReply) {
        if let Some(call) = self.starters.remove(&key) {
            self.replies.insert(call, reply);
        }
    }

    fn answer_terminates(&mut self, key: u64) {
        let mut reply = DynamicReply::Stopped;
        for call in self.terminators.remove(&key).unwrap_or_default() {
            self.replies.insert(call, reply);
            reply = DynamicReply::StoppedToo;
        }
    }
}
