use core::time::Duration;

use ordu_supervisor::decisions::Shutdown;

use super::Conflict;
use crate::claims::{Copy, Phase, Step, StopWhy, Verdict};
use crate::membership::Standing;
use crate::node::Node;
use crate::planted::Bug;
use crate::registers::{ChildKey, Claim, ClaimState, Rank};
use crate::wire::Message;
use crate::{Event, NodeId, Time, Token};

/// How much longer than its copies may take to stop a node waits for them, and for others to hold what it wrote.
pub(crate) const LAST_MOMENTS: Duration = Duration::from_secs(5);

/// A winner that has not answered is asked again after this long.
const ASK_AGAIN: Duration = Duration::from_millis(200);

impl Node {
    /// Looks at every touched child, until there is none.
    pub(crate) fn reconcile_children(&mut self) {
        for key in self.children.take_touched() {
            self.reconcile(&key);
        }
        self.write_takeovers();
    }

    fn reconcile(&mut self, key: &ChildKey) {
        if self.children.get(key).is_none() {
            return;
        }
        // Each step changes what the next one sees; no child needs more than a few.
        for _ in 0..8 {
            let Some(step) = self.children.get(key).and_then(|child| child.claims.next_step()) else {
                break;
            };
            if !self.take_step(key, step) {
                break;
            }
        }
        if self.standing.is_leaving() && self.copy_of(key).is_some_and(|copy| may_be_stopped(&copy.phase)) {
            self.stop_or_drop(key, StopWhy::Leave);
        }
        if self
            .children
            .get(key)
            .is_some_and(|child| child.claims.outranked_by().is_none())
            && let Some(child) = self.children.all.get_mut(key)
        {
            child.conflict = None;
        }
        self.tidy(key);
        self.adopt_policy(key);
        self.begin_placed(key);
        self.decide(key);
        self.advance_decisions(key);
        self.publish(key);
        self.forget_if_empty(key);
    }

    /// Takes one step of the owner; gives whether there may be another right now.
    fn take_step(&mut self, key: &ChildKey, step: Step) -> bool {
        match step {
            // What runs here is started again above the claim of a take-over, once that is held (S3.2).
            Step::Stop(StopWhy::Outranked) | Step::Start if self.claim_waits(key) => {
                let again = self.now.mono + self.config.timing.t_own;
                self.children.wake_at(again, key);
                false
            }
            Step::Stop(why) => {
                self.stop_or_drop(key, why);
                false
            }
            Step::Start => self.start_owned(key),
            Step::Settle(state) => {
                let intent = self.children.get(key).and_then(|child| child.claims.intent());
                let run = intent.map(|intent| intent.run);
                self.write_claim(key, |claim| Claim {
                    state,
                    os_pid: None,
                    run: run.unwrap_or(claim.run),
                    ..claim
                });
                true
            }
            Step::RemoveClaim => {
                if self.standing.is_leaving() {
                    return false;
                }
                self.remove_claim(key);
                false
            }
            Step::Confirm(rank) => {
                self.confirm(key, rank);
                false
            }
        }
    }

    /// Stops a copy; one that only waits for the holders of its claim is dropped.
    fn stop_or_drop(&mut self, key: &ChildKey, why: StopWhy) {
        match self.copy_of(key).map(|copy| &copy.phase) {
            Some(Phase::Claiming) => self.drop_copy(key),
            Some(_) => self.stop_copy(key, why),
            None => {}
        }
    }

