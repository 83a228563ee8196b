//! Calls from outside, one at a time.

use alloc::vec::Vec;
use core::fmt;

use super::child::{AfterZombie, Child, State};
use super::roster::Place;
use super::{CallError, Plan, Queued, Reply, Request, StaticCore, Work};
use crate::decisions::{ChildPolicy, Incarnation, Restart, Time};

impl<K: Ord + Clone + fmt::Display, P: Clone> StaticCore<K, P> {
    /// A call waits its turn, unless that can never come.
    pub(super) fn queue_call(&mut self, call: u64, caller: Option<Incarnation>, request: Request<K, P>) {
        if caller.is_some() && caller == self.awaited() {
            return self.reply(call, Reply::Refused(CallError::WouldDeadlock));
        }
        self.asking.extend(caller.map(|caller| (caller, call)));
        self.inbox.push_back(Queued::Call {
            call,
            caller,
            request,
        });
    }

    /// The child whose end everything else waits for.
    fn awaited(&self) -> Option<Incarnation> {
        match self.work? {
            Work::Stopping { incarnation, .. }
            | Work::Starting {
                incarnation,
                killing: Some(_),
                ..
            } => Some(incarnation),
            Work::Starting { killing: None, .. } => None,
        }
    }

    /// This child is about to be stopped, and may wait for the answer to a call that waits for its end.
    pub(super) fn refuse_calls_of(&mut self, caller: Incarnation) {
        let asked = (caller, u64::MIN)..=(caller, u64::MAX);
        let calls: Vec<u64> = self.asking.range(asked).map(|(_, call)| *call).collect();
        if calls.is_empty() {
            return;
        }
        self.inbox.retain(
            |queued| !matches!(queued, Queued::Call { caller: Some(asking), .. } if *asking == caller),
        );
        for call in calls {
            self.asking.remove(&(caller, call));
            self.reply(call, Reply::Refused(CallError::WouldDeadlock));
        }
    }

    /// The supervisor ends: the turn of what waits will not come.
    pub(super) fn refuse_queued(&mut self) {
        self.asking.clear();
        while let Some(queued) = self.inbox.pop_front() {
            if let Queued::Call { call, .. } = queued {
                self.reply(call, Reply::Refused(CallError::Gone));
            }
        }
    }

    pub(super) fn call(&mut self, call: u64, request: Request<K, P>, now: Time) {
        let reply = match request {
            Request::StartChild { key, policy, payload } => self.start_child(call, key, policy, payload, now),
            Request::TerminateChild { key } => {
                self.with(&key, |core, place| core.terminate_child(call, place, now))
            }
            Request::RestartChild { key } => {
                self.with(&key, |core, place| core.restart_child(call, place, now))
            }
            Request::RestartNow { key } => self.with(&key, |core, place| core.restart_now(call, place, now)),
            Request::DeleteChild { key } => self.with(&key, |core, place| Some(core.delete_child(place))),
            Request::WhichChildren => Some(Reply::Children(self.which_children().collect())),
            Request::CountChildren => Some(Reply::Counts(self.count_children())),
            Request::ChildSpec { key } => self.with(&key, |core, place| {
                core.roster
                    .get(place)
                    .map(|child| Reply::Policy(child.policy.clone()))
            }),
        };
        if let Some(reply) = reply {
            self.reply(call, reply);
        }
    }

    /// Looks the child up. `None` as an answer means that it follows later.
    fn with(&mut self, key: &K, then: impl FnOnce(&mut Self, Place) -> Option<Reply<K>>) -> Option<Reply<K>> {
        match self.roster.find(key) {
            Some(place) => then(self, place),
            None => Some(Reply::Refused(CallError::NotFound)),
        }
    }

    fn start_child(
        &mut self,
        call: u64,
        key: K,
        policy: ChildPolicy,
        payload: P,
        now: Time,
    ) -> Option<Reply<K>> {
        if let Err(error) = policy.validate(Some(self.flags.auto_shutdown)) {
            return Some(Reply::Refused(error.into()));
        }
        if let Some(child) = self.roster.find(&key).and_then(|place| self.roster.get(place)) {
            return Some(Reply::Refused(match child.state {
                State::Running { incarnation, .. } => CallError::AlreadyStarted(incarnation),
                State::Zombie { incarnation, .. } => CallError::Zombie(incarnation),
                State::Undefined | State::Restarting { .. } => CallError::AlreadyPresent,
            }));
        }
        if let Some(place) = self.roster.append(Child::new(key, policy, payload)) {
            self.begin_start(place, Plan::Add { call }, now);
        }
        None
    }

    fn terminate_child(&mut self, call: u64, place: Place, now: Time) -> Option<Reply<K>> {
        let child = self.roster.get_mut(place)?;
        match &mut child.state {
            State::Running { .. } => {
                self.begin_stop(place, Plan::Terminate { call }, now);
                None
            }
            State::Zombie { incarnation, then } => {
                *then = match *then {
                    AfterZombie::Follow { .. } if child.policy.restart == Restart::Temporary => {
                        AfterZombie::Forget
                    }
                    AfterZombie::Retry | AfterZombie::Follow { .. } => AfterZombie::Keep,
                    then => then,
                };
                Some(Reply::Refused(CallError::Zombie(*incarnation)))
            }
            State::Undefined | State::Restarting { .. } => {
                self.cancel_retry(place);
                Some(Reply::Done)
            }
        }
    }

    fn restart_child(&mut self, call: u64, place: Place, now: Time) -> Option<Reply<K>> {
        if let Some(refusal) = self.not_undefined(place) {
            return Some(refusal);
        }
        self.begin_start(place, Plan::Manual { call }, now);
        None
    }

    fn restart_now(&mut self, call: u64, place: Place, now: Time) -> Option<Reply<K>> {
        let child = self.roster.get(place)?;
        if child.is_temporary() {
            return Some(Reply::Refused(CallError::Temporary));
        }
        match child.state {
            State::Running { .. } => self.begin_stop(place, Plan::Renew { call }, now),
            State::Zombie { incarnation, .. } => {
                return Some(Reply::Refused(CallError::Zombie(incarnation)));
            }
            State::Undefined | State::Restarting { .. } => {
                self.cancel_retry(place);
                self.begin_start(place, Plan::Manual { call }, now);
            }
        }
        None
    }

    fn delete_child(&mut self, place: Place) -> Reply<K> {
        self.not_undefined(place).unwrap_or_else(|| {
            self.roster.remove(place);
            Reply::Done
        })
    }

    fn not_undefined(&self, place: Place) -> Option<Reply<K>> {
        let error = match self.roster.get(place)?.state {
            State::Undefined => return None,
            State::Running { incarnation, .. } => CallError::Running(incarnation),
            State::Restarting { .. } => CallError::Restarting,
            State::Zombie { incarnation, .. } => CallError::Zombie(incarnation),
        };
        Some(Reply::Refused(error))
    }
}
