//! How a dynamic supervisor is put together and started.

use std::sync::Arc;
use std::time::Duration;

use super::handle::DynamicSupervisorHandle;
use super::mind::DynamicMind;
use crate::core::{DynamicCore, DynamicFlags, FlagsError, Intensity};
use crate::driver::link::Link;
use crate::driver::mailbox::SupervisorId;
use crate::driver::run::Clock;

/// A dynamic supervisor yet to be started.
#[derive(Debug, Clone, Copy, Default)]
#[must_use]
pub struct DynamicSupervisorBuilder {
    flags: DynamicFlags,
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
    pub fn start(self) -> Result<DynamicSupervisorHandle, FlagsError> {
        let core = DynamicCore::new(self.flags)?;
        let id = SupervisorId::new();
        let link = Link::spawn(id, DynamicMind::new(id, core), Clock::new());
        Ok(DynamicSupervisorHandle { link: Arc::new(link) })
    }
}
