//! What can go wrong, operation by operation.

use super::child_id::ChildRef;
use super::text::OneLine;
use crate::decisions::{ExitReason, FlagsError, SpecError};

/// Why a supervisor was not started. Nothing is left running.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartSupervisorError {
    /// Its flags are not valid.
    #[error("the supervisor's flags are not valid: {0}")]
    InvalidFlags(#[from] FlagsError),
    /// A child spec is not valid.
    #[error("a child spec is not valid: {0}")]
    InvalidSpec(#[from] SpecError),
    /// A child did not start; those before it were stopped again.
    #[error("child {id:?} did not start ({})", OneLine(.reason))]
    FailedToStartChild {
        /// Which.
        id: String,
        /// Why.
        reason: ExitReason,
    },
    /// It was stopped while its children were starting.
    #[error("the supervisor was stopped while it started ({})", OneLine(.0))]
    Stopped(ExitReason),
}

/// Why `start_child` did not start a child.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartChildError {
    /// A child with this id is known and does not run; restart or delete it.
    #[error("a child with this id is known and does not run")]
    AlreadyPresent,
    /// A child with this id runs already, here or where the start function found it.
    #[error("already started as {0}")]
    AlreadyStarted(ChildRef),
    /// A child with this id was killed and has not ended.
    #[error("{0} was killed and has not ended")]
    Zombie(ChildRef),
    /// The child spec is not valid. The supervisor was not asked.
    #[error(transparent)]
    InvalidSpec(#[from] SpecError),
    /// The start failed and left nothing.
    #[error("the start failed: {}", OneLine(.0))]
    Failed(ExitReason),
    /// There are as many children as are allowed.
    #[error("there are as many children as are allowed")]
    MaxChildren,
    /// The supervisor has ended, or ended before the start was over.
    #[error("the supervisor is gone")]
    SupervisorGone,
    /// The caller belongs to a child that the supervisor is waiting for.
    #[error("the supervisor waits for the caller and would never answer")]
    WouldDeadlock,
}

/// Why `terminate_child` did not stop a child.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TerminateChildError {
    /// No such child is known.
    #[error("no such child")]
    NotFound,
    /// It was killed and has not ended. It may still be running.
    #[error("{0} was killed and has not ended")]
    Zombie(ChildRef),
    /// The supervisor has ended.
    #[error("the supervisor is gone")]
    SupervisorGone,
    /// The caller belongs to the child, or to one that the supervisor is waiting for.
    #[error("the supervisor would wait for the caller and never answer")]
    WouldDeadlock,
}

/// Why `restart_child` or `restart_child_now` did not start a child.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestartChildError {
    /// No such child is known.
    #[error("no such child")]
    NotFound,
    /// It runs.
    #[error("it runs as {0}")]
    Running(ChildRef),
    /// It is being restarted anyway.
    #[error("it is being restarted")]
    Restarting,
    /// It is temporary: it runs at most once.
    #[error("a temporary child cannot be restarted")]
    Temporary,
    /// It was killed and has not ended.
    #[error("{0} was killed and has not ended")]
    Zombie(ChildRef),
    /// The start failed. Under a static supervisor the child stays known and is not retried; under a dynamic one
    /// it is tried again, as after any failed restart.
    #[error("the start failed: {}", OneLine(.0))]
    Failed(ExitReason),
    /// The start function found that it runs already, as this child.
    #[error("already started as {0}")]
    AlreadyStarted(ChildRef),
    /// The supervisor has ended, or ended before the start was over.
    #[error("the supervisor is gone")]
    SupervisorGone,
    /// The caller belongs to the child, or to one that the supervisor is waiting for.
    #[error("the supervisor waits for the caller and would never answer")]
    WouldDeadlock,
}

/// Why `delete_child` did not forget a child.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeleteChildError {
    /// No such child is known.
    #[error("no such child")]
    NotFound,
    /// It runs; terminate it first.
    #[error("it runs as {0}")]
    Running(ChildRef),
    /// It is being restarted; terminate it first.
    #[error("it is being restarted")]
    Restarting,
    /// It was killed and has not ended.
    #[error("{0} was killed and has not ended")]
    Zombie(ChildRef),
    /// The supervisor has ended.
    #[error("the supervisor is gone")]
    SupervisorGone,
    /// The caller belongs to a child that the supervisor is waiting for.
    #[error("the supervisor waits for the caller and would never answer")]
    WouldDeadlock,
}

/// Why a question was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// No such child is known.
    #[error("no such child")]
    NotFound,
    /// The supervisor has ended.
    #[error("the supervisor is gone")]
    SupervisorGone,
    /// The caller belongs to a child that the supervisor is waiting for.
    #[error("the supervisor waits for the caller and would never answer")]
    WouldDeadlock,
}

/// Why `stop` did not see the supervisor end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StopError {
    /// It has not ended in time. It goes on stopping.
    #[error("the supervisor has not ended in time")]
    Timeout,
    /// The caller belongs to the tree that is to stop. Use `request_stop` there.
    #[error("the supervisor would wait for the caller")]
    WouldDeadlock,
}

/// What a caller is told whose supervisor is not there any more.
pub trait SupervisorGone {
    /// That.
    fn supervisor_gone() -> Self;
}

/// What a caller is told that would wait for itself.
pub(super) trait WouldDeadlock {
    fn would_deadlock() -> Self;
}

macro_rules! answers_of_calls {
    ($($error:ident),*) => {$(
        impl WouldDeadlock for $error {
            fn would_deadlock() -> Self {
                Self::WouldDeadlock
            }
        }

        impl SupervisorGone for $error {
            fn supervisor_gone() -> Self {
                Self::SupervisorGone
            }
        }
    )*};
}

answers_of_calls!(
    StartChildError,
    TerminateChildError,
    RestartChildError,
    DeleteChildError,
    QueryError
);
