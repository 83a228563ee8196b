use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::time::Duration;

use ordu_supervisor::decisions::{
    Backoff, ChildPolicy, DynamicAction, DynamicEvent, ExitReason, Incarnation, Notice, Refusal, Restart,
    Signal, Time as SupervisorTime,
};

use crate::claims::{Copy, Phase, StopWhy};
use crate::node::Node;
use crate::planted::Bug;
use crate::registers::{ChildKey, Claim, ClaimState, Deleted, Desired, Intent, Key, Value};
use crate::wire::PlaceError;
use crate::{ChildSpec, Event, Life, NodeId, Output, StartId, Token};

/// How the local supervisor treats a child: OTP's fields, a restart budget of its own so that one bad child
/// takes down nobody, and a back-off so that it does not burn the budget in microseconds.
pub(crate) fn policy(spec: &ChildSpec, timeout: Option<Duration>) -> ChildPolicy {
    ChildPolicy {
        restart: spec.restart,
        shutdown: spec.shutdown,
        child_type: spec.child_type,
        start_timeout: spec.start_timeout.or(timeout),
        budget: Some(spec.intensity),
        backoff: Some(Backoff::new(Duration::from_millis(50), Duration::from_secs(1))),
        ..ChildPolicy::worker()
    }
}

impl Node {
    fn supervisor_now(&self) -> SupervisorTime {
        SupervisorTime::from_micros(self.now.mono.0)
    }

    pub(crate) fn supervise(&mut self, event: DynamicEvent<ChildKey>) {
        let now = self.supervisor_now();
        self.supervisor.step(event, now);
    }

    /// Hands a copy to the local supervisor, which starts it.
    pub(crate) fn start_copy(
        &mut self,
        key: &ChildKey,
        copy: &Copy,
        spec: Arc<ChildSpec>,
        restarts: u32,
        timeout: Option<Duration>,
    ) {
        let policy = policy(&spec, timeout);
        let child = self.child_mut(key);
        child.claims.set_copy(Some(Copy {
            phase: Phase::Starting,
            ..copy.clone()
        }));
        child.spec = Some(spec);
        child.conflict = None;
        self.children.here.insert(key.clone());
        self.supervise(DynamicEvent::StartChild {
            key: key.clone(),
            policy,
            payload: (),
            restarts,
        });
    }

    /// The copy here is treated by what the user wants of its life by now (S2.1); it runs on.
    pub(crate) fn adopt_policy(&mut self, key: &ChildKey) {
        let Some(child) = self.children.all.get_mut(key) else {
            return;
        };
        let (Some(intent), Some(copy), Some(spec)) =
            (child.claims.intent(), child.claims.copy(), &child.spec)
        else {
            return;
        };
        let is_new = intent.birth == copy.birth
            && intent.spec.policy() != spec.policy()
            && intent.spec.is_change_of_policy(spec);
        if !is_new {
            return;
        }
        let spec = Arc::clone(&intent.spec);
        child.spec = Some(Arc::clone(&spec));
        // One that waits for the holders of its claim is handed to the supervisor with this spec.
        if let Some(before) = self.supervisor.policy(key) {
            let policy = policy(&spec, before.start_timeout);
            let key = key.clone();
            self.supervise(DynamicEvent::ChangePolicy { key, policy });
        }
    }

    /// Stops a copy that the local supervisor knows.
    pub(crate) fn stop_copy(&mut self, key: &ChildKey, why: StopWhy) {
        let Some(copy) = self
            .children
            .all
            .get_mut(key)
            .and_then(|child| child.claims.copy_mut())
        else {
            return;
        };
        copy.phase = Phase::Stopping(why);
        let reason = match why {
            StopWhy::Conflict | StopWhy::Void => ExitReason::CONFLICT,
            StopWhy::Finished => ExitReason::FINISHED,
            StopWhy::Leave => ExitReason::REDISTRIBUTION,
            StopWhy::Terminated | StopWhy::Deleted | StopWhy::Rerun | StopWhy::Outranked => {
                ExitReason::Shutdown
            }
        };
        self.supervise(DynamicEvent::Terminate {
            key: key.clone(),
            reason,
        });
    }