    /// Starts a child that this node owns and that should run here.
    fn start_owned(&mut self, key: &ChildKey) -> bool {
        if !self.standing.may_act() {
            return false;
        }
        let (hlc, now, me) = (self.hlc_millis(), self.now.mono, self.id);
        let Some(child) = self.children.all.get_mut(key) else {
            return false;
        };
        let (Some(intent), Some(own)) = (child.claims.intent().cloned(), child.claims.own().cloned()) else {
            return false;
        };
        if let Some(rank) = child.refused.filter(|rank| *rank > own.rank()) {
            if self.is_living(rank.token.owner) {
                // Its claim is on its way here.
                self.children.wake_at(now + self.config.timing.t_own * 5, key);
                return false;
            }
            if let Some(child) = self.children.all.get_mut(key) {
                child.refused = None;
            }
        }
        let Some(child) = self.children.all.get_mut(key) else {
            return false;
        };
        if let Some(at) = child.retry_at.filter(|at| *at > now && intent.run <= own.run) {
            self.children.wake_at(at, key);
            return false;
        }
        let fresh = intent.run > own.run;
        // What runs once only has not begun where its take-over was called off.
        let was_called_off = child.called_off == Some(own.token);
        if !was_called_off && !self.may_run(&intent, &own) {
            return false;
        }
        let Some(child) = self.children.all.get_mut(key) else {
            return false;
        };
        child.retry_at = None;
        child.fresh_run = fresh;
        let token = Token {
            epoch: child.claims.next_epoch(hlc),
            owner: me,
        };
        let (restarts, relocations) = if fresh {
            (0, 0)
        } else {
            (own.restarts, own.relocations)
        };
        self.write_claim(key, |claim| Claim {
            run: intent.run,
            token,
            previous: None,
            state: ClaimState::Starting,
            restarts,
            relocations,
            os_pid: None,
            ..claim
        });
        let copy = Copy {
            birth: intent.birth,
            run: intent.run,
            token,
            phase: Phase::Starting,
            unwritten: false,
            retried: false,
        };
        self.start_copy(key, &copy, intent.spec, restarts, None);
        false
    }

    /// The winner supersedes claims that lost, so that they do not pile up.
    fn tidy(&mut self, key: &ChildKey) {
        let Some(child) = self.children.get(key) else {
            return;
        };
        let runs = child
            .claims
            .copy()
            .is_some_and(|copy| matches!(copy.phase, Phase::Running { .. }));
        if runs && child.claims.is_contested() && child.claims.next_step().is_none() {
            self.write_claim(key, |claim| claim);
        }
    }

    /// Asks the owner of the copy that outranks this node's (S7.1).
    fn confirm(&mut self, key: &ChildKey, rank: Rank) {
        let now = self.now.mono;
        let Some(child) = self.children.all.get_mut(key) else {
            return;
        };
        // A winner that failed or was stopped has left its word in the claim: that is an answer too, once there is
        // nobody to ask.
        let over = child.claims.winner().is_some_and(|winner| {
            winner.rank() == rank && matches!(winner.state, ClaimState::Failed | ClaimState::Stopped)
        });
        if over && !self.is_living(rank.token.owner) {
            return self.stop_or_drop(key, StopWhy::Conflict);
        }
        let Some(child) = self.children.all.get_mut(key) else {
            return;
        };
        if self.planted.is(Bug::LoserDoesNotAsk) {
            return self.yield_to(key, rank);
        }
        let fresh = Conflict {
            rank,
            asked: None,
            starting: None,
        };
        let conflict = child.conflict.get_or_insert(fresh);
        if conflict.rank != rank {
            *conflict = Conflict {
                // Another winner has its own time to start (S7.1).
                starting: conflict
                    .starting
                    .filter(|_| conflict.rank.token.owner == rank.token.owner),
                ..fresh
            };
        }
        if conflict.asked.is_some_and(|asked| now < asked + ASK_AGAIN) {
            return;
        }
        conflict.asked = Some(now);
        self.children.wake_at(now + ASK_AGAIN, key);
        // A winner that is down answers nothing: the decider then gives the child to a node that runs it.
        self.send(
            rank.token.owner,
            &Message::Confirm {
                child: key.clone(),
                rank,
            },
        );
    }

