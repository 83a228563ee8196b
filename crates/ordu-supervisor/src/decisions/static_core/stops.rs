//! Stops under way, and the end of the supervisor.

use alloc::vec::Vec;
use core::fmt;

use super::child::{AfterZombie, State};
use super::roster::Place;
use super::{CallError, Plan, Queued, Reply, StaticAction, StaticCore, Work};
use crate::decisions::stopping::{Expired, Stopping};
use crate::decisions::{ExitReason, Incarnation, Report, Signal, Time};

impl<K: Ord + Clone + fmt::Display, P: Clone> StaticCore<K, P> {
    pub(super) fn exited(&mut self, incarnation: Incarnation, reason: ExitReason, now: Time) {
        match self.work {
            Some(Work::Stopping {
                place,
                incarnation: current,
                ..
            }) if current == incarnation => {
                self.stop_over(place, incarnation, &reason, now);
            }
            // It died before its start could even say that it failed.
            Some(Work::Starting {
                place,
                incarnation: current,
                killing,
                lingers,
                ..
            }) if current == incarnation => {
                if killing.is_some() && !lingers {
                    self.killed_start_over(place, incarnation, now);
                } else {
                    self.start_over(place, incarnation, Err(reason), now);
                }
            }
            _ if self.roster.owner(incarnation).is_some() && !self.ends.contains_key(&incarnation) => {
                self.forget_lingering(incarnation);
                self.ends.insert(incarnation, reason);
                self.inbox.push_back(Queued::Exited(incarnation));
            }
            _ => {}
        }
    }

    /// Begins to stop a running child. If it has ended already and that only waits its turn, that is it: the
    /// end is absorbed, neither counted nor answered with a restart.
    pub(super) fn begin_stop(&mut self, place: Place, plan: Plan, now: Time) {
        self.plan = Some(plan);
        let Some(child) = self.roster.get(place) else {
            return;
        };
        let State::Running {
            incarnation, lingers, ..
        } = child.state
        else {
            return;
        };
        if let Some(reason) = self.ends.remove(&incarnation) {
            return self.stop_over(place, incarnation, &reason, now);
        }
        let (stopping, signals) = match lingers.or(self.killed_at) {
            // What is left of it, or everybody, was sent the kill at that moment.
            Some(at) => (Stopping::kill(&child.policy, at), &[][..]),
            None => Stopping::begin(&child.policy, now),
        };
        self.forget_lingering(incarnation);
        self.work = Some(Work::Stopping {
            place,
            incarnation,
            stopping,
        });
        self.refuse_calls_of(incarnation);
        for signal in signals {
            self.signal(place, incarnation, *signal);
        }
    }

    fn stop_over(&mut self, place: Place, incarnation: Incarnation, reason: &ExitReason, now: Time) {
        self.work = None;
        self.roster.unbind(incarnation);
        if let Some(child) = self.roster.get_mut(place) {
            child.state = State::Undefined;
            if !child.policy.expects_static(reason) && self.killed_at.is_none() {
                let report = Report::ShutdownError(child.offender(Some(incarnation)), reason.clone());
                self.actions.push_back(StaticAction::Report(report));
            }
            if child.is_temporary() {
                self.roster.remove(place);
            }
        }
        match self.plan {
            Some(Plan::Terminate { call }) => {
                self.plan = None;
                self.reply(call, Reply::Done);
            }
            Some(Plan::Renew { call }) if self.ending.is_some() => {
                self.plan = None;
                self.reply(call, Reply::Refused(CallError::Gone));
            }
            Some(Plan::Renew { call }) => self.begin_start(place, Plan::Manual { call }, now),
            _ => {}
        }
    }

    /// All that is left of a child is what belongs to it: as if it had been killed itself, it may be a zombie.
    pub(super) fn lingers(&mut self, incarnation: Incarnation, now: Time) {
        let Some(child) = self
            .roster
            .owner(incarnation)
            .and_then(|place| self.roster.get_mut(place))
        else {
            return;
        };
        match &mut self.work {
            Some(Work::Stopping {
                incarnation: current,
                stopping,
                ..
            }) if *current == incarnation => stopping.lingers(&child.policy, now),
            Some(Work::Starting {
                incarnation: current,
                killing: killing @ None,
                lingers,
                ..
            }) if *current == incarnation => {
                *killing = Some(Stopping::kill(&child.policy, now));
                *lingers = true;
            }
            _ => {
                if let State::Running {
                    incarnation: current,
                    lingers: lingers @ None,
                    ..
                } = &mut child.state
                    && *current == incarnation
                    && !self.ends.contains_key(&incarnation)
                {
                    *lingers = Some(now);
                    let at = now.after(child.policy.kill_grace);
                    self.lingering.insert((at, incarnation));
                }
            }
        }
    }

