//! The supervisors on tokio, with the clock paused.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "tests, though the lints do not see it outside of test functions"
)]

mod calls;
mod children;
mod cut_short;
mod deadlock;
mod dynamic;
mod glob;
mod helpers;
mod listening;
mod log;
mod nested;
mod once;
mod renewal;
mod restarts;
mod scale;
mod stops;
mod support;
mod user_code;