    pub(crate) fn confirm_asked(&mut self, from: NodeId, key: ChildKey, rank: Rank) {
        let child = self.children.get(&key);
        // Who has ended keeps nothing, and so nobody from running it.
        let child = child.filter(|_| !matches!(self.standing, Standing::HandingOver { .. }));
        let verdict = child.map_or(Verdict::NotWinner, |child| child.claims.verdict(rank));
        self.send(
            from,
            &Message::Verdict {
                child: key,
                rank,
                verdict,
            },
        );
    }

    /// The winner's answer (S7.1).
    pub(crate) fn verdict(&mut self, from: NodeId, key: &ChildKey, rank: Rank, verdict: Verdict) {
        if self.backlog.may_hold(from) {
            // Said while this node stood still, perhaps, by one that is gone since (S4.5). What tells that is asked already:
            // another question would take the place of that one, and none be answered where many verdicts come.
            return;
        }
        let now = self.now.mono;
        let wait = self.config.timing.conflict_wait;
        let Some(child) = self.children.all.get_mut(key) else {
            return;
        };
        let still = child.claims.outranked_by() == Some(rank) && rank.token.owner == from;
        let Some(conflict) = child.conflict.as_mut().filter(|_| still) else {
            return;
        };
        let stop = match verdict {
            Verdict::Running | Verdict::Over => true,
            Verdict::Starting => {
                let since = *conflict.starting.get_or_insert(now);
                now >= since + wait
            }
            Verdict::NotWinner => false,
        };
        if stop {
            self.yield_to(key, rank);
        } else if verdict == Verdict::NotWinner {
            self.take_from_a_zombie(key, rank);
        }
        self.children.touch(key);
    }

    /// Stops the copy that lost to the one of this rank.
    fn yield_to(&mut self, key: &ChildKey, rank: Rank) {
        let Some(copy) = self.copy_of(key).filter(|copy| may_be_stopped(&copy.phase)) else {
            return;
        };
        let loser = copy.token;
        let (horde, id) = (key.horde.clone(), key.id.clone());
        self.event(Event::Conflict {
            horde,
            id,
            loser,
            winner: rank.token,
        });
        self.stop_or_drop(key, StopWhy::Conflict);
    }

    /// While leaving: whether all copies are gone.
    pub(crate) fn nothing_runs_here(&self) -> bool {
        self.children.here.is_empty()
    }

    /// While leaving: whether a copy that may take as long as it likes has not stopped yet.
    pub(crate) fn waits_without_end(&self) -> bool {
        self.children.here.iter().any(|key| {
            let child = self.children.get(key);
            child.is_some_and(|child| {
                let spec = child.spec.as_ref();
                spec.is_some_and(|spec| spec.shutdown == Shutdown::Infinity)
                    && child
                        .claims
                        .copy()
                        .is_some_and(|copy| copy.phase != Phase::Zombie)
            })
        })
    }

    /// When all copies here have stopped that have a limit, if they stop at all.
    pub(crate) fn stopped_by(&self) -> Time {
        let here = self.children.here.iter();
        let specs = here.filter_map(|key| self.children.get(key)?.spec.as_ref());
        let budget = specs.filter_map(|spec| match spec.shutdown {
            Shutdown::Timeout(timeout) => Some(timeout),
            _ => None,
        });
        self.now.mono + budget.max().unwrap_or_default() + LAST_MOMENTS
    }

    /// Who has caught up with nobody says nothing of it but that it left: nobody is to take it for a member that has told all
    /// that it had (S4.6).
    pub(crate) fn begin_leaving(&mut self) {
        if self.standing.is_leaving() {
            return;
        }
        let was_member = !matches!(self.standing, Standing::Joining { .. });
        self.standing = Standing::Leaving {
            until: self.stopped_by(),
            caught_up: self.standing.may_act(),
        };
        if was_member {
            self.write_member(crate::registers::Status::Draining);
        }
        self.members_changed = true;
        self.touch_all();
    }
}

fn may_be_stopped(phase: &Phase) -> bool {
    !matches!(phase, Phase::Stopping(_) | Phase::Zombie)
}
