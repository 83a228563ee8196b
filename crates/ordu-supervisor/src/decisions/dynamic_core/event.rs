//! What the dynamic core is told.

use crate::decisions::{ChildPolicy, ExitReason, Incarnation, StartOutcome};

/// What a [`DynamicCore`](super::DynamicCore) is told: orders from above, news from below, the time.
///
/// Events about an incarnation that is not the child's current one are ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum DynamicEvent<K, P = ()> {
    /// Start a new child. While it waits for a place (see [`DynamicFlags`](super::DynamicFlags)) it is not
    /// known yet.
    StartChild {
        /// Its key, unique among the children.
        key: K,
        /// How to treat it.
        policy: ChildPolicy,
        /// Whatever each of its starts needs; handed back with every [`Start`](super::DynamicAction::Start).
        payload: P,
        /// How often it was restarted before, elsewhere: where its count goes on.
        restarts: u32,
    },
    /// Take back a `StartChild` that still waits for a place: nothing comes of it.
    Withdraw {
        /// Which one.
        key: K,
    },
    /// A start came to an end.
    Started {
        /// Which one.
        incarnation: Incarnation,
        /// How.
        outcome: StartOutcome,
    },
    /// A child ended, by itself or as told.
    Exited {
        /// Which one.
        incarnation: Incarnation,
        /// Why.
        reason: ExitReason,
    },
    /// A child's body, or its start, is over, but not all that belongs to it, which was killed: it has the kill grace
    /// to end. `Exited`, or `Started`, follows once nothing is left.
    Lingers {
        /// Which one.
        incarnation: Incarnation,
    },
    /// Stop a child and forget it. One that is being stopped for a restart is not started again.
    Terminate {
        /// Which one.
        key: K,
        /// Why; handed back when it is over.
        reason: ExitReason,
    },
    /// Stop a child and start it again (at once if it waits for a restart). Counts against no budget.
    Restart {
        /// Which one.
        key: K,
    },
    /// Treat a child like this from now on; nothing is started or stopped for it, and a stop or a start that is under
    /// way keeps the time it was given. Whether a child is temporary cannot change: it is never started again.
    ChangePolicy {
        /// Which one.
        key: K,
        /// How to treat it.
        policy: ChildPolicy,
    },
    /// Stop all children side by side, then end with this reason.
    Stop {
        /// The supervisor's exit reason.
        reason: ExitReason,
    },
    /// Kill all children, then end as killed.
    Kill,
    /// Time has passed: [`next_deadline`](super::DynamicCore::next_deadline) was reached.
    Tick,
}
