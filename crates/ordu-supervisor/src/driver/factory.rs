//! A start function as the supervisor keeps it.

use std::sync::Arc;

use super::panics::contain;
use super::start::StartChild;

/// A start function. What it captured is user code too: a panic when that is dropped must not end the
/// supervisor that happens to drop it.
#[derive(Clone)]
pub(super) struct Factory(Option<Arc<dyn StartChild>>);

impl Factory {
    pub(super) fn new(start: impl StartChild) -> Self {
        Self(Some(Arc::new(start)))
    }

    /// Moves it out; an empty one is left.
    pub(super) fn take(&mut self) -> Self {
        Self(self.0.take())
    }

    /// The function; there from `new` until it is taken.
    pub(super) fn get(&self) -> Option<&dyn StartChild> {
        self.0.as_deref()
    }
}

impl Drop for Factory {
    fn drop(&mut self) {
        let start = self.0.take();
        contain("what a start function captured, when it was dropped,", || {
            drop(start);
        });
    }
}
