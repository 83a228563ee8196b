//! Children that ended by themselves, and restarts.

use core::fmt;

use super::child::{AfterZombie, State};
use super::roster::Place;
use super::{Group, Plan, Queued, StaticAction, StaticCore};
use crate::decisions::{AutoShutdown, ExitReason, Incarnation, Report, Strategy, Time};

impl<K: Ord + Clone + fmt::Display, P: Clone> StaticCore<K, P> {
    /// A child's end has come to its turn.
    pub(super) fn child_ended(&mut self, incarnation: Incarnation, reason: &ExitReason, now: Time) {
        let Some(place) = self.roster.unbind(incarnation) else {
            return;
        };
        let Some(child) = self.roster.get_mut(place) else {
            return;
        };
        let ran = match child.state {
            State::Running { since, .. }
            | State::Zombie {
                then: AfterZombie::Follow { since },
                ..
            } => now.since(since),
            State::Zombie { then, .. } => return self.zombie_ended(place, incarnation, then),
            State::Undefined | State::Restarting { .. } => return,
        };
        child.state = State::Undefined;
        let restart = child.policy.restart.applies_to(reason);
        if restart || !reason.is_normal() {
            let report = Report::ChildTerminated(child.offender(Some(incarnation)), reason.clone());
            self.actions.push_back(StaticAction::Report(report));
        }
        if restart {
            if child
                .policy
                .backoff
                .is_some_and(|backoff| backoff.is_reset_by(ran))
            {
                child.failures = 0;
            }
            return self.need_restart(place, incarnation, now);
        }
        self.ended_for_good(place);
    }

    /// Not restarted: a temporary child is forgotten, a significant one may end the supervisor.
    fn ended_for_good(&mut self, place: Place) {
        let Some(child) = self.roster.get(place) else {
            return;
        };
        let (key, significant) = (child.key.clone(), child.policy.significant);
        if child.is_temporary() {
            self.roster.remove(place);
        }
        let shuts_down = significant
            && match self.flags.auto_shutdown {
                AutoShutdown::Never => false,
                AutoShutdown::AnySignificant => true,
                AutoShutdown::AllSignificant => !self
                    .roster
                    .range(..)
                    .any(|(_, child)| child.policy.significant && child.state != State::Undefined),
            };
        if shuts_down {
            self.actions.push_back(StaticAction::AutoShutdown { key });
            self.ending = Some(ExitReason::Shutdown);
        }
    }

    fn need_restart(&mut self, place: Place, incarnation: Incarnation, now: Time) {
        if let Some(at) = self.next_attempt(place, now) {
            self.wait_until(place, Some(incarnation), at);
        } else {
            self.attempt(place, Some(incarnation), now);
        }
    }

    /// The children that are restarted together with this one; `None` if it is the only one.
    fn group_of(&self, place: Place, last: Option<Incarnation>, waits: bool) -> Option<Group> {
        let first = match self.flags.strategy {
            Strategy::OneForOne => return None,
            Strategy::OneForAll => Place::FIRST,
            Strategy::RestForOne => place,
        };
        Some(Group {
            first,
            failed: place,
            last,
            waits,
        })
    }

    fn begin_group(&mut self, group: Group) {
        self.plan = Some(Plan::GroupStop {
            group,
            below: Place::END,
        });
    }

    /// When the back-off allows the next attempt; `None` is at once.
    fn next_attempt(&mut self, place: Place, now: Time) -> Option<Time> {
        let child = self.roster.get_mut(place)?;
        let backoff = child.policy.backoff?;
        child.failures = child.failures.saturating_add(1);
        let delay = backoff.delay(child.failures, self.jitter.next());
        (!delay.is_zero()).then(|| now.after(delay))
    }

    fn wait_until(&mut self, place: Place, last: Option<Incarnation>, at: Time) {
        if let Some(child) = self.roster.get_mut(place) {
            child.state = State::Restarting { last, at: Some(at) };
            self.backoffs.insert((at, place));
        }
        if let Some(group) = self.group_of(place, last, true) {
            self.begin_group(group);
        }
    }

    /// An automatic restart did not succeed: it is tried again, behind whatever waits now.
    pub(super) fn restart_failed(
        &mut self,
        place: Place,
        last: Option<Incarnation>,
        reason: ExitReason,
        now: Time,
    ) {
        let Some(child) = self.roster.get_mut(place) else {
            return;
        };
        let report = Report::StartError(child.offender(last), reason);
        child.state = State::Restarting { last, at: None };
        self.actions.push_back(StaticAction::Report(report));
        match self.next_attempt(place, now) {
            Some(at) => self.wait_until(place, last, at),
            None => self.queue_retry(place),
        }
    }

    pub(super) fn queue_retry(&mut self, place: Place) {
        let Some(child) = self.roster.get_mut(place) else {
            return;
        };
        if let State::Restarting { at, .. } = &mut child.state {
            *at = None;
        }
        if !child.retry_queued {
            child.retry_queued = true;
            self.inbox.push_back(Queued::Retry(place));
        }
    }

