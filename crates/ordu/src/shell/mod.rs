//! The loop that feeds the core and does what the core says.
//!
//! **Architecture invariant:** nothing is decided here. What happened goes into `ordu_core::Node::handle`, what
//! comes out of `poll_output` is executed in order; each kind of output has one place that executes it.

mod call;
mod caller;
mod children;
mod clock;
mod event_loop;
mod network;

pub(crate) use call::{Call, Reply};
pub(crate) use caller::Caller;
pub(crate) use clock::Clock;
pub(crate) use event_loop::{EventLoop, Parts};
