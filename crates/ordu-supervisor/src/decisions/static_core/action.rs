//! What the static core wants done or tells.

use alloc::vec::Vec;

use crate::decisions::{ChildPolicy, ChildType, Counts, ExitReason, Incarnation, Report, Signal, SpecError};

/// What a [`StaticCore`](super::StaticCore) wants done (`Start`, `Signal`) or tells (the others).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StaticAction<K, P = ()> {
    /// Start the child as this incarnation, and answer with `Started` (then `Exited` once it ended).
    Start {
        /// Which child.
        key: K,
        /// The number of this start; `Started` and `Exited` name it.
        incarnation: Incarnation,
        /// Automatic restarts of this child so far, this one included.
        restarts: u32,
        /// What came with its spec.
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
    /// The answer to a call; each gets exactly one.
    Reply {
        /// The caller's number for it.
        call: u64,
        /// The answer.
        reply: Reply<K>,
    },
    /// One of the five reports.
    Report(Report<K>),
    /// All initial children have been started.
    Initialized,
    /// A child was killed and did not end in time.
    Zombie {
        /// Which child.
        key: K,
        /// Which incarnation.
        incarnation: Incarnation,
    },
    /// The end of this significant child ends the supervisor.
    AutoShutdown {
        /// Which child.
        key: K,
    },
    /// The supervisor is over: no child lives but these zombies.
    Exit {
        /// Why.
        reason: ExitReason,
        /// Children that were killed and did not end.
        zombies: Vec<Incarnation>,
    },
}

/// The answer to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply<K> {
    /// The child was started as this incarnation.
    Started(Incarnation),
    /// The start succeeded, and the child chose not to run.
    Ignored,
    /// It was done.
    Done,
    /// All children, the last started first.
    Children(Vec<ChildView<K>>),
    /// How many children there are.
    Counts(Counts),
    /// How the child is treated.
    Policy(ChildPolicy),
    /// It was not done.
    Refused(CallError),
}

/// Why a call was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// A child with this id is known but does not run.
    #[error("a child with this id is known; it does not run")]
    AlreadyPresent,
    /// A child with this id runs.
    #[error("a child with this id runs as {0}")]
    AlreadyStarted(Incarnation),
    /// The child spec is not valid.
    #[error(transparent)]
    InvalidSpec(#[from] SpecError),
    /// The start failed.
    #[error("the start failed: {0}")]
    Failed(ExitReason),
    /// No child with this id is known.
    #[error("no child with this id is known")]
    NotFound,
    /// The child runs.
    #[error("the child runs as {0}")]
    Running(Incarnation),
    /// The child is being restarted.
    #[error("the child is being restarted")]
    Restarting,
    /// A temporary child runs at most once.
    #[error("a temporary child cannot be restarted")]
    Temporary,
    /// The child was killed and has not ended.
    #[error("the child was killed as {0} and has not ended")]
    Zombie(Incarnation),
    /// The supervisor is stopping or has ended.
    #[error("the supervisor is gone")]
    Gone,
    /// The caller belongs to a child that is being stopped: each would wait for the other.
    #[error("the caller is being stopped, and the answer would wait for its end")]
    WouldDeadlock,
}

/// What can be seen of a child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildView<K> {
    /// Its id.
    pub key: K,
    /// Whether it runs.
    pub state: ChildState,
    /// What it is.
    pub child_type: ChildType,
    /// How often it was restarted automatically.
    pub restarts: u32,
}

/// Whether a child runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChildState {
    /// It runs as this incarnation.
    Running(Incarnation),
    /// It does not run, and nobody is trying to restart it.
    Undefined,
    /// It does not run; its last restart failed, or waits for its back-off, and it is tried again. With the
    /// incarnation that ran last, unless none ran since it was stopped with its group.
    Restarting(Option<Incarnation>),
    /// It was killed as this incarnation and has not ended.
    Zombie(Incarnation),
}
