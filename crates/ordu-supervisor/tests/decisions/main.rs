//! The pure decision cores, without a runtime.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "tests, though the lints do not see it outside of test functions"
)]

mod conformance;
mod differential;
mod dynamic_properties;
mod properties;
mod world;
