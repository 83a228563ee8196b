//! The pure decision cores, without a runtime.
#![allow(missing_docs, unreachable_pub)]

mod conformance;
mod world;
