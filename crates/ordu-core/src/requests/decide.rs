use alloc::collections::VecDeque;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use ordu_crdt::{Dot, Stamp};
use ordu_supervisor::decisions::Restart;

use super::{Closed, Parked, Withheld};
use crate::claims::{Copy, Phase};
use crate::membership::{Known, Liveness};
use crate::node::Node;
use crate::planted::Bug;
use crate::registers::{ChildKey, Claim, ClaimState, Deleted, Desired, Intent, Key, Value};
use crate::wire::{Ask, ClaimNotice, Message, Place, PlaceError, Placed, Told};
use crate::{
    Answer, CallError, ChildInfo, ChildSpec, ChildState, Command, ConnId, MemberState, NodeId, RequestId,
    Stopped, Time, Token,
};

/// A request at the decider of its id: the volatile reservation of S4.1. Those of one id are served one
/// after the other.
#[derive(Debug)]
pub(crate) struct Decision {
    ask: Ask,
    deadline: Time,
    /// The caller was told that the outcome is unknown; the reservation stands until it is known.
    told: bool,
    /// A node that went down may have started the child: nothing definite can be said any more (S5.1).
    doubt: bool,
    /// The lives that were handed to some node for this, the last one in between.
    births: Vec<Stamp>,
    check: Check,
    state: State,
}

/// Whether the caller still waits. A copy of a call that was under way for a while may have been overtaken by
/// another copy of it, whose answer the caller has by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    Due,
    Asked,
    Open,
}

#[derive(Debug)]
enum State {
    New,
    /// The chosen node is busy with the id for another decider: begun anew then, not sooner.
    Busy {
        until: Time,
    },
    /// A node was told to start the child.
    Placing {
        target: NodeId,
        place: Place,
        tried: Vec<NodeId>,
    },
    /// These did not start it: another is told to, if the caller still waits.
    Elsewhere {
        tried: Vec<NodeId>,
    },
    /// The owner was told, through the map, to stop the child.
    Stopping {
        written: Dot,
    },
    /// The owner was told, through the map, to start the child again.
    Restarting {
        run: Stamp,
        written: Dot,
        /// It is temporary: a run of it that may have begun is not to be begun once more (S5.1).
        once: bool,
    },
    /// Done; its caller is told once a take-over would find it (S5.9).
    Telling(Withheld),
    /// Answered; the next request is served once its outcome is known here: by who wrote it or, once that one is gone, by
    /// whom it was answered to.
    Covering {
        written: Dot,
        /// Begun with whom it was answered to after who wrote it was gone.
        round: Option<u64>,
    },
}

/// What a request was answered, for when it is asked again (S5.1): kept until its caller's node needs it no more, or its
/// caller has given up (S5.8).
#[derive(Debug)]
pub(crate) struct Answered {
    told: Told,
    until: Time,
}

/// A node that is busy with the id for another decider is asked again after this long.
const BUSY: Duration = Duration::from_millis(50);
/// The clock of the caller's node may run slower.
const GRACE: Duration = Duration::from_secs(5);

impl Decision {
    /// Whether nothing is lost with it if its caller is gone (S5.7): what was written goes its way without it. A placement
    /// under way is waited for, lest a second start passes.
    fn may_be_dropped(&self) -> bool {
        !matches!(
            self.state,
            State::Placing { .. } | State::Elsewhere { .. } | State::Telling(_) | State::Covering { .. }
        )
    }

    /// When it is looked at, whatever else happens: a little earlier than its caller gives up, and then.
    fn times(&self) -> [Time; 2] {
        [self.deadline - self.ask.timeout / 10, self.deadline]
    }

    /// Whether it is a little before its caller gives up.
    fn is_late_soon(&self, now: Time) -> bool {
        now >= self.times()[0]
    }

    pub(crate) fn caller(&self) -> NodeId {
        self.ask.origin
    }

    /// The answer that its caller is not told yet.
    pub(crate) fn withheld(&self) -> Option<&Withheld> {
        match &self.state {
            State::Telling(withheld) => Some(withheld),
            _ => None,
        }
    }
}

enum Progress {
    Wait,
    Done,
}

impl Node {
    /// The node that decides about a child, as far as is known here (S4.1).
    pub(crate) fn decider(&self, key: &ChildKey) -> Option<NodeId> {
        let view = self.settled.view()?;
        if self.planted.is(Bug::EverybodyDecides) {
            return Some(self.id);
        }
        view.decider(key)
    }

