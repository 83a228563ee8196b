//! The decisions of a supervisor, and nothing else.
//!
//! No runtime, no clock, no IO: whoever embeds a core tells it what happened and when, and carries out what it
//! answers. So every rule can be tested without a runtime, replayed, and compared with other supervisors.
//!
//! [`StaticCore`] looks after children in an order that matters; [`DynamicCore`] after children that come and go and
//! stand in none.

mod auto_shutdown;
mod backoff;
mod child_policy;
mod child_type;
mod counts;
mod dynamic_core;
mod exit_reason;
mod incarnation;
mod intensity;
pub(crate) mod numbered;
mod report;
mod restart;
mod shutdown;
mod signal;
mod spec_error;
mod start_outcome;
mod static_core;
mod stopping;
mod strategy;
mod time;

pub use self::auto_shutdown::AutoShutdown;
pub use self::backoff::Backoff;
pub use self::child_policy::ChildPolicy;
pub use self::child_type::ChildType;
pub use self::counts::Counts;
pub use self::dynamic_core::{
    ChildPhase, DynamicAction, DynamicCore, DynamicEvent, DynamicFlags, Notice, Refusal,
};
pub use self::exit_reason::{ExitReason, ShutdownInfo};
pub use self::incarnation::Incarnation;
pub use self::intensity::Intensity;
pub use self::report::{Offender, Report};
pub use self::restart::Restart;
pub use self::shutdown::Shutdown;
pub use self::signal::Signal;
pub use self::spec_error::{FlagsError, SpecError};
pub use self::start_outcome::{StartOutcome, Started};
pub use self::static_core::{
    CallError, ChildState, ChildView, InitError, Reply, Request, StaticAction, StaticCore, StaticEvent,
    StaticFlags,
};
pub use self::strategy::Strategy;
pub use self::time::Time;
