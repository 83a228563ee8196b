//! Children that can be started once.

use std::sync::{Mutex, PoisonError};

use super::ctx::Ctx;
use super::start::{StartChild, StartError, Starting};

/// A start function that is used up by the first start.
pub(super) struct Once<F>(Mutex<Option<F>>);

impl<F> Once<F> {
    pub(super) fn new(start: F) -> Self {
        Self(Mutex::new(Some(start)))
    }
}

impl<F: FnOnce(Ctx) -> Starting + Send + 'static> StartChild for Once<F> {
    fn start(&self, ctx: Ctx) -> Starting {
        let start = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        match start {
            Some(start) => start(ctx),
            None => Starting::Now(Err(StartError::failed(
                "this spec was made of a function that can be called once, and was started before: make a new \
                 spec for each start, or make it of a function that can be called again",
            ))),
        }
    }
}
