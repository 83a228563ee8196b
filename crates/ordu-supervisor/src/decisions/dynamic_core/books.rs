//! What is kept and told about the children beside the children themselves.

use alloc::collections::{BTreeSet, VecDeque};

use super::child::{Child, Phase};
use super::places::Places;
use super::{DynamicAction, Notice};
use crate::decisions::numbered::Numbered;
use crate::decisions::{Incarnation, Offender, Report, Restart, Time};

/// What is kept and told about the children beside the children themselves. So a child that was looked up once can
/// be changed, and all that goes with that written down, without another search for it.
#[derive(Debug, Clone)]
pub(super) struct Books<K, P> {
    /// Whose incarnation is whose: the last that was started and the last that ran of each child. Never gone
    /// through, so in no order.
    pub(super) owners: Numbered<Incarnation, K>,
    pub(super) places: Places<K, P>,
    pub(super) timers: BTreeSet<(Time, K)>,
    pub(super) actions: VecDeque<DynamicAction<K, P>>,
    last: Incarnation,
}

impl<K, P> Default for Books<K, P> {
    fn default() -> Self {
        Self {
            owners: Numbered::default(),
            places: Places::default(),
            timers: BTreeSet::new(),
            actions: VecDeque::new(),
            last: Incarnation::new(0),
        }
    }
}

impl<K: Ord + Clone, P: Clone> Books<K, P> {
    /// The one way a child is started, for the first time or again.
    pub(super) fn launch(&mut self, key: &K, child: &mut Child<P>, first: bool, now: Time) {
        let payload = match child.policy.restart {
            Restart::Temporary if first => child.payload.take(),
            _ => child.payload.clone(),
        };
        // Only a temporary child has none left, and it is never started twice.
        let Some(payload) = payload else { return };
        self.last = self.last.next();
        let incarnation = self.last;
        // Before the very first there is none.
        if child.incarnation != Incarnation::new(0) && child.ran != Some(child.incarnation) {
            self.owners.remove(&child.incarnation);
        }
        self.owners.insert(incarnation, key.clone());
        child.incarnation = incarnation;
        let restarts = child.restarts;
        let deadline = child.policy.start_timeout.map(|limit| now.after(limit));
        self.set_phase(key, child, Phase::Starting { first, deadline });
        self.actions.push_back(DynamicAction::Start {
            key: key.clone(),
            incarnation,
            restarts,
            payload,
        });
    }

    /// The child has come up: it is known by this incarnation from now on.
    pub(super) fn runs(&mut self, child: &mut Child<P>) {
        let incarnation = child.incarnation;
        let before = child.ran.replace(incarnation);
        if let Some(before) = before.filter(|before| *before != incarnation) {
            self.owners.remove(&before);
        }
    }

    /// Puts a child into a phase and re-arms its timer.
    pub(super) fn set_phase(&mut self, key: &K, child: &mut Child<P>, phase: Phase) {
        let before = child.deadline();
        self.places.changed(&child.phase, &phase);
        child.phase = phase;
        let after = child.deadline();
        if before == after {
            return;
        }
        if let Some(at) = before {
            self.timers.remove(&(at, key.clone()));
        }
        if let Some(at) = after {
            self.timers.insert((at, key.clone()));
        }
    }

    /// The child is none any more.
    pub(super) fn forget(&mut self, key: &K, child: &Child<P>) {
        self.owners.remove(&child.incarnation);
        if let Some(ran) = child.ran {
            self.owners.remove(&ran);
        }
        self.places.left(&child.phase);
        if let Some(at) = child.deadline() {
            self.timers.remove(&(at, key.clone()));
        }
    }

    pub(super) fn notify(&mut self, key: K, incarnation: Incarnation, notice: Notice) {
        self.actions.push_back(DynamicAction::Notice {
            key,
            incarnation,
            notice,
        });
    }

    pub(super) fn report(
        &mut self,
        key: &K,
        child: &Child<P>,
        report: impl FnOnce(Offender<K>) -> Report<K>,
    ) {
        let offender = Offender::new(key.clone(), Some(child.known_as()), &child.policy);
        self.actions.push_back(DynamicAction::Report(report(offender)));
    }
}
