//! One child of the static core.

use super::action::{ChildState, ChildView};
use crate::decisions::intensity::RestartWindow;
use crate::decisions::{ChildPolicy, Incarnation, Offender, Restart, Time};

/// What the core remembers of a child.
#[derive(Debug, Clone)]
pub(super) struct Child<K, P> {
    pub(super) key: K,
    pub(super) policy: ChildPolicy,
    /// `None` once a temporary child was started: it is never needed again and may be large or secret.
    pub(super) payload: Option<P>,
    pub(super) state: State,
    /// A retry of this child waits in the inbox. There is never more than one.
    pub(super) retry_queued: bool,
    pub(super) restarts: u32,
    /// Failures in a row, for the back-off.
    pub(super) failures: u32,
    pub(super) window: RestartWindow,
}

/// Where a child is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Undefined,
    Running {
        incarnation: Incarnation,
        since: Time,
        /// Since when nothing is left of it but what belongs to it.
        lingers: Option<Time>,
    },
    /// To be tried again: at a time, or as soon as its turn in the inbox comes.
    Restarting {
        last: Option<Incarnation>,
        at: Option<Time>,
    },
    Zombie {
        incarnation: Incarnation,
        then: AfterZombie,
    },
}

/// What follows once a zombie ended after all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AfterZombie {
    /// Its spec stays.
    Keep,
    /// Its spec goes: it is temporary, or it never came up.
    Forget,
    /// It is tried again: somebody wanted it restarted when it did not end.
    Retry,
    /// What follows an end that nobody ordered. It ran from then on.
    Follow { since: Time },
}

impl<K: Clone, P> Child<K, P> {
    pub(super) fn new(key: K, policy: ChildPolicy, payload: P) -> Self {
        Self {
            key,
            policy,
            payload: Some(payload),
            state: State::Undefined,
            retry_queued: false,
            restarts: 0,
            failures: 0,
            window: RestartWindow::default(),
        }
    }

    pub(super) fn is_temporary(&self) -> bool {
        self.policy.restart == Restart::Temporary
    }

    pub(super) fn shown_state(&self) -> ChildState {
        match self.state {
            State::Undefined => ChildState::Undefined,
            State::Running { incarnation, .. } => ChildState::Running(incarnation),
            State::Restarting { last, .. } => ChildState::Restarting(last),
            State::Zombie { incarnation, .. } => ChildState::Zombie(incarnation),
        }
    }

    pub(super) fn view(&self) -> ChildView<K> {
        ChildView {
            key: self.key.clone(),
            state: self.shown_state(),
            child_type: self.policy.child_type,
            restarts: self.restarts,
        }
    }

    pub(super) fn offender(&self, incarnation: Option<Incarnation>) -> Offender<K> {
        Offender::new(self.key.clone(), incarnation, &self.policy)
    }
}
