//! Orders to stop, and stops under way.

use alloc::vec::Vec;

use super::child::{Phase, Then};
use super::{DynamicAction, DynamicCore, Ending, Notice, Refusal};
use crate::decisions::stopping::{Expired, Stopping};
use crate::decisions::{ExitReason, Report, Restart, Signal, Time};

impl<K: Ord + Clone, P: Clone> DynamicCore<K, P> {
    pub(super) fn terminate(&mut self, key: K, reason: ExitReason, now: Time) {
        if self.children.contains_key(&key) {
            self.stop_child(&key, Then::Forget(reason), now);
        } else {
            self.refuse(key, Refusal::NotFound);
        }
    }

    pub(super) fn restart(&mut self, key: K, now: Time) {
        let refusal = match self.children.get(&key) {
            None => Refusal::NotFound,
            Some(_) if self.ending.is_some() => Refusal::Stopping,
            Some(child) if child.policy.restart == Restart::Temporary => Refusal::Temporary,
            // It was terminated, and another has its place.
            Some(child) if child.phase.is_leaving() && !self.has_room() => Refusal::NotFound,
            Some(child) => {
                let first = child.phase.is_first_start();
                return self.stop_child(&key, Then::Restart { first }, now);
            }
        };
        self.refuse(key, refusal);
    }

    /// Stops all children side by side. The first reason stays.
    pub(super) fn stop(&mut self, reason: ExitReason, now: Time) {
        if self.ending.is_some() {
            return;
        }
        self.ending = Some(Ending { reason, over: false });
        let keys: Vec<K> = self.children.keys().cloned().collect();
        for key in keys {
            self.stop_child(&key, Then::Leave, now);
        }
    }

    pub(super) fn kill(&mut self, now: Time) {
        let over = self.ending.as_ref().is_some_and(|ending| ending.over);
        self.ending = Some(Ending {
            reason: ExitReason::Killed,
            over,
        });
        let keys: Vec<K> = self.children.keys().cloned().collect();
        for key in keys {
            match self.children.get(&key).map(|child| child.phase.clone()) {
                Some(Phase::Starting { .. }) => self.kill_child(&key, Then::Leave, false, now),
                Some(Phase::Running { .. }) => self.kill_child(&key, Then::Leave, true, now),
                Some(Phase::Stopping { stopping, up, .. }) if stopping.is_asked() => {
                    self.kill_child(&key, Then::Leave, up, now);
                }
                Some(Phase::Waiting { .. } | Phase::Stopping { .. }) => {
                    self.stop_child(&key, Then::Leave, now);
                }
                None => {}
            }
        }
    }

    /// Begins to stop a child, or changes what follows if that is under way.
    fn stop_child(&mut self, key: &K, then: Then, now: Time) {
        let Some(child) = self.children.get(key) else {
            return;
        };
        let up = match child.phase.clone() {
            Phase::Starting { .. } => false,
            Phase::Running { .. } => true,
            Phase::Stopping {
                then: before,
                stopping,
                up,
            } => {
                // Nothing comes after the supervisor's own end. A timed-out start that is to be restarted by
                // order is not a failure of its budget any more.
                let then = if before == Then::Leave { before } else { then };
                return self.set_phase(key, Phase::Stopping { then, stopping, up });
            }
            Phase::Waiting { reason, .. } => {
                let stopping = Stopping::begin(&child.policy, now).0;
                self.set_phase(
                    key,
                    Phase::Stopping {
                        then,
                        stopping,
                        up: false,
                    },
                );
                return self.stopped(key, reason, now);
            }
        };
        let (stopping, signals) = Stopping::begin(&child.policy, now);
        self.set_phase(key, Phase::Stopping { then, stopping, up });
        for signal in signals {
            self.signal(key, *signal);
        }
    }

    pub(super) fn kill_child(&mut self, key: &K, then: Then, up: bool, now: Time) {
        let Some(child) = self.children.get(key) else {
            return;
        };
        let stopping = Stopping::kill(&child.policy, now);
        self.set_phase(key, Phase::Stopping { then, stopping, up });
        self.signal(key, Signal::Kill);
    }

    /// A start that nobody wants any more succeeded after all: what was sent may have found nobody.
    pub(super) fn came_up_while_stopping(&mut self, key: &K) {
        let Some(child) = self.children.get_mut(key) else {
            return;
        };
        let Phase::Stopping { then, stopping, .. } = child.phase.clone() else {
            return;
        };
        self.books.runs(child);
        self.books.set_phase(
            key,
            child,
            Phase::Stopping {
                then,
                stopping,
                up: true,
            },
        );
        self.signal(key, stopping.signal());
    }

    pub(super) fn expire_stop(&mut self, key: &K, then: Then, mut stopping: Stopping, up: bool, now: Time) {
        let Some(child) = self.children.get(key) else {
            return;
        };
        let incarnation = child.incarnation;
        let expired = stopping.expire(&child.policy, now);
        self.set_phase(key, Phase::Stopping { then, stopping, up });
        match expired {
            Some(Expired::Kill) => self.signal(key, Signal::Kill),
            Some(Expired::Zombie) => {
                self.report(key, |offender| {
                    Report::ShutdownError(offender, ExitReason::Unkillable)
                });
                self.notify(key, incarnation, Notice::Zombie);
            }
            None => {}
        }
    }

    /// Ends the supervisor once all its children have ended or are beyond help.
    pub(super) fn exit_if_done(&mut self) {
        let Some(ending) = &mut self.ending else { return };
        if ending.over || !self.children.values().all(|child| child.is_zombie()) {
            return;
        }
        ending.over = true;
        let reason = ending.reason.clone();
        let zombies = self.children.values().map(|child| child.incarnation).collect();
        self.books
            .actions
            .push_back(DynamicAction::Exit { reason, zombies });
    }

    fn signal(&mut self, key: &K, signal: Signal) {
        if let Some(child) = self.children.get(key) {
            let incarnation = child.incarnation;
            self.books.actions.push_back(DynamicAction::Signal {
                key: key.clone(),
                incarnation,
                signal,
            });
        }
    }
}
