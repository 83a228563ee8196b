//! A supervisor with the semantics of Erlang/OTP.
//!
//! [`decisions`] holds the decisions as pure state machines; it is always there and needs no runtime. With the
//! feature `tokio` (default) [`Supervisor`] and [`DynamicSupervisor`] run children on tokio.
#![cfg_attr(not(any(feature = "tokio", feature = "process", test)), no_std)]
#![deny(unsafe_code)]

extern crate alloc;

mod core;
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

/// The decisions of a supervisor, and nothing else.
///
/// No runtime, no clock, no IO: whoever embeds a core tells it what happened and when, and carries out what it
/// answers. So every rule can be tested without a runtime, replayed, and compared with other supervisors.
///
/// [`StaticCore`](decisions::StaticCore) looks after children in an order that matters;
/// [`DynamicCore`](decisions::DynamicCore) after children that come and go and stand in none.
// Under another name than the folder's: `use ordu_supervisor::*` must not hide the language's own `core`.
pub mod decisions {
    pub use super::core::*;
}

pub use self::core::{
    AutoShutdown, Backoff, ChildPolicy, ChildType, Counts, ExitReason, FlagsError, Incarnation, Intensity,
    Offender, Report, Restart, Shutdown, ShutdownInfo, SpecError, Strategy,
};
#[cfg(feature = "tokio")]
pub use self::driver::*;