    /// The copy is gone, and so is all that was remembered of it.
    pub(crate) fn drop_copy(&mut self, key: &ChildKey) {
        if let Some(child) = self.children.all.get_mut(key) {
            let claiming = child.claims.copy().filter(|copy| copy.phase == Phase::Claiming);
            if let Some(copy) = claiming {
                child.called_off = Some(copy.token);
            }
            child.claims.set_copy(None);
            child.spec = None;
            child.start = None;
            child.conflict = None;
        }
        self.children.here.remove(key);
        self.children.touch(key);
    }

    /// Carries out what the local supervisor decided.
    pub(crate) fn drain_supervisor(&mut self) {
        while let Some(action) = self.supervisor.poll_action() {
            match action {
                DynamicAction::Start {
                    key,
                    incarnation,
                    restarts,
                    ..
                } => {
                    self.execute_start(&key, incarnation, restarts);
                }
                DynamicAction::Signal {
                    incarnation, signal, ..
                } => {
                    let start = StartId(incarnation.number());
                    // A start that was called off before it was begun has nothing to stop.
                    if self.starts.contains_key(&start) {
                        self.output(match signal {
                            Signal::Shutdown => Output::ShutdownChild { start },
                            Signal::Kill => Output::KillChild { start },
                        });
                    }
                }
                DynamicAction::Notice { key, notice, .. } => self.noticed(&key, notice),
                DynamicAction::Refused { key, refusal } => self.start_refused(&key, &refusal),
                DynamicAction::Report(_) | DynamicAction::Exit { .. } => {}
            }
        }
    }

    /// The local supervisor took no notice of an order: it knows the child already, or not any more.
    fn start_refused(&mut self, key: &ChildKey, refusal: &Refusal) {
        let phantom = self.supervisor.child(key).is_none()
            && self
                .copy_of(key)
                .is_some_and(|copy| copy.phase != Phase::Claiming);
        if phantom {
            self.copy_did_not_start(key, &ExitReason::error(refusal));
        }
        self.children.touch(key);
    }

    /// Starts a copy: every start has a token of its own (S3.1).
    fn execute_start(&mut self, key: &ChildKey, incarnation: Incarnation, restarts: u32) {
        let hlc = self.hlc_millis();
        let me = self.id;
        let Some(child) = self.children.all.get_mut(key) else {
            return;
        };
        let Some(copy) = child.claims.copy().cloned() else {
            return;
        };
        let token = match copy.phase {
            Phase::Restarting if !self.planted.is(Bug::EpochNotRaised) => Token {
                epoch: child.claims.next_epoch(hlc),
                owner: me,
            },
            _ => copy.token,
        };
        let yields = copy.phase == Phase::Restarting && child.claims.outranked_by().is_some();
        let start = StartId(incarnation.number());
        child.start = Some(start);
        let Some(spec) = child.spec.clone() else { return };
        if yields {
            // A loser that crashed is not started again: the winner is responsible (S7).
            return self.call_off(key, incarnation, StopWhy::Conflict, ExitReason::CONFLICT);
        }
        let waits = self.claim_waits(key) && !self.planted.is(Bug::RestartAboveUnheldClaim);
        if copy.phase == Phase::Restarting && waits {
            // What starts next starts above the claim of the take-over, so once that is held (S3.2).
            return self.call_off(key, incarnation, StopWhy::Outranked, ExitReason::Shutdown);
        }
        self.starts.insert(start, key.clone());
        if copy.phase == Phase::Restarting {
            child_set(self, key, |child| {
                child.claims.set_copy(Some(Copy {
                    token,
                    phase: Phase::Starting,
                    ..copy.clone()
                }));
            });
            self.write_claim(key, |claim| Claim {
                token,
                previous: None,
                state: ClaimState::Restarting,
                restarts,
                os_pid: None,
                ..claim
            });
        }
        let (horde, id) = (key.horde.clone(), key.id.clone());
        self.output(Output::StartChild {
            start,
            horde,
            id,
            life: Life::born(copy.birth),
            token,
            spec,
        });
    }