    /// A request came, from here or from elsewhere. One that `waited` may have been answered meanwhile.
    pub(crate) fn take_decision(&mut self, ask: Ask, waited: bool) {
        if let Some(answered) = self.answered.get(&(ask.origin, ask.request)) {
            let told = answered.told.clone();
            return self.deliver(ask.origin, told);
        }
        let key = ChildKey::from(ask.command.child());
        let deadline = self.now.mono + ask.timeout;
        let Some(decider) = self.decider(&key) else {
            self.parked.push(Parked { ask, deadline });
            return;
        };
        if decider != self.id {
            return self.redirect(&ask, decider);
        }
        if self.is_exchanging_with(ask.origin) {
            // It may know children that this node has never heard of (S4.1).
            self.parked.push(Parked { ask, deadline });
            return;
        }
        if !ask.seen.iter().all(|dot| self.covers(*dot)) && !self.planted.is(Bug::DecidedUnseen) {
            // What it knows was pushed here, or is on its way; where a push was lost, this brings it (S5.13).
            self.replica.sync_with(ask.origin.replica());
            self.parked.push(Parked { ask, deadline });
            return;
        }
        let queue = self.decisions.entry(key.clone()).or_default();
        let same = |other: &&mut Decision| other.ask.origin == ask.origin && other.ask.request == ask.request;
        if let Some(known) = queue.iter_mut().find(same) {
            // It asks again: what was asked of it may be lost.
            if known.check == Check::Asked {
                known.check = Check::Due;
            }
        } else {
            let waited = waited || !queue.is_empty();
            let check = if waited { Check::Due } else { Check::Open };
            let (told, doubt, state) = (false, false, State::New);
            queue.push_back(Decision {
                ask,
                deadline,
                told,
                doubt,
                births: Vec::new(),
                check,
                state,
            });
            if self.planted.is(Bug::LastCallFirst) {
                queue.rotate_right(1);
            }
        }
        self.child_mut(&key);
        self.children.touch(&key);
    }

    /// A call came by itself: whether it is one that its caller's node still needs, and may be of before (S5.8).
    pub(crate) fn call_came(&mut self, from: NodeId, ask: Ask, conn: Option<ConnId>) {
        self.calls_closed(ask.origin, &ask.closed);
        let is_closed = self
            .closed
            .get(&ask.origin)
            .is_some_and(|closed| closed.contains(ask.request));
        let believes = self.planted.is(Bug::LateCopyServed);
        if is_closed && !believes {
            return;
        }
        let waited = conn.is_some_and(|conn| self.may_be_late(from, conn)) && !believes;
        self.take_decision(ask, waited);
    }

    /// A node needs no answers of these of its calls any more.
    pub(crate) fn calls_closed(&mut self, origin: NodeId, closed: &Closed) {
        if origin == self.id {
            return;
        }
        let known = self.closed.entry(origin).or_default();
        known.merge(closed);
        let known = &*known;
        let calls = (origin, RequestId(0))..=(origin, RequestId(u64::MAX));
        let over: Vec<_> = self
            .answered
            .range(calls)
            .map(|(call, _)| *call)
            .filter(|(_, request)| known.contains(*request))
            .collect();
        for call in over {
            self.answered.remove(&call);
        }
    }

    /// Whether a message may have been on its way while its sender, or this node, went on without the other: it came on
    /// a connection that is not in use, or the sender was out of sight and what it sends now cannot be told from what it
    /// sent before.
    pub(crate) fn may_be_late(&self, from: NodeId, conn: ConnId) -> bool {
        let is_alive = |known: &Known| known.liveness == Liveness::Alive;
        self.links.used(from) != Some(conn)
            || self.backlog.may_hold(from)
            || !self.roster.get(from).is_some_and(is_alive)
    }

    /// Another node decides, as this one sees it.
    fn redirect(&mut self, ask: &Ask, to: NodeId) {
        let request = ask.request;
        self.send(ask.origin, &Message::Redirect { request, to });
    }

    /// A node is down, or asks anew: what was asked for it is looked at again.
    pub(crate) fn touch_decisions_for(&mut self, origin: NodeId) {
        let of_origin =
            |queue: &VecDeque<Decision>| queue.iter().any(|decision| decision.ask.origin == origin);
        for (key, queue) in &mut self.decisions {
            if of_origin(queue) {
                // The question whether the caller still waits, or its answer, may be lost.
                for decision in queue.iter_mut().filter(|decision| decision.check == Check::Asked) {
                    decision.check = Check::Due;
                }
                self.children.touch(key);
            }
        }
    }

    /// The view settled, or states were exchanged: requests that waited for it go on.
    pub(crate) fn unpark(&mut self) {
        let now = self.now.mono;
        for Parked { mut ask, deadline } in core::mem::take(&mut self.parked) {
            if now < deadline && self.is_living(ask.origin) {
                ask.timeout = deadline.since(now);
                self.take_decision(ask, true);
            }
        }
    }

    /// Forgets answers that nobody can ask for any more.
    pub(crate) fn forget_old_answers(&mut self) {
        let now = self.now.mono;
        let forgotten = &mut self.forgotten;
        self.answered.retain(|(origin, request), answered| {
            let is_kept = now < answered.until;
            if !is_kept {
                let highest = forgotten.entry(*origin).or_insert(*request);
                *highest = (*highest).max(*request);
            }
            is_kept
        });
        // Who has ended asks nothing again.
        let roster = &self.roster;
        self.forgotten
            .retain(|node, _| roster.knows(*node) && !roster.removals.ends(*node));
        self.placed.retain(|_, (until, _)| now < *until);
    }

    fn deliver(&mut self, origin: NodeId, told: Told) {
        self.send(origin, &Message::Told(told));
    }

