//! How a child comes up.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

use super::child::Child;
use super::child_id::ChildRef;
use super::ctx::Ctx;
use super::text::OneLine;
use crate::decisions::ExitReason;

/// A boxed future.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Whatever a start wants to tell the caller of `start_child` or `restart_child`.
pub type Info = Box<dyn Any + Send>;

/// What a start that did not fail came to.
pub enum Started {
    /// The child runs, with something to tell the caller perhaps.
    Running(Child, Option<Info>),
    /// The child chose not to run. This is a success.
    Ignore,
}

impl fmt::Debug for Started {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running(..) => "Running",
            Self::Ignore => "Ignore",
        })
    }
}

impl From<Child> for Started {
    fn from(child: Child) -> Self {
        Self::Running(child, None)
    }
}

/// Why a start failed. Any error turns into one, so `?` works in a start function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartError {
    /// It failed.
    Failed(ExitReason),
    /// What it would start runs already, as this child.
    AlreadyStarted(ChildRef),
}

impl StartError {
    /// A failure with this text.
    pub fn failed(text: impl fmt::Display) -> Self {
        Self::Failed(ExitReason::error(text))
    }

    pub(super) fn into_reason(self) -> ExitReason {
        match self {
            Self::Failed(reason) => reason,
            Self::AlreadyStarted(child) => ExitReason::error(format_args!("already started as {child}")),
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(reason) => OneLine(reason).fmt(f),
            Self::AlreadyStarted(child) => write!(f, "already started as {child}"),
        }
    }
}

impl<E: std::error::Error + 'static> From<E> for StartError {
    /// An [`ExitReason`] stays what it is; of other errors the text is kept.
    fn from(error: E) -> Self {
        match (&error as &dyn Any).downcast_ref::<ExitReason>() {
            Some(reason) => Self::Failed(reason.clone()),
            None => Self::failed(error),
        }
    }
}

// It cannot be an error itself, since any error turns into one.
impl From<StartError> for Box<dyn std::error::Error + Send + Sync> {
    fn from(error: StartError) -> Self {
        error.into_reason().into()
    }
}

impl From<StartError> for Box<dyn std::error::Error> {
    fn from(error: StartError) -> Self {
        error.into_reason().into()
    }
}

/// A start: over at once, or a future.
pub enum Starting {
    /// It is over.
    Now(Result<Started, StartError>),
    /// It takes its time. On a kill it is aborted.
    Later(BoxFuture<Result<Started, StartError>>),
}

impl fmt::Debug for Starting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now(outcome) => f.debug_tuple("Now").field(outcome).finish(),
            Self::Later(_) => f.write_str("Later"),
        }
    }
}

/// Starts a child, the first time and every time again. Implemented for async closures.
///
/// It runs in the child's own task and holds up no call, nor a sibling's start under a dynamic supervisor, even if
/// it blocks its thread; on a current-thread runtime what blocks its thread freezes all.
///
/// A panic is a failed start. What a failed start acquired must be released before it returns, since the
/// next attempt may come at once.
pub trait StartChild: Send + Sync + 'static {
    /// Starts the child.
    fn start(&self, ctx: Ctx) -> Starting;
}

impl<F, Fut, S, E> StartChild for F
where
    F: Fn(Ctx) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<S, E>> + Send + 'static,
    S: Into<Started>,
    E: Into<StartError>,
{
    fn start(&self, ctx: Ctx) -> Starting {
        let start = self(ctx);
        Starting::Later(Box::pin(async move {
            start.await.map(Into::into).map_err(Into::into)
        }))
    }
}