    /// A start that the local supervisor wants, and that must not be.
    fn call_off(&mut self, key: &ChildKey, incarnation: Incarnation, why: StopWhy, reason: ExitReason) {
        self.stop_copy(key, why);
        let outcome = Err(reason);
        self.supervise(DynamicEvent::Started { incarnation, outcome });
    }

    /// Rewrites this node's own claim, if it is the winner (S2.2).
    pub(crate) fn write_claim(&mut self, key: &ChildKey, change: impl FnOnce(Claim) -> Claim) {
        let Some(own) = self
            .children
            .get(key)
            .and_then(|child| child.claims.own())
            .cloned()
        else {
            return;
        };
        let claim = change(own.clone());
        let contested = self
            .children
            .get(key)
            .is_some_and(|child| child.claims.is_contested());
        if claim == own && !contested {
            return;
        }
        self.write([(Key::Claim(key.clone()), Some(Value::encode(&claim)))]);
    }

    /// Removes the claim of a life that is over. The intent that says so is written again in the same unit, so
    /// that nobody ever sees a live intent without its claim.
    pub(crate) fn remove_claim(&mut self, key: &ChildKey) {
        let intent = self.children.get(key).and_then(|child| child.claims.intent());
        let intent = intent.map(|intent| (Key::Intent(key.clone()), Some(Value::encode(intent))));
        self.write(intent.into_iter().chain([(Key::Claim(key.clone()), None)]));
    }

    pub(super) fn noticed(&mut self, key: &ChildKey, notice: Notice) {
        match notice {
            Notice::Running => self.copy_runs(key),
            Notice::StartFailed(reason) => self.copy_did_not_start(key, &reason),
            Notice::Ignored => {
                self.drop_copy(key);
                if !self.answer_placement(key, Err(PlaceError::Ignored)) {
                    self.copy_finished(key, None, "chose not to run");
                }
            }
            Notice::Restarting { reason, at } => {
                self.exited_event(key, &reason, "restart");
                let is_older = self.is_older_than_its_claim(key);
                child_set(self, key, |child| {
                    child.start = None;
                    if let Some(copy) = child.claims.copy_mut() {
                        copy.phase = Phase::Restarting;
                    }
                });
                // The claim of a take-over says nothing of the copy that was here before.
                if at > self.supervisor_now() && !is_older {
                    let reason = reason.to_string();
                    self.write_claim(key, |claim| Claim {
                        state: ClaimState::Restarting,
                        os_pid: None,
                        ..claim.because(&reason)
                    });
                }
            }
            Notice::Finished(reason) => {
                self.exited_event(key, &reason, "finished");
                let run = self.drop_and_take(key);
                self.copy_finished(key, run, &reason.to_string());
            }
            Notice::Disowned => {
                let run = self.drop_and_take(key);
                self.copy_finished(key, run, "chose not to run");
            }
            Notice::Relinquished(_) => {
                // It gave itself away, to nobody: started again after a while, as after a start that failed.
                self.drop_copy(key);
                self.start_later(key);
            }
            Notice::GaveUp(reason) => {
                self.exited_event(key, &reason, "gave up");
                self.drop_copy(key);
                self.give_up(key, &reason.to_string());
            }
            Notice::Stopped { exit, .. } => {
                self.exited_event(key, &exit, "stopped");
                let copy = self.copy_of(key);
                let unwritten = copy.is_some_and(|copy| copy.unwritten);
                let leaves = copy.is_some_and(|copy| copy.phase == Phase::Stopping(StopWhy::Leave));
                let why = copy.map(|copy| &copy.phase);
                let goes_on = matches!(why, Some(Phase::Stopping(why)) if why.child_goes_on());
                // One that ends as it is told ends with `Shutdown`: this one was done before it was told (S5.4).
                let was_done = goes_on && exit == ExitReason::Normal && !self.is_permanent(key);
                let run = self.drop_and_take(key);
                if unwritten {
                    self.answer_placement(key, Err(self.why_not(key)));
                } else if was_done {
                    self.copy_finished(key, run, &exit.to_string());
                } else if leaves {
                    self.give_away(key, run, &exit.to_string());
                }
            }
            Notice::Zombie => {
                // Of one whose start did not return there is no claim that would tell of it.
                if self.copy_of(key).is_some_and(|copy| copy.unwritten) {
                    self.answer_placement(key, Err(PlaceError::Stuck));
                }
                child_set(self, key, |child| {
                    if let Some(copy) = child.claims.copy_mut() {
                        copy.phase = Phase::Zombie;
                    }
                });
                self.write_claim(key, |claim| Claim {
                    state: ClaimState::Zombie,
                    ..claim
                });
            }
        }
        self.children.touch(key);
    }