    fn tell(&mut self, decision: &Decision, result: Result<Answer, CallError>, written: Vec<Dot>) {
        let ask = &decision.ask;
        let held_by = self.holders_of_all(&written).into_iter().collect();
        let told = Told {
            request: ask.request,
            result,
            written,
            held_by,
        };
        if ask.origin == self.id {
            // Nothing to itself is lost.
            return self.deliver(self.id, told);
        }
        let until = decision.deadline.max(self.now.mono + GRACE);
        self.answered.insert(
            (ask.origin, ask.request),
            Answered {
                told: told.clone(),
                until,
            },
        );
        self.deliver(ask.origin, told);
    }

    /// Tells a caller that all is well, once a take-over would find what was written (S5.9).
    fn tell_once_found(
        &mut self,
        key: &ChildKey,
        decision: &mut Decision,
        answer: Answer,
        written: Vec<Dot>,
    ) -> Progress {
        let withheld = self.withhold(key, answer, written);
        if self.can_be_found(&withheld, decision.ask.origin) {
            return self.tell_of(decision, withheld.answer, withheld.written);
        }
        self.withheld.insert(key.clone());
        decision.state = State::Telling(withheld);
        Progress::Wait
    }

    /// Tells a caller what was written for it; the next request is served once this is known here.
    fn tell_of(&mut self, decision: &mut Decision, answer: Answer, written: Vec<Dot>) -> Progress {
        let entry = written.first().copied();
        self.tell(decision, Ok(answer), written);
        match entry {
            Some(written) if !self.covers(written) => {
                decision.state = State::Covering { written, round: None };
                Progress::Wait
            }
            _ => Progress::Done,
        }
    }

    /// Serves the requests of an id, in their order, as far as possible now.
    pub(crate) fn advance_decisions(&mut self, key: &ChildKey) {
        while let Some(mut decision) = self.decisions.get_mut(key).and_then(VecDeque::pop_front) {
            match self.advance_decision(key, &mut decision) {
                Progress::Done => self.forget_times(key, &decision),
                Progress::Wait => {
                    for at in decision.times().into_iter().filter(|at| *at > self.now.mono) {
                        self.children.call_waits(at, key);
                    }
                    self.decisions
                        .entry(key.clone())
                        .or_default()
                        .push_front(decision);
                    return;
                }
            }
        }
        self.decisions.remove(key);
    }

    /// The child is looked at no more because of a call that is over.
    fn forget_times(&mut self, key: &ChildKey, decision: &Decision) {
        for at in decision.times() {
            self.children.call_is_over(at, key);
        }
    }

    fn advance_decision(&mut self, key: &ChildKey, decision: &mut Decision) -> Progress {
        let late = self.now.mono >= decision.deadline;
        if decision.may_be_dropped() && !self.is_living(decision.ask.origin) {
            if let State::Restarting { once: true, .. } = decision.state {
                // Should it ask again, it is not to be begun anew as if nobody had tried.
                let detail = "its caller was out of sight while the child was started".into();
                self.tell(decision, Err(CallError::Unknown { detail }), Vec::new());
            }
            return Progress::Done;
        }
        match &decision.state {
            State::New | State::Busy { .. } if late => {
                let detail = self.owner_of_an_older_copy(key).map_or_else(
                    || {
                        let why = if self.waits_for_the_other_half(key) {
                            "what is known of the child has not come here completely"
                        } else {
                            "what was asked of this child before took too long"
                        };
                        String::from(why)
                    },
                    |owner| {
                        let owner = self.name_of(owner);
                        alloc::format!("{owner} has not stopped the copy of the child that was there before")
                    },
                );
                self.tell_failure(decision, CallError::NotReady { detail });
                Progress::Done
            }
            State::Busy { until } if self.now.mono < *until => Progress::Wait,
            State::New | State::Busy { .. } => self.begin_decision(key, decision),
            State::Placing { target, .. } if !self.is_living(*target) => {
                let target = *target;
                decision.doubt = true;
                if decision.told {
                    return Progress::Done;
                }
                // It took as long as to miss that node: the caller may have been answered by another meanwhile.
                decision.check = Check::Due;
                self.refused_by(key, decision, target)
            }
            State::Elsewhere { .. } if late => {
                self.tell_late(decision);
                Progress::Done
            }
            State::Elsewhere { .. } if !self.is_living(decision.ask.origin) => {
                // Should it ask again, it is not to be begun anew as if nobody had tried.
                let detail = "a node went down while it started the child".into();
                self.tell(decision, Err(CallError::Unknown { detail }), Vec::new());
                Progress::Done
            }
            State::Elsewhere { .. } if self.settled.view().is_none() => Progress::Wait,
            State::Elsewhere { .. } => self.place_elsewhere(key, decision),
            State::Placing { .. } if late && !decision.told => {
                self.tell_late(decision);
                decision.told = true;
                Progress::Wait
            }
            State::Stopping { written } => {
                let written = *written;
                match self.stopped(key, decision, late) {
                    Some(stopped) => {
                        let is_word = |state| matches!(state, ClaimState::Stopped | ClaimState::Failed);
                        let written = match stopped {
                            Stopped::Confirmed => self.with_claim(key, written, is_word),
                            Stopped::Accepted { .. } => alloc::vec![written],
                        };
                        self.tell_once_found(key, decision, Answer::Terminated(stopped), written)
                    }
                    None => Progress::Wait,
                }
            }
            State::Restarting { run, written, once } => {
                let (run, written, once) = (*run, *written, *once);
                self.restarted(key, decision, run, written, once, late)
            }
            State::Telling(withheld) if late || self.can_be_found(withheld, decision.ask.origin) => {
                let (answer, written) = (withheld.answer.clone(), withheld.written.clone());
                self.tell_of(decision, answer, written)
            }
            State::Covering { written, .. } if self.covers(*written) => Progress::Done,
            State::Covering { written, round } if !self.is_living(NodeId(written.origin.0)) => {
                let (written, round) = (*written, *round);
                self.covering(decision, written, round)
            }
            State::Placing { .. } | State::Telling(_) | State::Covering { .. } => Progress::Wait,
        }
    }

