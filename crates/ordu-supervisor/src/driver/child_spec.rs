//! A child as its supervisor is to run it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::child::Child;
use super::child_id::ChildId;
use super::ctx::{Ctx, StopSignal};
use super::factory::Factory;
use super::into_exit::IntoExit;
use super::job::{JobResult, job};
use super::once::Once;
use super::start::{StartChild, StartError, Started, Starting};
use super::supervisor::{BuildSupervisor, Nested};
use crate::decisions::{
    AutoShutdown, Backoff, ChildPolicy, ChildType, Intensity, Restart, Shutdown, SpecError,
};

/// A child as its supervisor is to run it: its id, how to start it, and how to treat it.
///
/// ```
/// use ordu_supervisor::{Child, ChildSpec, Restart};
///
/// let spec = ChildSpec::new("listener", async |_ctx| {
///     let socket = std::net::UdpSocket::bind("127.0.0.1:0")?; // must succeed before the next child starts
///     Child::trapping(move |stop| async move {
///         stop.stopped().await;
///         drop(socket);
///     })
///     .up()
/// })
/// .restart(Restart::Transient);
/// # let _ = spec;
/// ```
#[derive(Clone)]
#[must_use]
pub struct ChildSpec {
    pub(super) id: ChildId,
    pub(super) start: Factory,
    pub(super) policy: ChildPolicy,
    /// Its start function is used up by the first start.
    once: bool,
}

impl ChildSpec {
    /// A worker started by `start`, an async closure (or anything else that is [`StartChild`]).
    pub fn new(id: impl Into<ChildId>, start: impl StartChild) -> Self {
        Self {
            id: id.into(),
            start: Factory::new(start),
            policy: ChildPolicy::worker(),
            once: false,
        }
    }

    /// A worker that is up at once and whose body is aborted on a stop. See [`Child::task`].
    pub fn task<F, Fut>(id: impl Into<ChildId>, body: F) -> Self
    where
        F: Fn(Ctx) -> Fut + Send + Sync + 'static,
        Fut: Future + Send + 'static,
        Fut::Output: IntoExit,
    {
        Self::new(id, AtOnce(move |ctx| Child::task(body(ctx))))
    }

    /// A worker that is up at once and ends in its own way when asked to stop. See [`Child::trapping`].
    pub fn trapping<F, Fut>(id: impl Into<ChildId>, body: F) -> Self
    where
        F: Fn(Ctx) -> Fut + Send + Sync + 'static,
        Fut: Future + Send + 'static,
        Fut::Output: IntoExit,
    {
        Self::new(
            id,
            AtOnce(move |ctx| {
                let body = body(ctx);
                Child::trapping(move |_| body)
            }),
        )
    }

    /// A worker with a thread of its own. See [`Child::thread`].
    pub fn thread<F, T>(id: impl Into<ChildId>, body: F) -> Self
    where
        F: Fn(Ctx, StopSignal) -> T + Send + Sync + 'static,
        T: IntoExit + 'static,
    {
        let body = Arc::new(body);
        Self::new(
            id,
            AtOnce(move |ctx: Ctx| {
                let body = Arc::clone(&body);
                Child::thread(move |stop| body(ctx, stop))
            }),
        )
    }

    /// A supervisor of either kind, built anew for each start.
    ///
    /// ```
    /// use ordu_supervisor::{ChildSpec, DynamicSupervisor, Supervisor};
    ///
    /// let workers = ChildSpec::supervisor("workers", || Supervisor::builder());
    /// let sessions = ChildSpec::supervisor("sessions", || DynamicSupervisor::builder().max_children(100));
    /// # let _ = (workers, sessions);
    /// ```
    pub fn supervisor<F, B>(id: impl Into<ChildId>, build: F) -> Self
    where
        F: Fn() -> B + Send + Sync + 'static,
        B: BuildSupervisor,
    {
        Self::supervisor_with_handle(id, build).0
    }

