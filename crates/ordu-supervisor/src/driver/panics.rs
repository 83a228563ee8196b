//! Panics of user code, caught.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::core::ExitReason;

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
                // A payload whose own drop panics must not take the supervisor down.
                let _ = catch_unwind(AssertUnwindSafe(|| drop(payload)));
                "a panic without a message".to_owned()
            }
        },
    }
}
