//! A child that has come up and is to be run.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use super::ctx::StopSignal;
use super::into_exit::IntoExit;
use super::shared::Shared;
use super::start::{BoxFuture, StartError, Started};
use super::supervisor::OwnedSupervisor;
use crate::core::ExitReason;

/// A child that has come up: what its start function returns. It runs once the supervisor has taken it.
pub struct Child(pub(super) Body);

pub(super) enum Body {
    Task(BoxFuture<ExitReason>),
    Trapping(Box<dyn FnOnce(StopSignal) -> BoxFuture<ExitReason> + Send>),
    Thread(Box<dyn FnOnce(StopSignal) -> ExitReason + Send>),
    Supervisor(OwnedSupervisor),
    #[cfg(feature = "process")]
    Process(super::process::RunningProcess),
}

impl Child {
    /// A future that is aborted when the child is to stop.
    ///
    /// It is dropped where it stands at its next `await`; code that never awaits cannot be stopped.
    pub fn task<F>(body: F) -> Self
    where
        F: Future + Send + 'static,
        F::Output: IntoExit,
    {
        Self(Body::Task(Box::pin(async move { body.await.into_exit() })))
    }

    /// A future that is told to stop and then ends in its own way. It is aborted only if it takes longer than
    /// its [`Shutdown`](crate::Shutdown) allows.
    pub fn trapping<F, Fut>(body: F) -> Self
    where
        F: FnOnce(StopSignal) -> Fut + Send + 'static,
        Fut: Future + Send + 'static,
        Fut::Output: IntoExit,
    {
        Self(Body::Trapping(Box::new(move |stop| {
            let body = body(stop);
            Box::pin(async move { body.await.into_exit() })
        })))
    }

    /// A thread of its own for blocking code, which must ask the stop signal from time to time.
    ///
    /// A thread cannot be killed: one that does not stop when asked becomes a zombie, and
    /// [`Shutdown::BrutalKill`](crate::Shutdown::BrutalKill) only sets the signal.
    pub fn thread<F, T>(body: F) -> Self
    where
        F: FnOnce(StopSignal) -> T + Send + 'static,
        T: IntoExit,
    {
        Self(Body::Thread(Box::new(move |stop| body(stop).into_exit())))
    }

    /// A supervisor with children of its own, which ends with this child.
    ///
    /// One that the child is itself below is refused, and the start fails: each would wait for the other.
    pub fn supervisor(supervisor: impl Into<OwnedSupervisor>) -> Self {
        Self(Body::Supervisor(supervisor.into()))
    }

    /// Says, as the last words of a start function, that the child is up. Short for
    /// `Ok::<_, StartError>(child)`, which tells the compiler what `?` before it may turn errors into.
    ///
    /// ```
    /// use ordu_supervisor::{Child, ChildSpec};
    ///
    /// let spec = ChildSpec::new("reader", async |_ctx| {
    ///     let number: u32 = "42".parse()?;
    ///     Child::task(async move { println!("{number}") }).up()
    /// });
    /// # let _ = spec;
    /// ```
    pub fn up(self) -> Result<Self, StartError> {
        Ok(self)
    }

    /// Refuses a child that could not be run as what it is.
    pub(super) fn admit(self, shared: &Arc<Shared>) -> Result<Self, StartError> {
        match self.0 {
            Body::Supervisor(supervisor) if supervisor.is_above(shared) => {
                // It belongs to others, and lives on.
                supervisor.release();
                Err(StartError::failed(format_args!(
                    "{:?} was given a supervisor above it as its own: each would wait for the other; \
                     give it one that it starts itself",
                    shared.id
                )))
            }
            body => Ok(Self(body)),
        }
    }
}

/// What a start came to, if it can be run.
pub(super) fn admit(
    outcome: Result<Started, StartError>,
    shared: &Arc<Shared>,
) -> Result<Started, StartError> {
    match outcome? {
        Started::Running(child, info) => child.admit(shared).map(|child| Started::Running(child, info)),
        Started::Ignore => Ok(Started::Ignore),
    }
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Body::Task(_) => "Child::task",
            Body::Trapping(_) => "Child::trapping",
            Body::Thread(_) => "Child::thread",
            Body::Supervisor(_) => "Child::supervisor",
            #[cfg(feature = "process")]
            Body::Process(_) => "a process",
        })
    }
}
