//! What the static core is told.

use crate::decisions::{ChildPolicy, ExitReason, Incarnation, StartOutcome};

/// What a [`StaticCore`](super::StaticCore) is told.
///
/// Events are taken in the order in which they are given. While a child is being started or stopped the core
/// listens to that child only; the rest wait their turn inside it. Events about an incarnation that is not
/// the child's current one are ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StaticEvent<K, P = ()> {
    /// A call from outside.
    Call {
        /// The caller's number for it; its answer carries it.
        call: u64,
        /// The child of this supervisor that the caller is or is below, if any. While that one is being stopped
        /// its calls are refused, also those that wait: each would wait for the other.
        caller: Option<Incarnation>,
        /// What is asked.
        request: Request<K, P>,
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
    /// The parent ended, or somebody ordered the supervisor to stop: stop all children in reverse start
    /// order, then end with this reason. Overtakes what waits; a start under way is killed.
    Stop {
        /// The supervisor's exit reason.
        reason: ExitReason,
    },
    /// Kill all children at once, then end as killed.
    Kill,
    /// Time has passed: [`next_deadline`](super::StaticCore::next_deadline) was reached.
    Tick,
}

/// A call to a supervisor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request<K, P = ()> {
    /// Add a child at the end of the order and start it.
    StartChild {
        /// Its id.
        key: K,
        /// How to treat it.
        policy: ChildPolicy,
        /// Whatever each of its starts needs; handed back with every [`Start`](super::StaticAction::Start).
        payload: P,
    },
    /// Stop a child; its spec stays, unless it is temporary.
    TerminateChild {
        /// Its id.
        key: K,
    },
    /// Start a child that does not run.
    RestartChild {
        /// Its id.
        key: K,
    },
    /// Stop a child and start it again, it alone, whatever the strategy; one that does not run, or whose restart
    /// is tried again, is started at once. Counts against no budget. A failure is not retried.
    RestartNow {
        /// Its id.
        key: K,
    },
    /// Forget the spec of a child that does not run.
    DeleteChild {
        /// Its id.
        key: K,
    },
    /// List all children.
    WhichChildren,
    /// Count all children.
    CountChildren,
    /// Show how a child is treated.
    ChildSpec {
        /// Its id.
        key: K,
    },
}
