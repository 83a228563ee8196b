//! The supervisors on tokio, with the clock paused.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

mod calls;
mod children;
mod deadlock;
mod dynamic;
mod nested;
mod restarts;
mod scale;
mod stops;
mod support;
