//! Starts under way, and what came of them.

use alloc::boxed::Box;
use alloc::string::ToString;
use core::fmt;

use super::child::{AfterZombie, State};
use super::roster::Place;
use super::{CallError, Plan, Reply, StaticAction, StaticCore, Work};
use crate::decisions::stopping::{Expired, Stopping};
use crate::decisions::{ExitReason, Incarnation, Report, ShutdownInfo, Signal, StartOutcome, Started, Time};

impl<K: Ord + Clone + fmt::Display, P: Clone> StaticCore<K, P> {
    pub(super) fn advance_init(&mut self, from: Place, now: Time) {
        let next = self.roster.range(from..).next().map(|(place, _)| place);
        match next {
            Some(place) => self.begin_start(place, Plan::Init { from: place.next() }, now),
            None => self.actions.push_back(StaticAction::Initialized),
        }
    }

    /// The one way a child is started, for the first time or again.
    pub(super) fn begin_start(&mut self, place: Place, plan: Plan, now: Time) {
        let Some(child) = self.roster.get_mut(place) else {
            return;
        };
        let payload = if child.is_temporary() {
            child.payload.take()
        } else {
            child.payload.clone()
        };
        // Only a temporary child has none left, and it is never started twice.
        let Some(payload) = payload else { return };
        self.last = self.last.next();
        let incarnation = self.last;
        let deadline = child.policy.start_timeout.map(|limit| now.after(limit));
        let (key, restarts) = (child.key.clone(), child.restarts);
        self.roster.bind(incarnation, place);
        self.work = Some(Work::Starting {
            place,
            incarnation,
            deadline,
            killing: None,
            lingers: false,
        });
        self.plan = Some(plan);
        self.actions.push_back(StaticAction::Start {
            key,
            incarnation,
            restarts,
            payload,
        });
    }

    pub(super) fn started(&mut self, incarnation: Incarnation, outcome: StartOutcome, now: Time) {
        match self.work {
            Some(Work::Starting {
                place,
                incarnation: current,
                killing,
                lingers,
                ..
            }) if current == incarnation => {
                match (killing.filter(|_| !lingers || self.ending.is_some()), outcome) {
                    (None, outcome) => self.start_over(place, incarnation, outcome, now),
                    // What was sent may have found nobody yet.
                    (Some(_), Ok(Started::Running)) => self.signal(place, incarnation, Signal::Kill),
                    (Some(_), Ok(Started::Ignore) | Err(_)) => {
                        self.killed_start_over(place, incarnation, now);
                    }
                }
            }
            // A start that could not be killed is over after all.
            _ => match (self.zombie_place(incarnation), outcome) {
                (Some(place), Ok(Started::Running)) => self.signal(place, incarnation, Signal::Kill),
                (Some(_), Ok(Started::Ignore)) => self.exited(incarnation, ExitReason::Normal, now),
                (Some(_), Err(reason)) => self.exited(incarnation, reason, now),
                (None, _) => {}
            },
        }
    }

    /// A start that was killed has ended: it took too long, or the supervisor stops.
    pub(super) fn killed_start_over(&mut self, place: Place, incarnation: Incarnation, now: Time) {
        let reason = if self.ending.is_some() {
            ExitReason::Killed
        } else {
            ExitReason::StartTimeout
        };
        self.start_over(place, incarnation, Err(reason), now);
    }

    pub(super) fn start_over(
        &mut self,
        place: Place,
        incarnation: Incarnation,
        outcome: StartOutcome,
        now: Time,
    ) {
        self.work = None;
        let Some(child) = self.roster.get_mut(place) else {
            return;
        };
        match &outcome {
            Ok(Started::Running) => {
                child.state = State::Running {
                    incarnation,
                    since: now,
                    lingers: None,
                };
                let offender = child.offender(Some(incarnation));
                self.actions
                    .push_back(StaticAction::Report(Report::Progress(offender)));
            }
            Ok(Started::Ignore) | Err(_) => {
                child.state = State::Undefined;
                self.roster.unbind(incarnation);
            }
        }
        let Some(plan) = self.plan.take() else { return };
        match outcome {
            Ok(started) => self.start_succeeded(plan, place, incarnation, started),
            Err(reason) => self.start_failed(plan, place, reason, now),
        }
    }