    /// As [`supervisor`](Self::supervisor), with the way to it: the handle of the supervisor that runs now.
    ///
    /// ```
    /// use ordu_supervisor::{ChildSpec, DynamicSupervisor, Supervisor};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (spec, sessions) =
    ///     ChildSpec::supervisor_with_handle("sessions", || DynamicSupervisor::builder().max_children(100));
    /// let root = Supervisor::builder().child(spec).start().await?;
    /// let session = ChildSpec::trapping("session", async |ctx| ctx.stopped().await);
    /// sessions.running().await.expect("it has a spec").start_child(session).await?;
    /// # root.stop().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn supervisor_with_handle<F, B>(id: impl Into<ChildId>, build: F) -> (Self, Nested<B::Handle>)
    where
        F: Fn() -> B + Send + Sync + 'static,
        B: BuildSupervisor,
    {
        let (put, nested) = Nested::new();
        let put = Arc::new(put);
        let start = move |ctx: Ctx| {
            let (starting, put) = (build().start_nested(ctx), Arc::clone(&put));
            async move {
                let (handle, supervisor) = starting.await?;
                put.send_replace(Some(handle));
                Ok::<_, StartError>(Child::supervisor(supervisor))
            }
        };
        let spec = Self {
            policy: ChildPolicy::supervisor(),
            ..Self::new(id, start)
        };
        (spec, nested)
    }

    /// A temporary worker started by a function that can be called once, since what it captured can be used
    /// once: a connection, say. It cannot be restarted, and a clone of the spec cannot be started after it.
    ///
    /// ```
    /// use ordu_supervisor::{Child, ChildSpec};
    ///
    /// # fn accepted(socket: std::net::UdpSocket) -> ChildSpec {
    /// ChildSpec::once("session", async move |_ctx| {
    ///     socket.set_nonblocking(true)?;
    ///     let socket = tokio::net::UdpSocket::from_std(socket)?;
    ///     Child::task(async move { socket.readable().await }).up()
    /// })
    /// # }
    /// ```
    pub fn once<F, Fut, S, E>(id: impl Into<ChildId>, start: F) -> Self
    where
        F: FnOnce(Ctx) -> Fut + Send + 'static,
        Fut: Future<Output = Result<S, E>> + Send + 'static,
        S: Into<Started>,
        E: Into<StartError>,
    {
        Self::used_up(id, move |ctx| {
            let start = start(ctx);
            Starting::Later(Box::pin(async move {
                start.await.map(Into::into).map_err(Into::into)
            }))
        })
    }

    /// As [`task`](Self::task), made of a function that can be called once. See [`once`](Self::once).
    ///
    /// ```
    /// use ordu_supervisor::ChildSpec;
    ///
    /// # async fn serve(stream: tokio::net::TcpStream) -> std::io::Result<()> { Ok(()) }
    /// # fn accepted(stream: tokio::net::TcpStream) -> ChildSpec {
    /// ChildSpec::task_once("session", |_ctx| serve(stream))
    /// # }
    /// ```
    pub fn task_once<F, Fut>(id: impl Into<ChildId>, body: F) -> Self
    where
        F: FnOnce(Ctx) -> Fut + Send + 'static,
        Fut: Future + Send + 'static,
        Fut::Output: IntoExit,
    {
        Self::used_up(id, at_once(move |ctx| Child::task(body(ctx))))
    }

    /// As [`trapping`](Self::trapping), made of a function that can be called once. See [`once`](Self::once).
    pub fn trapping_once<F, Fut>(id: impl Into<ChildId>, body: F) -> Self
    where
        F: FnOnce(Ctx) -> Fut + Send + 'static,
        Fut: Future + Send + 'static,
        Fut::Output: IntoExit,
    {
        Self::used_up(
            id,
            at_once(move |ctx| {
                let body = body(ctx);
                Child::trapping(move |_| body)
            }),
        )
    }

    /// As [`thread`](Self::thread), made of a function that can be called once. See [`once`](Self::once).
    pub fn thread_once<F, T>(id: impl Into<ChildId>, body: F) -> Self
    where
        F: FnOnce(Ctx, StopSignal) -> T + Send + 'static,
        T: IntoExit + 'static,
    {
        Self::used_up(id, at_once(move |ctx| Child::thread(move |stop| body(ctx, stop))))
    }

    /// A temporary worker that comes to a result, and where that is awaited. It is aborted on a stop.
    ///
    /// ```
    /// use ordu_supervisor::{ChildSpec, DynamicSupervisor, JobError};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let jobs = DynamicSupervisor::builder().start()?;
    /// let (spec, answer) = ChildSpec::job("parse", async |_ctx| "42".parse::<u32>());
    /// jobs.start_child(spec).await?;
    /// assert_eq!(answer.await?, 42);
    ///
    /// let (spec, answer) = ChildSpec::job("parse", async |_ctx| "forty-two".parse::<u32>());
    /// jobs.start_child(spec).await?;
    /// assert!(matches!(answer.await, Err(JobError::Failed(_))));
    /// # Ok(())
    /// # }
    /// ```
    pub fn job<F, Fut, T, E>(id: impl Into<ChildId>, body: F) -> (Self, JobResult<T, E>)
    where
        F: FnOnce(Ctx) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: fmt::Display + Send + 'static,
    {
        let (job, result) = job();
        let start = at_once(move |ctx: Ctx| job.run(&ctx.clone(), body(ctx)));
        (Self::used_up(id, start), result)
    }