    /// Who wrote what was answered is gone, and this node has not got it. Whom it was answered to has, if anybody was told
    /// that it is done (S5.2); a caller of this node itself was not.
    fn covering(&mut self, decision: &mut Decision, written: Dot, round: Option<u64>) -> Progress {
        let origin = decision.ask.origin;
        if origin == self.id || !self.is_living(origin) || self.planted.is(Bug::DecidedUnseen) {
            return Progress::Done;
        }
        match round {
            Some(round) if self.replica.completed_round(origin.replica()) >= round => Progress::Done,
            Some(_) => Progress::Wait,
            None => {
                let round = self.replica.rounds() + 1;
                self.replica.sync_with(origin.replica());
                decision.state = State::Covering {
                    written,
                    round: Some(round),
                };
                Progress::Wait
            }
        }
    }

    /// All that a node had came here: what waits for that goes on.
    pub(crate) fn exchanged_with(&mut self, peer: NodeId) {
        for (key, queue) in &self.decisions {
            let waits = |decision: &Decision| {
                matches!(decision.state, State::Covering { round: Some(_), .. })
                    && decision.ask.origin == peer
            };
            if queue.iter().any(waits) {
                self.children.touch(key);
            }
        }
        self.unpark();
    }

    /// The origin says whether the caller still waits.
    pub(crate) fn is_open(&mut self, from: NodeId, request: RequestId, key: &ChildKey, open: bool) {
        if let Some(queue) = self.decisions.get_mut(key) {
            let same = |decision: &Decision| {
                decision.ask.origin == from
                    && decision.ask.request == request
                    && decision.check == Check::Asked
            };
            if open {
                if let Some(decision) = queue.iter_mut().find(|decision| same(decision)) {
                    decision.check = Check::Open;
                }
            } else if let Some(at) = queue.iter().position(same)
                && let Some(decision) = queue.remove(at)
            {
                self.forget_times(key, &decision);
            }
            self.children.touch(key);
        }
    }

    fn tell_late(&mut self, decision: &Decision) {
        let detail = "the child's start took too long".into();
        self.tell(decision, Err(CallError::Unknown { detail }), Vec::new());
    }

    /// The request's turn has come; by now another node may decide about the id.
    fn begin_decision(&mut self, key: &ChildKey, decision: &mut Decision) -> Progress {
        let Some(decider) = self.decider(key) else {
            return Progress::Wait;
        };
        if decider == self.id {
            let is_open = self.is_still_open(key, decision);
            if self.hears_of_before() {
                let again = self.now.mono + self.config.timing.probe_rtt;
                self.children.wake_at(again, key);
                return Progress::Wait;
            }
            // What is known of it is not all that can be known (S2.3).
            return if is_open && !self.waits_for_the_other_half(key) {
                self.decide_new(key, decision)
            } else {
                Progress::Wait
            };
        }
        if decision.doubt {
            let view = self.settled.view();
            let view = view.map(|view| view.ready.values().cloned().collect());
            let view = view.unwrap_or_default();
            self.tell_failure(decision, CallError::NotDecider { view });
        } else {
            self.redirect(&decision.ask, decider);
        }
        Progress::Done
    }

    /// Whether it is known that the caller still waits; its node is asked if that is not certain (S5.8).
    fn is_still_open(&mut self, key: &ChildKey, decision: &mut Decision) -> bool {
        if decision.check == Check::Due {
            decision.check = Check::Asked;
            let question = Message::IsOpen(decision.ask.request, key.clone());
            self.send(decision.ask.origin, &question);
        }
        decision.check == Check::Open
    }

