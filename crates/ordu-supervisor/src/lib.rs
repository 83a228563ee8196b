//! A supervisor with the semantics of Erlang/OTP.
//!
//! [`decisions`] holds the decisions as pure state machines; it is always there and needs no runtime. With the
//! feature `tokio` (default) [`Supervisor`] and [`DynamicSupervisor`] run children on tokio.
#![cfg_attr(not(any(feature = "tokio", feature = "process", test)), no_std)]
#![deny(unsafe_code)]

extern crate alloc;

pub mod decisions;
#[cfg(feature = "tokio")]
#[allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "runs real tasks in real time"
)]
mod driver;
#[cfg(feature = "process")]
#[allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "drives real processes"
)]
pub mod process;

pub use self::decisions::{
    AutoShutdown, Backoff, ChildPolicy, ChildType, Counts, ExitReason, FlagsError, Incarnation, Intensity,
    Offender, Report, Restart, Shutdown, ShutdownInfo, SpecError, Strategy,
};
#[cfg(feature = "tokio")]
pub use self::driver::*;