    fn is_permanent(&self, key: &ChildKey) -> bool {
        let intent = self.children.get(key).and_then(|child| child.claims.intent());
        intent.is_some_and(|intent| intent.spec.restart == Restart::Permanent)
    }

    fn copy_runs(&mut self, key: &ChildKey) {
        let Some(child) = self.children.all.get_mut(key) else {
            return;
        };
        let os_pid = child.start.and_then(|start| self.os_pids.get(&start).copied());
        child.attempts = 0;
        child.fresh_run = false;
        let Some(copy) = child.claims.copy_mut() else {
            return;
        };
        copy.phase = Phase::Running { os_pid };
        let copy = copy.clone();
        let previous = child.claims.own().and_then(|own| own.previous);
        let (horde, id) = (key.horde.clone(), key.id.clone());
        self.event(Event::ChildStarted {
            horde,
            id,
            token: copy.token,
            previous,
        });
        if copy.unwritten {
            return self.write_birth(key, copy, os_pid);
        }
        if self.is_older_than_its_claim(key) && self.may_start_again(key) {
            // It is started again above the claim of the take-over, once that is held (S3.2).
            return;
        }
        let restarts = self.supervisor.restarts(key).unwrap_or(0);
        self.write_claim(key, |claim| Claim {
            token: claim.token.max(copy.token),
            state: ClaimState::Running,
            os_pid,
            restarts,
            run: copy.run,
            ..claim
        });
    }

    /// Whether the copy here was started before this node took the child over.
    fn is_older_than_its_claim(&self, key: &ChildKey) -> bool {
        self.children.get(key).is_some_and(|child| {
            let copy = child.claims.copy().filter(|copy| !copy.unwritten);
            let own = child.claims.own();
            copy.zip(own).is_some_and(|(copy, own)| own.token > copy.token)
        })
    }

    /// Whether a copy may be stopped to be started again above its claim: a temporary one runs once only (S3.4).
    fn may_start_again(&self, key: &ChildKey) -> bool {
        let intent = self.children.get(key).and_then(|child| child.claims.intent());
        intent.is_some_and(|intent| intent.spec.restart != Restart::Temporary)
    }

    /// Whether a child has been started elsewhere, by another decider perhaps, and its owner is in sight: whoever is to start it
    /// looks at that first.
    pub(crate) fn is_there(&self, key: &ChildKey) -> bool {
        let Some(claims) = self.children.get(key).map(|child| &child.claims) else {
            return false;
        };
        let intent = claims.intent().filter(|intent| intent.is_live());
        let claim = claims.winner().filter(|claim| self.is_living(claim.owner()));
        intent
            .zip(claim)
            .is_some_and(|(intent, claim)| claim.birth == intent.birth)
    }

    /// Why a first start that came up is not written down.
    fn why_not(&self, key: &ChildKey) -> PlaceError {
        if self.is_there(key) {
            PlaceError::Busy
        } else {
            PlaceError::Superseded
        }
    }

