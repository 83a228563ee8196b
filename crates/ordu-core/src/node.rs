use core::time::Duration;

use crate::{Config, Input, NodeId, Now, Output, Time};

/// One member of a cluster: membership, replica of the state, placement, claims and requests in one state
/// machine.
#[derive(Debug)]
pub struct Node {
    config: Config,
    id: NodeId,
}

impl Node {
    /// A node that boots now. `seed` decides every random choice it will make.
    pub fn new(config: Config, id: NodeId, seed: u64) -> Self {
        let _ = seed;
        Self { config, id }
    }

    /// Takes in what happened. Never fails, never blocks; drain [`Node::poll_output`] after every call.
    pub fn handle(&mut self, now: Now, input: Input) {
        let _ = (now, input, self.config.timing.gap > Duration::ZERO);
    }

    /// What to do next, until there is nothing left.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<Output> {
        None
    }

    /// When to call [`Node::handle`] with [`Input::Timer`] if nothing else happens before.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        None
    }

    /// This node's identity.
    pub fn id(&self) -> NodeId {
        self.id
    }
}
