//! One child of the dynamic core.

use alloc::sync::Arc;

use crate::decisions::intensity::RestartWindow;
use crate::decisions::stopping::Stopping;
use crate::decisions::{ChildPolicy, ExitReason, Incarnation, Time};

/// What the core remembers of a child.
#[derive(Debug, Clone)]
pub(super) struct Child<P> {
    pub(super) policy: Arc<ChildPolicy>,
    /// `None` once a temporary child was started: it is never needed again and may be large or secret.
    pub(super) payload: Option<P>,
    /// The last incarnation that was started, whatever came of that.
    pub(super) incarnation: Incarnation,
    /// The last incarnation that ran: what the child is known by until the next one runs.
    pub(super) ran: Option<Incarnation>,
    pub(super) phase: Phase,
    /// Automatic restarts so far, those preset by the caller included.
    pub(super) restarts: u32,
    /// Failures in a row, for the back-off.
    pub(super) failures: u32,
    pub(super) window: RestartWindow,
}

/// Where a child is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Phase {
    /// Its start is under way.
    Starting { first: bool, deadline: Option<Time> },
    /// It runs.
    Running { since: Time },
    /// It waits for its next restart.
    Waiting { at: Time, reason: ExitReason },
    /// It was told to end.
    Stopping {
        then: Then,
        stopping: Stopping,
        up: bool,
    },
}

/// What follows once a child that was told to end has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Then {
    /// It is forgotten: this was ordered, with a reason.
    Forget(ExitReason),
    /// It is started again: this was ordered. If that came into its first start, the next is the first.
    Restart { first: bool },
    /// Its start took too long and counts as failed; or it is over, not `late`, and counts as what it came to.
    FailStart { first: bool, late: bool },
    /// What follows an end that nobody ordered. It ran from then on.
    Follow { since: Time },
    /// The supervisor is stopping.
    Leave,
}

/// What a child is doing, as shown to the outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ChildPhase {
    /// Its first start is under way.
    Starting,
    /// It runs.
    Running,
    /// It does not run: a restart of it is under way, or waits for its back-off.
    Restarting,
    /// It was told to end, or has ended but for what belongs to it.
    Stopping,
    /// It was killed and did not end in time.
    Zombie,
}

impl<P> Child<P> {
    /// When the core must look at this child again.
    pub(super) fn deadline(&self) -> Option<Time> {
        match &self.phase {
            Phase::Starting { deadline, .. } => *deadline,
            Phase::Running { .. } => None,
            Phase::Waiting { at, .. } => Some(*at),
            Phase::Stopping { stopping, .. } => stopping.deadline(),
        }
    }

    pub(super) fn is_zombie(&self) -> bool {
        self.shown_phase() == ChildPhase::Zombie
    }

    pub(super) fn shown_phase(&self) -> ChildPhase {
        self.phase.shown()
    }

    /// The incarnation the child is known by: the last one that ran. One that cannot be killed is named
    /// itself, since it may still be running.
    pub(super) fn known_as(&self) -> Incarnation {
        match self.ran {
            Some(ran) if !self.is_zombie() => ran,
            _ => self.incarnation,
        }
    }
}

impl Phase {
    pub(super) fn shown(&self) -> ChildPhase {
        match self {
            Self::Starting { first: true, .. } => ChildPhase::Starting,
            Self::Running { .. } => ChildPhase::Running,
            Self::Stopping { stopping, .. } if stopping.is_zombie() => ChildPhase::Zombie,
            Self::Starting { first: false, .. }
            | Self::Waiting { .. }
            | Self::Stopping {
                then: Then::FailStart { first: false, .. },
                ..
            } => ChildPhase::Restarting,
            Self::Stopping { .. } => ChildPhase::Stopping,
        }
    }

    /// Whether the child is new and may come to nothing, which gives its place back.
    pub(super) fn is_undecided(&self) -> bool {
        self.is_first_start() && self.shown() != ChildPhase::Zombie
    }

    /// Whether nobody was told yet that the child had come up.
    pub(super) fn is_first_start(&self) -> bool {
        matches!(
            self,
            Self::Starting { first: true, .. }
                | Self::Stopping {
                    then: Then::FailStart { first: true, .. } | Then::Restart { first: true },
                    ..
                }
        )
    }

    /// Whether the child was terminated and is about to be forgotten, so that its place may be taken.
    pub(super) fn is_leaving(&self) -> bool {
        matches!(
            self,
            Self::Stopping {
                then: Then::Forget(_),
                ..
            }
        ) && self.shown() != ChildPhase::Zombie
    }
}