    fn used_up(id: impl Into<ChildId>, start: impl FnOnce(Ctx) -> Starting + Send + 'static) -> Self {
        Self {
            once: true,
            ..Self::new(id, Once::new(start)).restart(Restart::Temporary)
        }
    }

    /// When it is restarted; [`Restart::Permanent`] unless set.
    pub fn restart(mut self, restart: Restart) -> Self {
        self.policy.restart = restart;
        self
    }

    /// How it is stopped; a worker has 5 s, a supervisor all the time it needs unless set.
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.policy.shutdown = shutdown;
        self
    }

    /// Whether its end can end the supervisor; not unless set.
    pub fn significant(mut self, significant: bool) -> Self {
        self.policy.significant = significant;
        self
    }

    /// What it is counted as. Does not change how it is stopped.
    pub fn child_type(mut self, child_type: ChildType) -> Self {
        self.policy.child_type = child_type;
        self
    }

    /// How long a start may take; for ever unless set. Extension.
    pub fn start_timeout(mut self, limit: Duration) -> Self {
        self.policy.start_timeout = Some(limit);
        self
    }

    /// How long it may take to end once killed before it is a zombie, and what belongs to it once it has ended; 5 s
    /// unless set. Extension.
    pub fn kill_grace(mut self, limit: Duration) -> Self {
        self.policy.kill_grace = limit;
        self
    }

    /// A restart budget of its own: once it is used up this child is given up and nobody else. Extension.
    pub fn budget(mut self, budget: Intensity) -> Self {
        self.policy.budget = Some(budget);
        self
    }

    /// How long it waits before a restart; not at all unless set. Extension.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.policy.backoff = Some(backoff);
        self
    }

    /// The child's id.
    pub fn id(&self) -> &ChildId {
        &self.id
    }

    /// How it is treated.
    pub fn policy(&self) -> &ChildPolicy {
        &self.policy
    }

    pub(super) fn validate(&self, auto_shutdown: Option<AutoShutdown>) -> Result<(), SpecError> {
        if self.id.as_str().is_empty() {
            return Err(SpecError::MissingId);
        }
        if self.once && self.policy.restart != Restart::Temporary {
            return Err(SpecError::StartsOnce);
        }
        self.policy.validate(auto_shutdown)
    }
}

impl fmt::Debug for ChildSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildSpec")
            .field("id", &self.id)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// Checks a list of child specs as a supervisor would; with `None` for any `auto_shutdown`. (OTP's
/// `check_childspecs`.) The first error wins.
///
/// ```
/// use ordu_supervisor::{ChildSpec, SpecError, check_child_specs};
///
/// let spec = || ChildSpec::task("twin", async |_ctx| ());
/// let twice = SpecError::DuplicateChildName("twin".to_owned());
/// assert_eq!(check_child_specs(&[spec(), spec()], None), Err(twice));
/// ```
pub fn check_child_specs(specs: &[ChildSpec], auto_shutdown: Option<AutoShutdown>) -> Result<(), SpecError> {
    let mut seen = std::collections::BTreeSet::new();
    for spec in specs {
        spec.validate(auto_shutdown)?;
        if !seen.insert(&spec.id) {
            return Err(SpecError::DuplicateChildName(spec.id.to_string()));
        }
    }
    Ok(())
}

fn at_once(child: impl FnOnce(Ctx) -> Child) -> impl FnOnce(Ctx) -> Starting {
    move |ctx| Starting::Now(Ok(child(ctx).into()))
}

/// A start that is over at once.
struct AtOnce<F>(F);

impl<F: Fn(Ctx) -> Child + Send + Sync + 'static> StartChild for AtOnce<F> {
    fn start(&self, ctx: Ctx) -> Starting {
        Starting::Now(Ok::<_, StartError>(Started::Running((self.0)(ctx), None)))
    }
}