    /// A retry's turn has come. It may have been overtaken by a stop or by a restart of its group.
    pub(super) fn retry(&mut self, place: Place, now: Time) {
        let Some(child) = self.roster.get_mut(place) else {
            return;
        };
        child.retry_queued = false;
        if let State::Restarting { last, at: None } = child.state {
            self.attempt(place, last, now);
        }
    }

    /// The child is not restarted any more.
    pub(super) fn cancel_retry(&mut self, place: Place) {
        let Some(child) = self.roster.get_mut(place) else {
            return;
        };
        if let State::Restarting { at, .. } = child.state {
            child.state = State::Undefined;
            if let Some(at) = at {
                self.backoffs.remove(&(at, place));
            }
        }
    }

    /// Counts the attempt, then makes it by the strategy or gives up.
    fn attempt(&mut self, place: Place, last: Option<Incarnation>, now: Time) {
        let Some(child) = self.roster.get_mut(place) else {
            return;
        };
        child.state = State::Undefined;
        let (own, allowed) = match child.policy.budget {
            Some(budget) => (true, child.window.allows(budget, now)),
            None => (false, self.window.allows(self.flags.intensity, now)),
        };
        if !allowed {
            let report = Report::ReachedMaxRestartIntensity(child.offender(last));
            self.actions.push_back(StaticAction::Report(report));
            if own {
                self.ended_for_good(place);
            } else {
                self.ending = Some(ExitReason::Shutdown);
            }
            return;
        }
        child.restarts = child.restarts.saturating_add(1);
        match self.group_of(place, last, false) {
            None => self.begin_start(place, Plan::One { last }, now),
            Some(group) => self.begin_group(group),
        }
    }

    pub(super) fn advance_group_stop(&mut self, group: Group, below: Place, now: Time) {
        let last = self
            .roster
            .range(group.first..below)
            .next_back()
            .map(|(place, child)| (place, child.state));
        let Some((place, state)) = last else {
            if self.must_escalate(group) {
                self.ending = Some(ExitReason::Unkillable);
            } else if !group.waits {
                self.plan = Some(Plan::GroupStart {
                    group,
                    from: group.first,
                });
            }
            return;
        };
        let plan = Plan::GroupStop { group, below: place };
        match state {
            State::Running { .. } => self.begin_stop(place, plan, now),
            State::Restarting { .. } if group.waits && place == group.failed => self.plan = Some(plan),
            State::Undefined | State::Restarting { .. } | State::Zombie { .. } => {
                self.cancel_retry(place);
                self.forget_if_temporary(place);
                self.plan = Some(plan);
            }
        }
    }

    /// A temporary child that cannot be killed is not restarted with its group.
    fn forget_if_temporary(&mut self, place: Place) {
        if let Some(child) = self.roster.get_mut(place)
            && child.is_temporary()
            && let State::Zombie { then, .. } = &mut child.state
        {
            *then = AfterZombie::Forget;
        }
    }

    /// Whether somebody of the group could not be killed and keeps the others from being restarted, which
    /// ends the supervisor if it was made so.
    fn must_escalate(&self, group: Group) -> bool {
        let in_the_way = |state| matches!(state, State::Zombie { then, .. } if then != AfterZombie::Forget);
        self.flags.escalate_zombies
            && self
                .roster
                .range(group.first..)
                .any(|(_, child)| in_the_way(child.state))
    }

    pub(super) fn advance_group_start(&mut self, group: Group, from: Place, now: Time) {
        let Some((place, child)) = self.roster.range(from..).next() else {
            return;
        };
        let plan = Plan::GroupStart {
            group,
            from: place.next(),
        };
        match child.state {
            State::Undefined => self.begin_start(place, plan, now),
            // Nobody runs beside a zombie of itself, and those after it must not run without it: as if its
            // start had failed, it is tried again once it has ended.
            State::Zombie { incarnation, then } if then != AfterZombie::Forget => {
                if let Some(child) = self.roster.get_mut(place) {
                    child.state = State::Zombie {
                        incarnation,
                        then: AfterZombie::Retry,
                    };
                }
            }
            State::Running { .. } | State::Restarting { .. } | State::Zombie { .. } => self.plan = Some(plan),
        }
    }

    fn zombie_ended(&mut self, place: Place, incarnation: Incarnation, then: AfterZombie) {
        let Some(child) = self.roster.get_mut(place) else {
            return;
        };
        child.state = State::Undefined;
        match then {
            AfterZombie::Keep | AfterZombie::Follow { .. } => {}
            AfterZombie::Forget => {
                self.roster.remove(place);
            }
            AfterZombie::Retry => {
                child.state = State::Restarting {
                    last: Some(incarnation),
                    at: None,
                };
                self.queue_retry(place);
            }
        }
    }
}