    /// The first start succeeded: intent and first claim are written as one atomic unit (S2.3).
    fn write_birth(&mut self, key: &ChildKey, mut copy: Copy, os_pid: Option<u32>) {
        let born = self.next_dot();
        let Some(child) = self.children.get(key) else {
            return;
        };
        let Some(spec) = child.spec.clone() else { return };
        let is_later = |intent: &Intent| intent.birth > copy.birth;
        if child.claims.intent().is_some_and(is_later) || self.is_there(key) {
            // Its stop may take its time.
            self.answer_placement(key, Err(self.why_not(key)));
            return self.stop_copy(key, StopWhy::Void);
        }
        copy.unwritten = false;
        let intent = Intent {
            birth: copy.birth,
            born,
            retried: copy.retried,
            run: copy.run,
            runner: None,
            desired: Desired::Running,
            deleted: Deleted::No,
            changed: None,
            spec,
        };
        let claim = Claim {
            birth: copy.birth,
            born,
            run: copy.run,
            token: copy.token,
            previous: None,
            state: ClaimState::Running,
            restarts: 0,
            relocations: 0,
            os_pid,
            reason: None,
        };
        let token = copy.token;
        // What is written takes the place of what is left of the older life, so this is not found out later (S3.4).
        self.note_older_lives(key, copy.birth);
        let Some(child) = self.children.all.get_mut(key) else {
            return;
        };
        let is_below = child.claims.is_below_an_older_life(&copy) && !self.planted.is(Bug::OlderLifeIgnored);
        let starts_again = is_below && intent.spec.restart != Restart::Temporary;
        child.claims.set_copy(Some(copy));
        let written = self.write([
            (Key::Intent(key.clone()), Some(Value::encode(&intent))),
            (Key::Claim(key.clone()), Some(Value::encode(&claim))),
        ]);
        if let Some(dot) = written {
            self.answer_placement(key, Ok((token, dot)));
        }
        if starts_again {
            self.stop_copy(key, StopWhy::Outranked);
        }
    }

    fn copy_did_not_start(&mut self, key: &ChildKey, reason: &ExitReason) {
        let text = start_error(reason);
        let unwritten = self.copy_of(key).is_some_and(|copy| copy.unwritten);
        self.drop_copy(key);
        // It may have been answered before, if it did not die: what is claimed by now is another life.
        if self.answer_placement(key, Err(PlaceError::StartFailed(text.clone()))) || unwritten {
            return;
        }
        let Some(child) = self.children.all.get_mut(key) else {
            return;
        };
        child.attempts += 1;
        let budget = child
            .claims
            .intent()
            .map_or(0, |intent| intent.spec.intensity.max_restarts);
        if core::mem::take(&mut child.fresh_run) {
            self.write_claim(key, |claim| Claim {
                state: ClaimState::Failed,
                os_pid: None,
                ..claim.because(&text)
            });
        } else if child.attempts > budget {
            child.attempts = 0;
            self.give_up(key, &text);
        } else {
            self.start_later(key);
            self.write_claim(key, |claim| Claim {
                state: ClaimState::Restarting,
                os_pid: None,
                ..claim.because(&text)
            });
        }
    }

    fn start_later(&mut self, key: &ChildKey) {
        if let Some(child) = self.children.all.get_mut(key) {
            let at = self.now.mono + Duration::from_millis(100 << child.attempts.min(6));
            child.retry_at = Some(at);
            self.children.wake_at(at, key);
        }
    }

    /// This node leaves, and the child has stopped: another node is to run it, and need not wait until all others here have
    /// stopped as well. What runs once only is lost with that, also if this node is to stay after all (S5.4).
    fn give_away(&mut self, key: &ChildKey, run: Option<ordu_crdt::Stamp>, reason: &str) {
        let child = self.children.get(key);
        let intent = child.and_then(|child| child.claims.intent());
        let Some(intent) = intent.filter(|intent| intent.wants_running()) else {
            return;
        };
        if intent.spec.restart == Restart::Temporary {
            return self.copy_is_over(key, run, reason, Deleted::Lost);
        }
        self.write_claim(key, |claim| Claim {
            state: ClaimState::Relocating,
            os_pid: None,
            ..claim.because(reason)
        });
    }

