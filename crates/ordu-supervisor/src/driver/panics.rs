//! Panics of user code, caught.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::place;
use super::shared::Shared;
use super::text::Field;
use crate::decisions::ExitReason;

/// Runs user code; a panic becomes a reason. What the code left behind is dropped, never looked at again.
pub(super) fn catch<T>(f: impl FnOnce() -> T) -> Result<T, ExitReason> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|payload| ExitReason::Panic(message(payload)))
}

fn message(payload: Box<dyn Any + Send>) -> String {
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => match payload.downcast::<&'static str>() {
            Ok(text) => (*text).to_owned(),
            Err(payload) => {
                // A payload whose own drop panics, with another of its kind perhaps, must take nobody down.
                if let Err(next) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
                    std::mem::forget(next);
                }
                "a panic without a message".to_owned()
            }
        },
    }
}

/// Runs what may run user code where a panic must end nothing: a waker, a drop. It is logged.
pub(super) fn contain(what: &'static str, f: impl FnOnce()) {
    if let Err(panic) = catch(f) {
        log(what, &panic);
    }
}

/// As [`contain`], for code that a child brought and its supervisor runs.
pub(super) fn contain_of(child: &Arc<Shared>, what: &'static str, f: impl FnOnce()) {
    if let Err(panic) = catch(f) {
        Arc::clone(child).sync_scope(|| log(what, &panic));
    }
}

fn log(what: &'static str, panic: &ExitReason) {
    tracing::error!(
        target: place::TARGET,
        supervisor = place::supervisor(),
        child = place::child(),
        reason = %Field::reason(panic),
        "{what} panicked"
    );
}

/// A value that a child brought and whose drop may panic, held where that must end nothing.
pub(super) struct Guarded<T>(Option<T>);

impl<T> Guarded<T> {
    pub(super) fn new(value: T) -> Self {
        Self(Some(value))
    }

    /// The value, there from `new` on.
    pub(super) fn into_inner(mut self) -> Option<T> {
        self.0.take()
    }
}

impl<T> Drop for Guarded<T> {
    fn drop(&mut self) {
        if let Some(value) = self.0.take() {
            contain("what a child brought, when it was dropped,", || drop(value));
        }
    }
}
