//! A child that has come up and is to be run.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::control::Control;
use super::ctx::StopSignal;
use super::into_exit::IntoExit;
use super::panics::catch;
use super::shared::Shared;
use super::start::{BoxFuture, StartError};
use super::supervisor::OwnedSupervisor;
use crate::decisions::ExitReason;

/// A child that has come up: what its start function returns. It runs once the supervisor has been told so.
pub struct Child(Body);

enum Body {
    Task(BoxFuture<BodyEnd>),
    Trapping(Box<dyn FnOnce(StopSignal) -> BoxFuture<BodyEnd> + Send>),
    Thread(Box<dyn FnOnce(StopSignal) -> BodyEnd + Send>),
    Supervisor(OwnedSupervisor),
    #[cfg(feature = "process")]
    Process(Arc<super::process::RunningProcess>),
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
        Self(Body::Task(Box::pin(async move { BodyEnd::of(body.await) })))
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
            Box::pin(async move { BodyEnd::of(body.await) })
        })))
    }

    /// A thread of its own for blocking code, which must ask the stop signal from time to time.
    ///
    /// A thread cannot be killed: one that does not stop when asked becomes a zombie, and
    /// [`Shutdown::BrutalKill`](crate::Shutdown::BrutalKill) only sets the signal. If the operating system gives
    /// none the start has failed.
    pub fn thread<F, T>(body: F) -> Self
    where
        F: FnOnce(StopSignal) -> T + Send + 'static,
        T: IntoExit,
    {
        Self(Body::Thread(Box::new(move |stop| BodyEnd::of(body(stop)))))
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

    #[cfg(feature = "process")]
    pub(super) fn process(process: Arc<super::process::RunningProcess>) -> Self {
        Self(Body::Process(process))
    }

    /// Drops it: its start was cut short before it ran. Called in its task, whose run then waits for what there is of
    /// it.
    pub(super) fn abandon(self, shared: &Arc<Shared>) {
        match self.0 {
            // As when it is to run: it belongs to others, and lives on.
            Body::Supervisor(supervisor) if supervisor.is_above(shared) => supervisor.release(),
            body => drop(body),
        }
    }

    /// Makes of it what its task is to run, and the way to make it end. Called in that task, and only once its start
    /// cannot be cut short any more: what it starts is for the body to end.
    pub(super) fn run(self, shared: &Arc<Shared>) -> Result<(Control, BoxFuture<BodyEnd>), StartError> {
        Ok(match self.0 {
            Body::Task(body) => (Control::Task, body),
            Body::Trapping(body) => {
                let stop = StopSignal(Arc::clone(shared));
                (Control::Trapping, Box::pin(async move { body(stop).await }))
            }
            Body::Thread(body) => (Control::Thread, run_thread(shared, body)?),
            Body::Supervisor(supervisor) if !supervisor.give_to(shared) => {
                // It belongs to others, and lives on.
                supervisor.release();
                return Err(StartError::failed(format_args!(
                    "{:?} was given a supervisor above it as its own: each would wait for the other; \
                     give it one that it starts itself",
                    shared.id
                )));
            }
            Body::Supervisor(supervisor) => {
                let exited = supervisor.exited();
                let body = async move { BodyEnd::from(exited.await.reason) };
                (Control::Supervisor(supervisor), Box::pin(body))
            }
            #[cfg(feature = "process")]
            Body::Process(process) => {
                let watched = Arc::clone(&process);
                let body = async move { BodyEnd::from(watched.ended().await) };
                (Control::Process(process), Box::pin(body))
            }
        })
    }
}

/// Starts the thread; what is given back ends with it, and tells it to stop if it is dropped before.
fn run_thread(
    shared: &Arc<Shared>,
    body: Box<dyn FnOnce(StopSignal) -> BodyEnd + Send>,
) -> Result<BoxFuture<BodyEnd>, StartError> {
    let (ended, end) = oneshot::channel();
    let child = Arc::clone(shared);
    // Its code may spawn.
    let runtime = Handle::current();
    let run = move || {
        let _inside = runtime.enter();
        let stop = StopSignal(Arc::clone(&child));
        let end = catch(|| child.sync_scope(|| body(stop))).unwrap_or_else(BodyEnd::from);
        // Nobody waits for it if the runtime is gone.
        drop(ended.send(end));
    };
    // The operating system takes no name with a NUL.
    let name = shared.id.as_str().replace('\0', "\u{2400}");
    std::thread::Builder::new()
        .name(name)
        .spawn(run)
        .map_err(|error| StartError::failed(format_args!("the thread could not be started: {error}")))?;
    let running = RunningThread(Some(Arc::clone(shared)));
    Ok(Box::pin(async move {
        let end = end.await;
        running.has_ended();
        end.unwrap_or_else(|_| BodyEnd::from(ExitReason::Killed))
    }))
}

/// A thread that has not ended, as far as is known. There is no other way to end it.
struct RunningThread(Option<Arc<Shared>>);

impl RunningThread {
    fn has_ended(mut self) {
        self.0 = None;
    }
}

impl Drop for RunningThread {
    fn drop(&mut self) {
        if let Some(child) = &self.0 {
            child.request_stop();
        }
    }
}

/// How a body ended: with a reason, or with nothing to say.
pub(super) struct BodyEnd(Option<ExitReason>);

impl BodyEnd {
    fn of(value: impl IntoExit) -> Self {
        Self((!value.says_nothing()).then(|| value.into_exit()))
    }

    /// A child that was asked to stop and then was simply done has done what it was asked.
    pub(super) fn reason(self, shared: &Shared) -> ExitReason {
        match self.0 {
            Some(reason) => reason,
            None if shared.is_stopping() => ExitReason::Shutdown,
            None => ExitReason::Normal,
        }
    }
}

impl From<ExitReason> for BodyEnd {
    fn from(reason: ExitReason) -> Self {
        Self(Some(reason))
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
