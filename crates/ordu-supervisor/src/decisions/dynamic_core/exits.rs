//! Starts that came to an end, children that ended, and what follows.

use super::books::Books;
use super::child::{Child, Phase, Then};
use super::{DynamicCore, Notice};
use crate::decisions::stopping::Stopping;
use crate::decisions::{ExitReason, Incarnation, Report, StartOutcome, Started, Time};

impl<K: Ord + Clone, P: Clone> DynamicCore<K, P> {
    pub(super) fn started(&mut self, incarnation: Incarnation, outcome: StartOutcome, now: Time) {
        let Some((key, child, books)) = self.owner(incarnation) else {
            return;
        };
        match &child.phase {
            Phase::Starting { first, .. }
            | Phase::Stopping {
                then: Then::FailStart { first, late: false },
                up: false,
                ..
            } => {
                let first = *first;
                match outcome {
                    Ok(Started::Running) => {
                        books.runs(child);
                        books.set_phase(&key, child, Phase::Running { since: now });
                        books.report(&key, child, Report::Progress);
                        books.notify(key, incarnation, Notice::Running);
                    }
                    Ok(Started::Ignore) => {
                        self.forget(&key);
                        self.notify(
                            &key,
                            incarnation,
                            if first { Notice::Ignored } else { Notice::Disowned },
                        );
                    }
                    Err(reason) => self.start_failed(&key, first, reason, now),
                }
            }
            // Told to end while it was starting.
            Phase::Stopping { up: false, .. } => match outcome {
                Ok(Started::Running) => self.came_up_while_stopping(&key),
                Ok(Started::Ignore) => self.stopped(&key, ExitReason::Normal, now),
                Err(reason) => self.stopped(&key, reason, now),
            },
            Phase::Running { .. } | Phase::Waiting { .. } | Phase::Stopping { .. } => {}
        }
    }

    pub(super) fn exited(&mut self, incarnation: Incarnation, reason: ExitReason, now: Time) {
        let Some((key, child, books)) = self.owner(incarnation) else {
            return;
        };
        match &child.phase {
            Phase::Running { since }
            | Phase::Stopping {
                then: Then::Follow { since },
                ..
            } => {
                let ran = now.since(*since);
                if child
                    .policy
                    .backoff
                    .is_some_and(|backoff| backoff.is_reset_by(ran))
                {
                    child.failures = 0;
                }
                let restart = child.policy.restart;
                let restarted = restart.applies_to(&reason);
                if restarted || !reason.is_normal() {
                    books.report(&key, child, |offender| {
                        Report::ChildTerminated(offender, reason.clone())
                    });
                }
                if restarted {
                    return self.schedule_restart(&key, reason, now);
                }
                self.forget(&key);
                let notice = if reason.hands_over() {
                    Notice::Relinquished(reason)
                } else {
                    Notice::Finished(reason)
                };
                self.notify(&key, incarnation, notice);
            }
            // It died before its start could even say that it failed.
            Phase::Starting { first, .. } => {
                let first = *first;
                self.start_failed(&key, first, reason, now);
            }
            Phase::Stopping { .. } => self.stopped(&key, reason, now),
            Phase::Waiting { .. } => {}
        }
    }

    /// All that is left of a child is what belongs to it: as if it had been killed itself, it may be a zombie.
    pub(super) fn lingers(&mut self, incarnation: Incarnation, now: Time) {
        let Some((key, child, books)) = self.owner(incarnation) else {
            return;
        };
        let (then, up) = match child.phase.clone() {
            Phase::Running { since } => (Then::Follow { since }, true),
            Phase::Starting { first, .. } => (Then::FailStart { first, late: false }, false),
            Phase::Stopping {
                then,
                mut stopping,
                up,
            } => {
                stopping.lingers(&child.policy, now);
                return books.set_phase(&key, child, Phase::Stopping { then, stopping, up });
            }
            Phase::Waiting { .. } => return,
        };
        let stopping = Stopping::kill(&child.policy, now);
        books.set_phase(&key, child, Phase::Stopping { then, stopping, up });
    }