    fn start_succeeded(&mut self, plan: Plan, place: Place, incarnation: Incarnation, started: Started) {
        let ignored = started == Started::Ignore;
        if ignored
            && self
                .roster
                .get(place)
                .is_some_and(super::child::Child::is_temporary)
        {
            self.roster.remove(place);
        }
        match plan {
            Plan::Add { call } | Plan::Manual { call } => {
                self.reply(
                    call,
                    if ignored {
                        Reply::Ignored
                    } else {
                        Reply::Started(incarnation)
                    },
                );
            }
            Plan::One { .. } | Plan::Terminate { .. } | Plan::Renew { .. } => {}
            Plan::Init { .. } | Plan::GroupStop { .. } | Plan::GroupStart { .. } | Plan::Finish { .. } => {
                self.plan = Some(plan);
            }
        }
    }

    fn start_failed(&mut self, plan: Plan, place: Place, reason: ExitReason, now: Time) {
        match plan {
            Plan::Add { call } => {
                self.roster.remove(place);
                self.refuse_start(call, reason);
            }
            Plan::Manual { call } => self.refuse_start(call, reason),
            _ if self.ending.is_some() => {}
            Plan::Init { .. } => self.init_failed(place, reason),
            Plan::One { last } => self.restart_failed(place, last, reason, now),
            Plan::GroupStart { group, .. } => {
                let last = if place == group.failed { group.last } else { None };
                self.restart_failed(place, last, reason, now);
            }
            Plan::Terminate { .. } | Plan::Renew { .. } | Plan::GroupStop { .. } | Plan::Finish { .. } => {}
        }
    }

    fn refuse_start(&mut self, call: u64, reason: ExitReason) {
        let error = if self.ending.is_some() {
            CallError::Gone
        } else {
            CallError::Failed(reason)
        };
        self.reply(call, Reply::Refused(error));
    }

    /// The rest is not started; what was is stopped in reverse.
    fn init_failed(&mut self, place: Place, reason: ExitReason) {
        let Some(child) = self.roster.get(place) else {
            return;
        };
        let id = child.key.to_string();
        let report = Report::StartError(child.offender(None), reason.clone());
        self.actions.push_back(StaticAction::Report(report));
        let info = ShutdownInfo::FailedToStartChild {
            id,
            reason: Box::new(reason),
        };
        self.ending = Some(ExitReason::ShutdownWith(info));
    }

    /// Kills a start under way.
    pub(super) fn kill_start(&mut self, now: Time) {
        let Some(Work::Starting {
            place,
            incarnation,
            killing: killing @ None,
            ..
        }) = &mut self.work
        else {
            return;
        };
        let (place, incarnation) = (*place, *incarnation);
        let Some(child) = self.roster.get(place) else {
            return;
        };
        *killing = Some(Stopping::kill(&child.policy, now));
        self.refuse_calls_of(incarnation);
        self.signal(place, incarnation, Signal::Kill);
    }

    pub(super) fn expire_start(&mut self, now: Time) {
        let Some(Work::Starting {
            place,
            incarnation,
            deadline,
            killing,
            lingers,
        }) = &mut self.work
        else {
            return;
        };
        let (place, incarnation, lingers) = (*place, *incarnation, *lingers);
        let Some(stopping) = killing else {
            if deadline.is_some_and(|deadline| deadline <= now) {
                self.kill_start(now);
            }
            return;
        };
        let Some(child) = self.roster.get_mut(place) else {
            return;
        };
        if stopping.expire(&child.policy, now) == Some(Expired::Zombie) {
            let reason = if lingers {
                ExitReason::Unkillable
            } else {
                ExitReason::StartTimeout
            };
            self.start_is_zombie(place, incarnation, reason);
        }
    }

    /// The start counts as failed, but what it began may still be running, so its id stays taken.
    fn start_is_zombie(&mut self, place: Place, incarnation: Incarnation, reason: ExitReason) {
        self.work = None;
        let plan = self.plan.take();
        let then = match plan {
            Some(Plan::One { .. } | Plan::GroupStart { .. }) => AfterZombie::Retry,
            Some(Plan::Add { .. }) => AfterZombie::Forget,
            _ => AfterZombie::Keep,
        };
        self.becomes_zombie(place, incarnation, then);
        match plan {
            Some(Plan::Add { call } | Plan::Manual { call }) => {
                self.refuse_start(call, reason);
            }
            Some(Plan::Init { .. }) if self.ending.is_none() => {
                self.init_failed(place, reason);
            }
            Some(Plan::GroupStart { .. }) if self.ending.is_none() && self.flags.escalate_zombies => {
                self.ending = Some(ExitReason::Unkillable);
            }
            _ => {}
        }
    }
}
