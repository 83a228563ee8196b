//! One child of the dynamic core.

use alloc::sync::Arc;

use crate::core::intensity::RestartWindow;
use crate::core::stopping::Stopping;
use crate::core::{ChildPolicy, ExitReason, Incarnation, Time};

/// What the core remembers of a child.
#[derive(Debug, Clone)]
pub(super) struct Child<P> {
    pub(super) policy: Arc<ChildPolicy>,
    /// `None` once a temporary child was started: it is never needed again and may be large or secret.
    pub(super) payload: Option<P>,
    /// The current incarnation, or the last one while it waits for a restart.
    pub(super) incarnation: Incarnation,
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
    /// It is started again: this was ordered.
    Restart,
    /// Its start took too long and counts as failed.
    FailStart { first: bool },
    /// The supervisor is stopping.
    Leave,
}

/// What a child is doing, as shown to the outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ChildPhase {
    /// Its start or restart is under way.
    Starting,
    /// It runs.
    Running,
    /// It waits for the next attempt to restart it.
    Restarting,
    /// It was told to end.
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
        matches!(&self.phase, Phase::Stopping { stopping, .. } if stopping.is_zombie())
    }

    pub(super) fn shown_phase(&self) -> ChildPhase {
        match &self.phase {
            Phase::Starting { .. } => ChildPhase::Starting,
            Phase::Running { .. } => ChildPhase::Running,
            Phase::Waiting { .. } => ChildPhase::Restarting,
            Phase::Stopping { stopping, .. } if stopping.is_zombie() => ChildPhase::Zombie,
            Phase::Stopping { .. } => ChildPhase::Stopping,
        }
    }
}