    /// The child whose last start this is. Another one that it is known by ended before.
    fn owner(&mut self, incarnation: Incarnation) -> Option<(K, &mut Child<P>, &mut Books<K, P>)> {
        let key = self.books.owners.get(&incarnation)?.clone();
        let child = self.children.get_mut(&key)?;
        (child.incarnation == incarnation).then_some((key, &mut **child, &mut self.books))
    }

    /// A first start that failed is over; a failed restart is tried again within the budget.
    pub(super) fn start_failed(&mut self, key: &K, first: bool, reason: ExitReason, now: Time) {
        let Some(child) = self.children.get(key) else {
            return;
        };
        let incarnation = child.incarnation;
        if first {
            self.forget(key);
            self.notify(key, incarnation, Notice::StartFailed(reason));
        } else {
            self.report(key, |offender| Report::StartError(offender, reason.clone()));
            self.schedule_restart(key, reason, now);
        }
    }

    /// Makes the next attempt, at once or after the back-off.
    fn schedule_restart(&mut self, key: &K, reason: ExitReason, now: Time) {
        let Some(child) = self.children.get_mut(key) else {
            return;
        };
        child.failures = child.failures.saturating_add(1);
        let incarnation = child.incarnation;
        let delay = child
            .policy
            .backoff
            .map(|backoff| backoff.delay(child.failures, self.jitter.next()));
        match delay.filter(|delay| !delay.is_zero()) {
            Some(delay) => {
                let at = now.after(delay);
                self.set_phase(
                    key,
                    Phase::Waiting {
                        at,
                        reason: reason.clone(),
                    },
                );
                self.notify(key, incarnation, Notice::Restarting { reason, at });
            }
            None => self.attempt_restart(key, reason, now),
        }
    }

    /// Counts the attempt, then makes it or gives up.
    pub(super) fn attempt_restart(&mut self, key: &K, reason: ExitReason, now: Time) {
        let Some(child) = self.children.get_mut(key) else {
            return;
        };
        let incarnation = child.incarnation;
        let waited = matches!(child.phase, Phase::Waiting { .. });
        let (own, allowed) = match child.policy.budget {
            Some(budget) => (true, child.window.allows(budget, now)),
            None => (false, self.window.allows(self.flags.intensity, now)),
        };
        if allowed {
            child.restarts = child.restarts.saturating_add(1);
            if !waited {
                self.notify(key, incarnation, Notice::Restarting { reason, at: now });
            }
            return self.launch(key, false, now);
        }
        self.report(key, Report::ReachedMaxRestartIntensity);
        self.forget(key);
        self.notify(key, incarnation, Notice::GaveUp(reason));
        if !own {
            self.stop(ExitReason::Shutdown, now);
        }
    }

    /// A child that was told to end has ended.
    pub(super) fn stopped(&mut self, key: &K, reason: ExitReason, now: Time) {
        let Some(child) = self.children.get(key) else {
            return;
        };
        let incarnation = child.incarnation;
        let Phase::Stopping { then, up, .. } = child.phase.clone() else {
            return;
        };
        if up && !child.policy.expects_dynamic(&reason) {
            self.report(key, |offender| Report::ShutdownError(offender, reason.clone()));
        }
        match then {
            Then::Restart { first } => self.launch(key, first, now),
            Then::FailStart { first, late } => {
                let reason = if late { ExitReason::StartTimeout } else { reason };
                self.start_failed(key, first, reason, now);
            }
            // Comes to its end as one that runs.
            Then::Follow { .. } => {}
            Then::Forget(ordered) => {
                self.forget(key);
                self.notify(
                    key,
                    incarnation,
                    Notice::Stopped {
                        ordered,
                        exit: reason,
                    },
                );
            }
            Then::Leave => {
                self.forget(key);
                self.notify(key, incarnation, Notice::Relinquished(reason));
            }
        }
    }
}