    /// The restart budget here is used up: another node may try, and if enough have, nobody (S2.5).
    fn give_up(&mut self, key: &ChildKey, reason: &str) {
        const MOST: usize = 3;
        let members = self.ready_members();
        self.write_claim(key, |claim| {
            let relocations = claim.relocations.saturating_add(1);
            let tried = usize::try_from(relocations).unwrap_or(usize::MAX);
            let state = if tried < members.min(MOST) {
                ClaimState::Relocating
            } else {
                ClaimState::Failed
            };
            Claim {
                state,
                relocations,
                os_pid: None,
                ..claim.because(reason)
            }
        });
    }

    /// A temporary or transient child ended by itself: its life is over (S5.4).
    fn copy_finished(&mut self, key: &ChildKey, run: Option<ordu_crdt::Stamp>, reason: &str) {
        self.copy_is_over(key, run, reason, Deleted::Finished);
    }

    /// The life of a child is over with the run that its copy was of, unless another is wished by now.
    fn copy_is_over(&mut self, key: &ChildKey, run: Option<ordu_crdt::Stamp>, reason: &str, how: Deleted) {
        let Some(child) = self.children.get(key) else {
            return;
        };
        let Some(intent) = child.claims.intent().filter(|intent| intent.is_live()).cloned() else {
            return;
        };
        let ran = run.or_else(|| child.claims.own().map(|own| own.run));
        if ran != Some(intent.run) {
            return;
        }
        self.write_claim(key, |claim| Claim {
            os_pid: None,
            ..claim.because(reason)
        });
        if self.planted.is(Bug::FinishForgotten) {
            return;
        }
        let intent = intent.over(how);
        self.write([(Key::Intent(key.clone()), Some(Value::encode(&intent)))]);
    }

    /// Drops the copy; gives the run it was of.
    fn drop_and_take(&mut self, key: &ChildKey) -> Option<ordu_crdt::Stamp> {
        let run = self.copy_of(key).map(|copy| copy.run);
        self.drop_copy(key);
        run
    }

    pub(crate) fn copy_of(&self, key: &ChildKey) -> Option<&Copy> {
        self.children.get(key).and_then(|child| child.claims.copy())
    }

    fn exited_event(&mut self, key: &ChildKey, reason: &ExitReason, next: &str) {
        let Some(copy) = self.copy_of(key) else { return };
        let token = copy.token;
        let (horde, id) = (key.horde.clone(), key.id.clone());
        let (reason, next) = (reason.to_string(), next.into());
        self.event(Event::ChildExited {
            horde,
            id,
            token,
            reason,
            next,
        });
    }

    /// The one node that a temporary child's run was given to: no other may start it, and that one only if its claim
    /// does not tell of the run yet (S5.4).
    pub(crate) fn runner(&self, intent: &Intent, claim: &Claim) -> Option<NodeId> {
        let has_begun = claim.run >= intent.run;
        let runner = if has_begun {
            Some(claim.owner())
        } else {
            intent.runner
        };
        let is_bound = intent.spec.restart == Restart::Temporary && !self.planted.is(Bug::TemporaryTakenOver);
        runner.filter(|_| is_bound)
    }

    /// Whether this node may start the child, whose claim that is, for the intent's run.
    pub(crate) fn may_run(&self, intent: &Intent, claim: &Claim) -> bool {
        self.runner(intent, claim)
            .is_none_or(|runner| runner == self.id && claim.run < intent.run)
    }
}

/// The words a user sees for a start that failed.
fn start_error(reason: &ExitReason) -> String {
    match reason {
        ExitReason::Error(text) => text.clone(),
        other => format!("{other}"),
    }
}

fn child_set(node: &mut Node, key: &ChildKey, change: impl FnOnce(&mut super::Child)) {
    if let Some(child) = node.children.all.get_mut(key) {
        change(child);
    }
}
