use ordu_core::{Config, Input, Kept, Node, NodeId, Now, Output, StateDigest, Time};

/// What the world runs on each host: the shipped [`Node`], or a scripted stand-in in the tests of the world
/// itself.
pub trait Machine {
    /// Boots.
    fn boot(config: Config, id: NodeId, seed: u64) -> Self;
    /// Takes in what happened.
    fn handle(&mut self, now: Now, input: Input);
    /// What to do next, until there is nothing left.
    fn poll_output(&mut self) -> Option<Output>;
    /// When it wants [`Input::Timer`].
    fn next_deadline(&self) -> Option<Time>;
    /// Makes it wrong, if it can be.
    #[cfg(feature = "planted-bugs")]
    fn plant(&mut self, bug: ordu_core::Bug) {
        let _ = bug;
    }

    /// A digest of what it holds; `None` if it holds nothing that can be compared, or not all of it now.
    fn state_digest(&self) -> Option<StateDigest> {
        None
    }

    /// What it keeps only for others; `None` if it keeps nothing that can be counted.
    fn kept(&self) -> Option<Kept> {
        None
    }
}

impl Machine for Node {
    fn boot(config: Config, id: NodeId, seed: u64) -> Self {
        Self::new(config, id, seed)
    }

    fn handle(&mut self, now: Now, input: Input) {
        Self::handle(self, now, input);
    }

    fn poll_output(&mut self) -> Option<Output> {
        Self::poll_output(self)
    }

    fn next_deadline(&self) -> Option<Time> {
        Self::next_deadline(self)
    }

    #[cfg(feature = "planted-bugs")]
    fn plant(&mut self, bug: ordu_core::Bug) {
        Self::plant(self, bug);
    }

    fn state_digest(&self) -> Option<StateDigest> {
        Self::state_digest(self)
    }

    fn kept(&self) -> Option<Kept> {
        Some(Self::kept(self))
    }
}
