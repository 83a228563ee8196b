//! The pure decision cores, without a runtime.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

mod conformance;
mod differential;
mod properties;
mod world;