    /// It has ended, or is being stopped, which has its own time.
    fn forget_lingering(&mut self, incarnation: Incarnation) {
        let Some(child) = self
            .roster
            .owner(incarnation)
            .and_then(|place| self.roster.get(place))
        else {
            return;
        };
        if let State::Running {
            lingers: Some(since), ..
        } = child.state
        {
            self.lingering
                .remove(&(since.after(child.policy.kill_grace), incarnation));
        }
    }

    pub(super) fn expire_lingering(&mut self, now: Time) {
        while let Some((at, incarnation)) = self.lingering.first().copied() {
            if at > now {
                break;
            }
            self.lingering.remove(&(at, incarnation));
            let Some(place) = self.roster.owner(incarnation) else {
                continue;
            };
            if let Some(State::Running { since, .. }) = self.roster.get(place).map(|child| child.state) {
                self.becomes_zombie(place, incarnation, AfterZombie::Follow { since });
            }
        }
    }

    pub(super) fn expire_work(&mut self, now: Time) {
        let Some(Work::Stopping {
            place,
            incarnation,
            stopping,
        }) = &mut self.work
        else {
            return self.expire_start(now);
        };
        let (place, incarnation) = (*place, *incarnation);
        let Some(child) = self.roster.get(place) else {
            return;
        };
        let temporary = child.is_temporary();
        match stopping.expire(&child.policy, now) {
            Some(Expired::Kill) => self.signal(place, incarnation, Signal::Kill),
            Some(Expired::Zombie) => {
                self.work = None;
                let then = if temporary {
                    AfterZombie::Forget
                } else {
                    AfterZombie::Keep
                };
                self.becomes_zombie(place, incarnation, then);
                if let Some(Plan::Terminate { call } | Plan::Renew { call }) = self.plan {
                    self.plan = None;
                    self.reply(call, Reply::Refused(CallError::Zombie(incarnation)));
                }
            }
            None => {}
        }
    }

    pub(super) fn becomes_zombie(&mut self, place: Place, incarnation: Incarnation, then: AfterZombie) {
        let Some(child) = self.roster.get_mut(place) else {
            return;
        };
        child.state = State::Zombie { incarnation, then };
        let report = Report::ShutdownError(child.offender(Some(incarnation)), ExitReason::Unkillable);
        let key = child.key.clone();
        self.actions.push_back(StaticAction::Report(report));
        self.actions.push_back(StaticAction::Zombie { key, incarnation });
    }

    pub(super) fn zombie_place(&self, incarnation: Incarnation) -> Option<Place> {
        let place = self.roster.owner(incarnation)?;
        matches!(self.roster.get(place)?.state, State::Zombie { .. }).then_some(place)
    }

    /// The first reason stays.
    pub(super) fn stop(&mut self, reason: ExitReason, now: Time) {
        if self.ending.is_none() {
            self.ending = Some(reason);
            self.kill_start(now);
        }
    }

    /// Kills everybody at once; who ends is then waited for one by one.
    pub(super) fn kill(&mut self, now: Time) {
        if self.killed_at.is_some() || self.over {
            return;
        }
        self.killed_at = Some(now);
        self.ending = Some(ExitReason::Killed);
        self.kill_start(now);
        let mut running = Vec::new();
        for (place, child) in self.roster.range(..).rev() {
            if let State::Running { incarnation, .. } = child.state {
                running.push((place, incarnation));
            }
        }
        for (place, incarnation) in running {
            self.signal(place, incarnation, Signal::Kill);
        }
        if let Some(Work::Stopping { place, stopping, .. }) = &mut self.work
            && let Some(child) = self.roster.get(*place)
        {
            *stopping = Stopping::kill(&child.policy, now);
        }
    }

    pub(super) fn advance_finish(&mut self, below: Place, now: Time) {
        let last = self
            .roster
            .range(..below)
            .rev()
            .find(|(_, child)| matches!(child.state, State::Running { .. }))
            .map(|(place, _)| place);
        if let Some(place) = last {
            return self.begin_stop(place, Plan::Finish { below: place }, now);
        }
        self.over = true;
        let mut zombies = Vec::new();
        for (_, child) in self.roster.range(..) {
            if let State::Zombie { incarnation, .. } = child.state {
                zombies.push(incarnation);
            }
        }
        let reason = self.ending.clone().unwrap_or(ExitReason::Shutdown);
        self.actions.push_back(StaticAction::Exit { reason, zombies });
    }

    pub(super) fn signal(&mut self, place: Place, incarnation: Incarnation, signal: Signal) {
        if let Some(child) = self.roster.get(place) {
            let key = child.key.clone();
            self.actions.push_back(StaticAction::Signal {
                key,
                incarnation,
                signal,
            });
        }
    }
}
