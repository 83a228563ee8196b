//! How a static supervisor is put together and started.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::handle::SupervisorHandle;
use super::mind::StaticMind;
use super::owned::OwnedSupervisor;
use crate::decisions::{
    AutoShutdown, ExitReason, InitError, Intensity, ShutdownInfo, StaticCore, StaticFlags, Strategy,
};
use crate::driver::child_spec::ChildSpec;
use crate::driver::clock::Clock;
use crate::driver::ctx::Ctx;
use crate::driver::errors::StartSupervisorError;
use crate::driver::events::{EventStream, Listeners};
use crate::driver::link::Link;
use crate::driver::mailbox::SupervisorId;
use crate::driver::shared::Shared;
use crate::driver::start::StartError;

/// A supervisor yet to be started.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct SupervisorBuilder {
    flags: StaticFlags,
    children: Vec<ChildSpec>,
    listeners: Listeners,
}

impl SupervisorBuilder {
    /// Who is restarted together with a child that failed.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.flags.strategy = strategy;
        self
    }

    /// How many restarts within how long are accepted before the supervisor gives up. 3 in 5 s unless set,
    /// as in Elixir; [`Intensity::OTP`] is 1 in 5 s.
    pub fn intensity(mut self, max_restarts: u32, period: Duration) -> Self {
        self.flags.intensity = Intensity::new(max_restarts, period);
        self
    }

    /// When the end of a significant child ends the supervisor; never unless set.
    pub fn auto_shutdown(mut self, auto_shutdown: AutoShutdown) -> Self {
        self.flags.auto_shutdown = auto_shutdown;
        self
    }

    /// Whether the supervisor ends, with [`ExitReason::Unkillable`], when a child that cannot be killed is in
    /// the way of a restart of its group; not unless set. Extension.
    ///
    /// Without it that child and those after it stay down until it has ended after all. With it the parent
    /// decides: the reason is not normal, so it starts a supervisor that is not temporary anew, beside the
    /// child that may still be running.
    pub fn escalate_zombies(mut self, escalate: bool) -> Self {
        self.flags.escalate_zombies = escalate;
        self
    }

    /// Seed of the random part of back-offs, the same on every run unless set.
    pub fn seed(mut self, seed: u64) -> Self {
        self.flags.seed = seed;
        self
    }

    /// Adds a child at the end of the start order.
    pub fn child(mut self, child: ChildSpec) -> Self {
        self.children.push(child);
        self
    }

    /// Adds children at the end of the start order.
    pub fn children(mut self, children: impl IntoIterator<Item = ChildSpec>) -> Self {
        self.children.extend(children);
        self
    }

    /// Checks flags and specs, starts the children one after the other, and returns once all are up.
    ///
    /// If a start fails those before it are stopped in reverse and nothing is left. The supervisor runs until
    /// it is stopped, gives up or ends by itself: dropping its handles does not end it. Dropping this future
    /// before it is done does.
    pub async fn start(self) -> Result<SupervisorHandle, StartSupervisorError> {
        let (handle, owned) = self.start_both(None).await?;
        owned.release();
        Ok(handle)
    }

    /// As [`start`](Self::start), but the supervisor is killed when the child `ctx` belongs to ends, or its start
    /// fails, also while the supervisor is still starting. It is not started if the child has ended.
    ///
    /// For a child that needs a supervisor of its own beside its own work; one that is nothing but a
    /// supervisor is better started with [`ChildSpec::supervisor`].
    pub async fn start_link(self, ctx: &Ctx) -> Result<SupervisorHandle, StartSupervisorError> {
        let (handle, owned) = self.start_both(Some(&ctx.shared)).await?;
        owned.release();
        Ok(handle)
    }

    /// The events of the supervisor from its very beginning on, the starts of its first children included. The
    /// stream holds `bound` events (0 counts as 1); whoever is slower misses the oldest.
    ///
    /// A clone of the builder has its own listeners: none.
    ///
    /// ```
    /// use ordu_supervisor::{ChildSpec, Event, Report, Supervisor};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut builder = Supervisor::builder().child(ChildSpec::task("a", async |_ctx| ()));
    /// let mut events = builder.subscribe(64);
    /// let _supervisor = builder.start().await?;
    /// assert!(matches!(events.next().await, Some(Event::Report(Report::Progress(_)))));
    /// # Ok(())
    /// # }
    /// ```
    pub fn subscribe(&mut self, bound: usize) -> EventStream {
        self.listeners.0.subscriptions().subscribe_with(bound)
    }

    /// Whoever owns it while it starts lets go of it, or passes it on, once it is up. The run of a child that it
    /// belongs to owns it from before its first step on.
    pub(super) async fn start_both(
        self,
        run: Option<&Arc<Shared>>,
    ) -> Result<(SupervisorHandle, OwnedSupervisor), StartSupervisorError> {
        if let Some(spec) = self.children.iter().find(|spec| spec.id.as_str().is_empty()) {
            spec.validate(None)?;
        }
        let clock = Clock::new();
        let specs = self
            .children
            .into_iter()
            .map(|spec| (spec.id, spec.policy, spec.start));
        let core = StaticCore::new(self.flags, specs, clock.now())?;
        let (up, is_up) = oneshot::channel();
        let id = SupervisorId::new();
        let spawn = || {
            let link = Link::spawn(id, StaticMind::new(id, core, up), clock, self.listeners.0);
            Ok(SupervisorHandle { link: Arc::new(link) })
        };
        let handle = match run {
            Some(run) => run.helpers.start(spawn),
            None => Some(spawn()),
        };
        let handle = handle.unwrap_or(Err(StartSupervisorError::Stopped(ExitReason::Killed)))?;
        let owned = OwnedSupervisor::from(handle.clone());
        if is_up.await.is_ok() {
            return Ok((handle, owned));
        }
        Err(match handle.exited().await.reason {
            ExitReason::ShutdownWith(ShutdownInfo::FailedToStartChild { id, reason }) => {
                StartSupervisorError::FailedToStartChild { id, reason: *reason }
            }
            reason => StartSupervisorError::Stopped(reason),
        })
    }
}

impl From<InitError> for StartSupervisorError {
    fn from(error: InitError) -> Self {
        match error {
            InitError::Flags(error) => Self::InvalidFlags(error),
            InitError::Spec(error) => Self::InvalidSpec(error),
        }
    }
}

impl StartSupervisorError {
    /// As the reason for which a child that is this supervisor did not start.
    pub(in crate::driver) fn into_start_error(self) -> StartError {
        StartError::Failed(match self {
            Self::FailedToStartChild { id, reason } => {
                let reason = Box::new(reason);
                ExitReason::ShutdownWith(ShutdownInfo::FailedToStartChild { id, reason })
            }
            Self::Stopped(reason) => reason,
            Self::InvalidFlags(_) | Self::InvalidSpec(_) => ExitReason::error(self),
        })
    }
}
