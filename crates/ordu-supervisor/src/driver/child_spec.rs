//! A child as its supervisor is to run it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::child::Child;
use super::child_id::ChildId;
use super::ctx::{Ctx, StopSignal};
use super::factory::Factory;
use super::into_exit::IntoExit;
use super::start::{StartChild, StartError, Started, Starting};
use super::supervisor::SupervisorBuilder;
use crate::core::{AutoShutdown, Backoff, ChildPolicy, ChildType, Intensity, Restart, Shutdown, SpecError};

/// A child as its supervisor is to run it: its id, how to start it, and how to treat it.
///
/// ```
/// use ordu_supervisor::{Child, ChildSpec, Restart, StartError};
///
/// let spec = ChildSpec::new("listener", async |_ctx| {
///     let socket = std::net::UdpSocket::bind("127.0.0.1:0")?; // must succeed before the next child starts
///     Ok::<_, StartError>(Child::trapping(move |stop| async move {
///         stop.stopped().await;
///         drop(socket);
///     }))
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
}

impl ChildSpec {
    /// A worker started by `start`, an async closure (or anything else that is [`StartChild`]).
    pub fn new(id: impl Into<ChildId>, start: impl StartChild) -> Self {
        Self {
            id: id.into(),
            start: Factory::new(start),
            policy: ChildPolicy::worker(),
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

    /// A supervisor, built anew for each start.
    pub fn supervisor<F>(id: impl Into<ChildId>, build: F) -> Self
    where
        F: Fn() -> SupervisorBuilder + Send + Sync + 'static,
    {
        let start = move |_ctx: Ctx| {
            let starting = build().start_owned();
            async move {
                match starting.await {
                    Ok(supervisor) => Ok(Child::supervisor(supervisor)),
                    Err(error) => Err(error.into_start_error()),
                }
            }
        };
        Self {
            policy: ChildPolicy::supervisor(),
            ..Self::new(id, start)
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

    /// How long it may take to end once killed before it is a zombie; 5 s unless set. Extension.
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

/// A start that is over at once.
struct AtOnce<F>(F);

impl<F: Fn(Ctx) -> Child + Send + Sync + 'static> StartChild for AtOnce<F> {
    fn start(&self, ctx: Ctx) -> Starting {
        Starting::Now(Ok::<_, StartError>(Started::Running((self.0)(ctx), None)))
    }
}