    fn decide_new(&mut self, key: &ChildKey, decision: &mut Decision) -> Progress {
        let info = self.info(key).map(Arc::new);
        let ask = decision.ask.clone();
        let not_found = || CallError::NotFound {
            horde: key.horde.clone(),
            id: key.id.clone(),
        };
        let intent = self
            .children
            .get(key)
            .and_then(|child| child.claims.intent())
            .cloned();
        let intent = intent.filter(Intent::is_live);
        let result = match (&ask.command, intent, info) {
            (Command::StartChild { spec, .. }, None, _) | (Command::StartChild { spec, .. }, _, None) => {
                if self.older_copy_may_run(key) {
                    return Progress::Wait;
                }
                let is_for_once = spec.restart == Restart::Temporary && ask.again;
                if is_for_once && self.forgotten.get(&ask.origin) >= Some(&ask.request) {
                    // Its caller's machine slept, and waits for longer by its own clock than this node remembers.
                    let detail = "it may have been started for this call before, and runs once only".into();
                    self.tell_failure(decision, CallError::Unknown { detail });
                    return Progress::Done;
                }
                let birth = self.stamp();
                return self.place_birth(key, decision, birth, spec, Vec::new());
            }
            (Command::StartChild { .. }, Some(intent), Some(info))
                if decision.births.contains(&intent.birth) || self.planted.is(Bug::StartedForAll) =>
            {
                // By a node that was given up, after all.
                let written = self.intents_held(key);
                let answer = Answer::Started {
                    child: info,
                    held_by: Vec::new(),
                    durable: false,
                };
                return self.tell_once_found(key, decision, answer, written);
            }
            (Command::StartChild { .. }, Some(intent), Some(info)) => {
                let stopped = intent.desired != Desired::Running || info.state == ChildState::Failed;
                Err(if stopped {
                    CallError::AlreadyPresent(info)
                } else {
                    CallError::AlreadyStarted(info)
                })
            }
            (_, None, _) | (_, _, None) => Err(not_found()),
            (Command::TerminateChild { .. }, Some(intent), Some(_)) => {
                let intent = Intent {
                    desired: Desired::Stopped(self.stamp()),
                    ..intent
                };
                let Some(written) = self.write_intent(key, &intent) else {
                    return Progress::Wait;
                };
                decision.state = State::Stopping { written };
                self.children.touch(key);
                return Progress::Wait;
            }
            (Command::RestartChild { .. }, Some(intent), Some(info)) => {
                if intent.desired == Desired::Running && info.state != ChildState::Failed {
                    Err(CallError::Running(info))
                } else {
                    let runner = match self.choose_runner(key, &intent) {
                        Ok(runner) => runner,
                        Err(detail) => {
                            let id = key.id.clone();
                            self.tell(
                                decision,
                                Err(CallError::NoEligibleNode { id, detail }),
                                Vec::new(),
                            );
                            return Progress::Done;
                        }
                    };
                    let run = self.stamp();
                    let once = intent.spec.restart == Restart::Temporary;
                    let intent = Intent {
                        desired: Desired::Running,
                        run,
                        runner,
                        ..intent
                    };
                    let Some(written) = self.write_intent(key, &intent) else {
                        return Progress::Wait;
                    };
                    decision.state = State::Restarting { run, written, once };
                    self.children.touch(key);
                    return Progress::Wait;
                }
            }
            (Command::UpdateChild { spec, .. }, Some(intent), Some(info)) => {
                if !spec.is_change_of_policy(&intent.spec) {
                    Err(CallError::Differs(info))
                } else if *spec == intent.spec {
                    // By a call perhaps that was not told so, because nobody else held it.
                    let written = self.intents_held(key);
                    return self.tell_once_found(key, decision, Answer::Updated(info), written);
                } else {
                    // The same life and the same run: its owner has nothing to start or stop (S2.1).
                    let spec = Arc::clone(spec);
                    let info = ChildInfo {
                        spec: Arc::clone(&spec),
                        ..ChildInfo::clone(&info)
                    };
                    let intent = Intent {
                        changed: Some(self.stamp()),
                        spec,
                        ..intent
                    };
                    let written = self.write_intent(key, &intent);
                    let written = written.into_iter().collect();
                    self.children.touch(key);
                    let answer = Answer::Updated(Arc::new(info));
                    return self.tell_once_found(key, decision, answer, written);
                }
            }
            (Command::DeleteChild { .. }, Some(intent), Some(info)) => {
                let is_to_run = intent.desired == Desired::Running && info.state != ChildState::Failed;
                let may_run = self.copy_may_run(key, &intent) && !self.planted.is(Bug::DeletedUnconfirmed);
                if is_to_run || may_run {
                    Err(CallError::Running(info))
                } else {
                    let intent = intent.over(Deleted::ByUser);
                    let written = self.write_intent(key, &intent).into_iter().collect();
                    self.children.touch(key);
                    return self.tell_once_found(key, decision, Answer::Deleted, written);
                }
            }
        };
        match result {
            Ok(answer) => self.tell(decision, Ok(answer), Vec::new()),
            Err(error) => self.tell_failure(decision, error),
        }
        Progress::Done
    }

    /// Who may start a temporary child again: its owner, or, where that is out of sight, one other (S5.4).
    fn choose_runner(&self, key: &ChildKey, intent: &Intent) -> Result<Option<NodeId>, String> {
        if intent.spec.restart != Restart::Temporary {
            return Ok(None);
        }
        let claim = self.children.get(key).and_then(|child| child.claims.winner());
        match claim.map(Claim::owner) {
            Some(owner) if self.is_living(owner) => Ok(Some(owner)),
            owner => self.place(key, &intent.spec, owner.as_slice()).map(Some),
        }
    }

    /// The writes of a child's intent that are held here.
    fn intents_held(&self, key: &ChildKey) -> Vec<Dot> {
        let siblings = self.replica.map().siblings(&Key::Intent(key.clone()));
        siblings.map(|sibling| sibling.dot).collect()
    }

    fn write_intent(&mut self, key: &ChildKey, intent: &Intent) -> Option<Dot> {
        self.write([(Key::Intent(key.clone()), Some(Value::encode(intent)))])
    }

