//! How a dynamic supervisor is put together and started.

use std::sync::Arc;
use std::time::Duration;

use super::handle::DynamicSupervisorHandle;
use super::mind::DynamicMind;
use crate::decisions::{DynamicCore, DynamicFlags, FlagsError, Intensity};
use crate::driver::clock::Clock;
use crate::driver::ctx::Ctx;
use crate::driver::events::{EventStream, Listeners};
use crate::driver::link::Link;
use crate::driver::mailbox::SupervisorId;

/// A dynamic supervisor yet to be started.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct DynamicSupervisorBuilder {
    flags: DynamicFlags,
    listeners: Listeners,
}

impl DynamicSupervisorBuilder {
    /// How many restarts of all children together within how long are accepted before the supervisor gives
    /// up. 3 in 5 s unless set. Children with a budget of their own do not count.
    pub fn intensity(mut self, max_restarts: u32, period: Duration) -> Self {
        self.flags.intensity = Intensity::new(max_restarts, period);
        self
    }

    /// How many children there may be, those being restarted included; any number unless set.
    pub fn max_children(mut self, max: usize) -> Self {
        self.flags.max_children = Some(max);
        self
    }

    /// Seed of the random part of back-offs, the same on every run unless set.
    pub fn seed(mut self, seed: u64) -> Self {
        self.flags.seed = seed;
        self
    }

    /// Starts the supervisor on the current runtime. It runs until it is stopped or gives up.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn start(self) -> Result<DynamicSupervisorHandle, FlagsError> {
        let core = DynamicCore::new(self.flags)?;
        let id = SupervisorId::new();
        let link = Link::spawn(id, DynamicMind::new(id, core), Clock::new(), self.listeners.0);
        Ok(DynamicSupervisorHandle { link: Arc::new(link) })
    }

    /// As [`start`](Self::start), but the supervisor is killed when the child `ctx` belongs to ends, or its
    /// start fails.
    ///
    /// For a child that needs a supervisor of its own beside its own work, or that starts the first children
    /// of one before it is up; one that is nothing but a supervisor is better started with
    /// [`ChildSpec::supervisor`](crate::ChildSpec::supervisor).
    ///
    /// ```
    /// use ordu_supervisor::{Child, ChildSpec, DynamicSupervisor, Restart};
    ///
    /// let pool = ChildSpec::new("pool", async |ctx| {
    ///     let pool = DynamicSupervisor::builder().start_link(&ctx)?;
    ///     for number in 0..3 {
    ///         let worker = ChildSpec::task(format!("worker {number}"), async |_ctx| ());
    ///         pool.start_child(worker.restart(Restart::Transient)).await?; // may fail: the pool ends with it
    ///     }
    ///     Child::supervisor(pool).up()
    /// });
    /// # let _ = pool;
    /// ```
    pub fn start_link(self, ctx: &Ctx) -> Result<DynamicSupervisorHandle, FlagsError> {
        let handle = self.start()?;
        // It has no children before its handle is given away.
        ctx.link(&handle);
        Ok(handle)
    }

    /// The events of the supervisor from its very beginning on. The stream holds `bound` events (0 counts as
    /// 1); whoever is slower misses the oldest. A clone of the builder has its own listeners: none.
    pub fn subscribe(&mut self, bound: usize) -> EventStream {
        self.listeners.0.subscriptions().subscribe_with(bound)
    }
}
