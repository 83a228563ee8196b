//! A supervisor with the semantics of Erlang/OTP.
//!
//! [`core`] holds the decisions as pure state machines; it is always there and needs no runtime.
#![cfg_attr(not(any(feature = "tokio", feature = "process", test)), no_std)]
#![deny(unsafe_code)]

extern crate alloc;

pub mod core;
#[cfg(feature = "process")]
#[allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "drives real processes"
)]
pub mod process;