    /// Whether the owner of a child that is to be stopped may still run it: it has not said that it has stopped, and is
    /// not known to be gone.
    fn copy_may_run(&self, key: &ChildKey, intent: &Intent) -> bool {
        let child = self.children.get(key);
        let claim = child.and_then(|child| child.claims.winner());
        let claim = claim.filter(|claim| claim.birth == intent.birth);
        claim.is_some_and(|claim| {
            let has_ended = matches!(claim.state, ClaimState::Stopped | ClaimState::Failed);
            let has_ended = has_ended && claim.run >= intent.run && self.copy_of(key).is_none();
            !has_ended && !self.is_surely_gone(claim)
        })
    }

    /// Whether a node in sight has not said yet that its copy of a life that is over has ended (S5.3). It removes
    /// its claim then. A zombie is not waited for: it would be for ever.
    fn older_copy_may_run(&self, key: &ChildKey) -> bool {
        self.owner_of_an_older_copy(key).is_some()
    }

    fn owner_of_an_older_copy(&self, key: &ChildKey) -> Option<NodeId> {
        let has_copy = |claim: &Claim| {
            use ClaimState::{Restarting, Running, Starting};
            matches!(claim.state, Starting | Running | Restarting) && self.is_living(claim.owner())
        };
        let siblings = self.children.get(key)?.claims.siblings();
        siblings.iter().find(|claim| has_copy(claim)).map(Claim::owner)
    }

    /// Chooses a node for a new life and tells it to start the child.
    fn place_birth(
        &mut self,
        key: &ChildKey,
        decision: &mut Decision,
        birth: Stamp,
        spec: &Arc<ChildSpec>,
        tried: Vec<NodeId>,
    ) -> Progress {
        let target = match self.place(key, spec, &tried) {
            Ok(target) => target,
            Err(detail) => {
                let error = CallError::NoEligibleNode {
                    id: key.id.clone(),
                    detail,
                };
                self.tell_failure(decision, error);
                return Progress::Done;
            }
        };
        let placement = self.number();
        let epoch = self.children.highest_epoch(key);
        let timeout = decision.deadline.since(self.now.mono);
        let what = ClaimNotice::Birth {
            birth,
            retried: decision.ask.again || !decision.births.is_empty(),
            spec: Arc::clone(spec),
        };
        let place = Place {
            placement,
            lowest: self.lowest_placement(placement),
            child: key.clone(),
            timeout,
            epoch,
            what,
        };
        self.send(target, &Message::Place(place.clone()));
        decision.births.push(birth);
        decision.state = State::Placing { target, place, tried };
        Progress::Wait
    }

    /// The target went down, or refused.
    fn refused_by(&mut self, key: &ChildKey, decision: &mut Decision, target: NodeId) -> Progress {
        if let State::Placing { tried, .. } = &mut decision.state {
            let mut tried = core::mem::take(tried);
            tried.push(target);
            decision.state = State::Elsewhere { tried };
        }
        self.advance_decision(key, decision)
    }

    /// Another is tried, above those that were. Never for a temporary child, which may have run (S5.1).
    fn place_elsewhere(&mut self, key: &ChildKey, decision: &mut Decision) -> Progress {
        let State::Elsewhere { tried } = &decision.state else {
            return Progress::Wait;
        };
        let Command::StartChild { spec, .. } = decision.ask.command.clone() else {
            return Progress::Done;
        };
        if spec.restart == Restart::Temporary && decision.doubt {
            let last = tried.last().map(|node| self.name_of(*node).to_string());
            let last = last.unwrap_or_default();
            let detail = alloc::format!("{last} went down while it started the child");
            self.tell(decision, Err(CallError::Unknown { detail }), Vec::new());
            return Progress::Done;
        }
        let tried = tried.clone();
        if !self.is_still_open(key, decision) {
            return Progress::Wait;
        }
        // A new birth: should the first target have started it after all, its life is void (S2.3).
        let birth = self.stamp();
        self.place_birth(key, decision, birth, &spec, tried)
    }

    /// A connection is back: what was placed on that peer may not have arrived, or its answer was lost.
    pub(crate) fn place_again(&mut self, peer: NodeId) {
        let now = self.now.mono;
        let places = self.decisions.values().filter_map(|queue| match queue.front() {
            Some(Decision {
                state: State::Placing { target, place, .. },
                deadline,
                ..
            }) if *target == peer => Some(Place {
                timeout: deadline.since(now),
                ..place.clone()
            }),
            _ => None,
        });
        for place in places.collect::<Vec<_>>() {
            self.send(peer, &Message::Place(place));
        }
    }

    /// The target's answer.
    pub(crate) fn placed(&mut self, from: NodeId, placed: Placed) {
        let key = placed.child;
        let Some(mut decision) = self.decisions.get_mut(&key).and_then(VecDeque::pop_front) else {
            return;
        };
        let current = matches!(
            &decision.state,
            State::Placing { target, place, .. } if place.placement == placed.placement && *target == from
        );
        let progress = if current {
            self.take_placed(&key, &mut decision, from, placed.result)
        } else {
            Progress::Wait
        };
        match progress {
            Progress::Done => self.forget_times(&key, &decision),
            Progress::Wait => self
                .decisions
                .entry(key.clone())
                .or_default()
                .push_front(decision),
        }
        self.children.touch(&key);
    }

