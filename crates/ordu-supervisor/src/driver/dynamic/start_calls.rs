//! Calls for starts that were not answered yet.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::oneshot::Sender;

use super::mind::Key;
use crate::decisions::Incarnation;
use crate::decisions::numbered::Numbered;
use crate::driver::call::give;
use crate::driver::errors::StartChildError;
use crate::driver::supervisor::StartedChild;

/// Somebody who waits for the start of a child.
pub(in crate::driver) struct StartCall {
    /// The child of this supervisor that the caller is or is below.
    pub(super) caller: Option<Incarnation>,
    pub(super) answer: Sender<Result<StartedChild, StartChildError>>,
}

/// Calls for starts that were not answered yet, by the number of the child.
///
/// A start that waits for a place waits until one of the starts that hold places in doubt is over. If each of those waits
/// for a start itself, none ever is.
#[derive(Default)]
pub(super) struct StartCalls {
    calls: Numbered<u64, StartCall>,
    /// What children called for.
    asking: BTreeMap<Incarnation, BTreeSet<u64>>,
    /// What children called for and was found to wait for a place.
    waiting: BTreeMap<u64, Key>,
}

impl StartCalls {
    pub(super) fn insert(&mut self, number: u64, call: StartCall) {
        // One that was dropped waits for nothing.
        if let Some(caller) = call.caller.filter(|_| !call.answer.is_closed()) {
            self.asking.entry(caller).or_default().insert(number);
        }
        self.calls.insert(number, call);
    }

    /// This one waits for a place.
    pub(super) fn waits(&mut self, key: Key) {
        let caller = self.calls.get(&key.number).and_then(|call| call.caller);
        if caller.is_some_and(|caller| self.asking.contains_key(&caller)) {
            self.waiting.insert(key.number, key);
        }
    }

    pub(super) fn answer(
        &mut self,
        number: u64,
        answer: impl FnOnce() -> Result<StartedChild, StartChildError>,
    ) {
        if let Some(call) = self.calls.remove(&number) {
            self.forget(number, call.caller);
            give(call.answer, answer());
        }
    }

    /// Whether children wait for a place.
    pub(super) fn some_wait(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// A start that waits for a place and never gets an answer, the last there is: all the `undecided` children that hold
    /// places in doubt are in their starts, and wait for others.
    pub(super) fn hopeless(
        &mut self,
        undecided: usize,
        is_starting: impl Fn(Incarnation) -> bool,
        is_child: impl Fn(&Key) -> bool,
    ) -> Option<Key> {
        let starting = |calls: &Self| {
            let callers = calls.asking.keys().copied();
            callers.filter(|caller| is_starting(*caller)).collect::<Vec<_>>()
        };
        let callers = starting(self);
        if callers.len() < undecided {
            return None;
        }
        for caller in callers {
            self.forget_dropped(caller);
        }
        // Those that have a place by now are answered when they are up.
        self.waiting.retain(|_, key| !is_child(key));
        if starting(self).len() < undecided {
            return None;
        }
        let by_starting = |key: &&Key| {
            let call = self.calls.get(&key.number);
            call.and_then(|call| call.caller).is_some_and(&is_starting)
        };
        self.waiting.values().rev().find(by_starting).cloned()
    }

    /// Who has dropped its call does not wait.
    fn forget_dropped(&mut self, caller: Incarnation) {
        let asked = self.asking.get(&caller).into_iter().flatten();
        let calls = &self.calls;
        let is_dropped = |number: &u64| calls.get(number).is_none_or(|call| call.answer.is_closed());
        let dropped: Vec<u64> = asked.copied().filter(is_dropped).collect();
        for number in dropped {
            self.forget(number, Some(caller));
        }
    }

    fn forget(&mut self, number: u64, caller: Option<Incarnation>) {
        let Some(caller) = caller else { return };
        self.waiting.remove(&number);
        if let Some(asked) = self.asking.get_mut(&caller) {
            asked.remove(&number);
            if asked.is_empty() {
                self.asking.remove(&caller);
            }
        }
    }
}
