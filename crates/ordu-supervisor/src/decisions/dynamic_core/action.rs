//! What the dynamic core wants done or tells.

use alloc::vec::Vec;

use crate::decisions::{ExitReason, Incarnation, Report, Signal, SpecError, Time};

/// What a [`DynamicCore`](super::DynamicCore) wants done (`Start`, `Signal`) or tells (the others).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DynamicAction<K, P = ()> {
    /// Start the child as this incarnation, and answer with `Started` (then `Exited` once it ended).
    ///
    /// Every start comes as this action, automatic restarts too, so the caller can give each one new data of
    /// its own, such as a fencing token.
    Start {
        /// Which child.
        key: K,
        /// The number of this start; `Started` and `Exited` name it.
        incarnation: Incarnation,
        /// Automatic restarts so far, this one included.
        restarts: u32,
        /// What `StartChild` gave.
        payload: P,
    },
    /// Make the child (or its unfinished start) end. Its end is still to be told with `Exited`, or, if its
    /// start was not over, with `Started` and an error.
    Signal {
        /// Which child.
        key: K,
        /// Which incarnation.
        incarnation: Incarnation,
        /// What to send.
        signal: Signal,
    },
    /// Something happened to a child.
    Notice {
        /// Which child.
        key: K,
        /// The incarnation it happened to.
        incarnation: Incarnation,
        /// What.
        notice: Notice,
    },
    /// One of the five reports.
    Report(Report<K>),
    /// The order just given, or a `StartChild` that waited for a place, was refused and changed nothing.
    Refused {
        /// The child it named.
        key: K,
        /// Why.
        refusal: Refusal,
    },
    /// The supervisor is over: no child lives but these zombies.
    Exit {
        /// Why.
        reason: ExitReason,
        /// Children that were killed and did not end.
        zombies: Vec<Incarnation>,
    },
}

/// What happened to a child.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Notice {
    /// It runs: the start or restart succeeded.
    Running,
    /// Its first start failed; nothing is kept.
    StartFailed(ExitReason),
    /// Its first start chose not to run; nothing is kept.
    Ignored,
    /// It ended, or an attempt to restart it failed, and the next attempt is made at the given moment.
    Restarting {
        /// Why it ended or did not start.
        reason: ExitReason,
        /// When the next attempt is made; now, without a back-off.
        at: Time,
    },
    /// It ended for good by itself, and was forgotten: temporary, or transient and normal.
    Finished(ExitReason),
    /// It was to be restarted and chose not to run, and was forgotten.
    Disowned,
    /// It ended with a reason that hands it to somebody else, or this supervisor stopped and took it down.
    /// Forgotten, but not over: whoever owns it now may run it.
    Relinquished(ExitReason),
    /// Its own restart budget is used up, and it was forgotten. With the reason of its last failure.
    GaveUp(ExitReason),
    /// It was terminated, and forgotten.
    Stopped {
        /// Why that was ordered.
        ordered: ExitReason,
        /// Why the child says it ended.
        exit: ExitReason,
    },
    /// It was killed and did not end in time. It is still known; once it ends, what was ordered goes on.
    Zombie,
}

/// Why an order was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A child with this key is known.
    #[error("a child with this key is known already")]
    AlreadyPresent,
    /// No child with this key is known.
    #[error("no child with this key is known")]
    NotFound,
    /// There are as many children as are allowed.
    #[error("there are as many children as are allowed")]
    MaxChildren,
    /// The supervisor is stopping or has ended.
    #[error("the supervisor is stopping")]
    Stopping,
    /// A temporary child runs at most once: it cannot be restarted, nor become another kind of child, nor any other
    /// become one.
    #[error("a temporary child cannot be restarted, and stays one")]
    Temporary,
    /// The policy is not valid.
    #[error(transparent)]
    InvalidSpec(#[from] SpecError),
}