    fn take_placed(
        &mut self,
        key: &ChildKey,
        decision: &mut Decision,
        from: NodeId,
        result: Result<(Token, Dot), PlaceError>,
    ) -> Progress {
        if decision.told {
            // Too late for the caller; what matters is that the next request sees the outcome.
            let Ok((_, written)) = result else {
                return Progress::Done;
            };
            decision.state = State::Covering { written, round: None };
            return Progress::Wait;
        }
        let ask = decision.ask.clone();
        let error = match result {
            Ok((token, written)) => {
                let child = self.started_info(key, &ask.command, from, token);
                let answer = Answer::Started {
                    child,
                    held_by: Vec::new(),
                    durable: false,
                };
                return self.tell_once_found(key, decision, answer, alloc::vec![written]);
            }
            Err(PlaceError::Refused(_)) => return self.refused_by(key, decision, from),
            Err(PlaceError::Busy) => {
                let until = self.now.mono + BUSY;
                decision.state = State::Busy { until };
                // The target may have done it for another decider, which answered.
                decision.check = Check::Due;
                self.children.wake_at(until, key);
                return Progress::Wait;
            }
            Err(PlaceError::Ignored) if !decision.doubt => {
                self.tell(decision, Ok(Answer::Ignored), Vec::new());
                return Progress::Done;
            }
            Err(PlaceError::Ignored) => CallError::Unknown {
                detail: "the child chose not to run; a node that went down may run it".into(),
            },
            Err(PlaceError::StartFailed(error)) => CallError::StartFailed {
                id: key.id.clone(),
                node: self.name_of(from),
                error,
            },
            Err(PlaceError::Stuck) => CallError::Unknown {
                detail: alloc::format!(
                    "its start on {} did not return and cannot be killed; it may run",
                    self.name_of(from)
                ),
            },
            Err(PlaceError::Superseded) => CallError::Unknown {
                detail: "the child was started from elsewhere at the same time".into(),
            },
        };
        self.tell_failure(decision, error);
        Progress::Done
    }

    /// A failure is definite only if no node that went down may have started the child before.
    fn tell_failure(&mut self, decision: &Decision, error: CallError) {
        let error = if decision.doubt {
            CallError::Unknown {
                detail: alloc::format!("a node went down while it started the child; then: {error}"),
            }
        } else {
            error
        };
        self.tell(decision, Err(error), Vec::new());
    }

    /// What is known of a child that has just been started elsewhere, before the map says so here.
    fn started_info(&self, key: &ChildKey, command: &Command, node: NodeId, token: Token) -> Arc<ChildInfo> {
        let spec = match command {
            Command::StartChild { spec, .. } => Arc::clone(spec),
            _ => unreachable!("only start_child is placed"),
        };
        Arc::new(ChildInfo {
            horde: key.horde.clone(),
            id: key.id.clone(),
            spec,
            state: ChildState::Running,
            is_stopping: false,
            node: Some(self.name_of(node)),
            token: Some(token),
            os_pid: None,
            restarts: 0,
            reason: None,
        })
    }

    /// Whether a child that was told to stop has (S5.3); `None`: not known yet.
    fn stopped(&self, key: &ChildKey, decision: &Decision, late: bool) -> Option<Stopped> {
        let child = self.children.get(key)?;
        let Some(claim) = child.claims.winner() else {
            return Some(Stopped::Confirmed);
        };
        let owner = claim.owner();
        let run = child.claims.intent().map(|intent| intent.run);
        let stopped =
            matches!(claim.state, ClaimState::Stopped | ClaimState::Failed) && Some(claim.run) >= run;
        let runs_here = child.claims.copy().is_some();
        if !runs_here && (stopped || self.is_surely_gone(claim)) {
            return Some(Stopped::Confirmed);
        }
        // A little earlier than the caller gives up, so that it hears of it; at once if the owner is out of sight.
        let soon = decision.is_late_soon(self.now.mono);
        let is_zombie = |copy: &Copy| copy.phase == Phase::Zombie;
        let zombie_here = child.claims.copy().is_some_and(is_zombie);
        let hopeless = claim.state == ClaimState::Zombie || zombie_here || !self.is_living(owner);
        let owner = if zombie_here { self.id } else { owner };
        (late || soon || hopeless).then(|| Stopped::Accepted {
            owner: self.name_of(owner),
        })
    }

    /// A child that was to be started again is over: it chose not to run, or was done before it was seen to run; or another
    /// run had finished out of sight, or somebody else had it deleted, which may be forgotten by now. What runs `once` only
    /// and is over by anything but this run may have run before.
    fn over_at_once(&mut self, key: &ChildKey, decision: &mut Decision, run: Stamp, once: bool) -> Progress {
        let written = self.intents_held(key);
        let intent = self.children.get(key).and_then(|child| child.claims.intent());
        if intent.is_some_and(|intent| intent.deleted == Deleted::Finished && intent.run == run) {
            return self.tell_once_found(key, decision, Answer::Ignored, written);
        }
        let error = if once {
            CallError::Unknown {
                detail: "the child was lost or deleted while it was started again; it may have run".into(),
            }
        } else {
            let (horde, id) = (key.horde.clone(), key.id.clone());
            CallError::NotFound { horde, id }
        };
        self.tell(decision, Err(error), written);
        Progress::Done
    }

    /// Whether nothing can be running of what a node claimed: it is not merely out of sight.
    pub(crate) fn is_surely_gone(&self, claim: &Claim) -> bool {
        let node = claim.owner();
        let may_be_there = self.links.used(node).is_some();
        let has_ended = match self.roster.state(node) {
            // It gave away what had stopped, and did not wait for ever for what does not die (S5.10).
            MemberState::Left => claim.state == ClaimState::Relocating || !may_be_there,
            // It may still be stopping what it ran.
            MemberState::Removed => !may_be_there,
            // Nobody is forgotten who has not ended, and who wrote a claim had written a record before.
            _ => self.is_forgotten(node) && !may_be_there,
        };
        // An earlier boot of this one: it would still listen there.
        let was_here = self.roster.get(node).is_some_and(|known| {
            known.identity.name == self.config.name && known.identity.addr == self.config.addr
        });
        let is_missed = self.planted.is(Bug::DownIsSurelyGone) && !self.is_living(node);
        let is_proven = self.proven.contains(&node) && !self.names.has_given_up(node);
        node != self.id && (is_proven || has_ended || was_here || is_missed)
    }

    /// Whether nothing is known of a node any more, not even that it was removed.
    fn is_forgotten(&self, node: NodeId) -> bool {
        !self.roster.knows(node) && !self.roster.removals.any_of(node)
    }

    fn restarted(
        &mut self,
        key: &ChildKey,
        decision: &mut Decision,
        run: Stamp,
        written: Dot,
        once: bool,
        late: bool,
    ) -> Progress {
        let child = self.children.get(key);
        if child.is_none_or(|child| !child.claims.intent().is_some_and(Intent::is_live)) {
            return self.over_at_once(key, decision, run, once);
        }
        let claim = child.and_then(|child| child.claims.winner());
        let claim = claim.filter(|claim| claim.run >= run).cloned();
        let result = match claim {
            Some(Claim {
                state: ClaimState::Running,
                token,
                ..
            }) if !late && self.is_living(token.owner) => match self.info(key) {
                Some(info) => Ok(Answer::Started {
                    child: Arc::new(info),
                    held_by: Vec::new(),
                    durable: false,
                }),
                None => return Progress::Wait,
            },
            Some(Claim {
                state: ClaimState::Failed,
                token,
                reason,
                ..
            }) => Err(CallError::StartFailed {
                id: key.id.clone(),
                node: self.name_of(token.owner),
                error: reason.unwrap_or_else(|| "failed".into()),
            }),
            _ if late || decision.is_late_soon(self.now.mono) => {
                let child = self.children.get(key);
                let unclaimed = child.and_then(|child| child.unclaimed.as_ref());
                let detail = unclaimed.map_or_else(
                    || String::from("it is to run, and took too long to start"),
                    |why| alloc::format!("it is to run, and no node can run it now: {why}"),
                );
                Err(CallError::Unknown { detail })
            }
            _ => return Progress::Wait,
        };
        match result {
            Ok(answer) => {
                let held = self.with_claim(key, written, |state| state == ClaimState::Running);
                self.tell_once_found(key, decision, answer, held)
            }
            Err(error) => {
                self.tell(decision, Err(error), Vec::new());
                Progress::Done
            }
        }
    }

    /// The caller hears of an intent's outcome only when the owner's word for it, if it `is_word`, is held as well; what
    /// else there is about the child holds nothing up.
    fn with_claim(&self, key: &ChildKey, intent: Dot, is_word: impl Fn(ClaimState) -> bool) -> Vec<Dot> {
        let winner = self.children.get(key).and_then(|child| child.claims.winner());
        let word = winner.filter(|claim| is_word(claim.state)).map(Claim::rank);
        let claims = self.replica.map().siblings(&Key::Claim(key.clone()));
        let said = claims.filter(|sibling| {
            let claim = sibling.value.decode::<Claim>();
            word.is_some() && claim.map(|claim| claim.rank()) == word
        });
        let said = said.map(|sibling| sibling.dot);
        core::iter::once(intent).chain(said).collect()
    }

    /// Whether the decider is about to start this id somewhere.
    pub(crate) fn is_being_placed(&self, key: &ChildKey) -> bool {
        self.decisions
            .get(key)
            .and_then(|queue| queue.front())
            .is_some_and(|decision| matches!(decision.state, State::Placing { .. }))
    }

    /// The lowest number of a placement that is open, where the next is `next`.
    fn lowest_placement(&self, next: u64) -> u64 {
        let open = self
            .decisions
            .values()
            .filter_map(|queue| match &queue.front()?.state {
                State::Placing { place, .. } => Some(place.placement),
                _ => None,
            });
        open.min().unwrap_or(next).min(next)
    }

    /// How many children this node has placed on another that the map does not show yet.
    pub(crate) fn placed_on(&self, node: NodeId) -> u32 {
        let count = self
            .decisions
            .values()
            .filter_map(|queue| queue.front())
            .filter(|decision| matches!(&decision.state, State::Placing { target, .. } if *target == node))
            .count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }
}
