//! The pure state machine of an ordu node.
//!
//! A [`Node`] takes [`Input`]s and gives [`Output`]s and does nothing else (*sans-io*, as quinn-proto and
//! str0m do it): it reads no clock, opens no socket, starts no thread and draws its randomness from one
//! seeded generator. The same inputs at the same times give the same outputs, bit for bit, so a recorded
//! trace replays and a simulator can run many nodes in virtual time.
//!
//! **Architecture invariant:** the core decides, the shell executes. Restarts, take-over, dialling, which of
//! two connections survives and when to give up are decided here; a shell only carries out what it is told
//! and reports what happened.
//!
//! The rules the code cites as `S1`–`S10` are those of `docs/semantics.md`.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod children;
mod claims;
mod config;
mod event;
mod id;
#[cfg(test)]
mod in_tests;
mod input;
mod label;
mod life;
mod membership;
mod node;
mod output;
mod placement;
mod planted;
pub mod recording;
mod registers;
mod replication;
mod request;
mod requests;
mod spec;
mod text;
mod time;
mod timing_field;
mod token;
mod view;
mod wire;

pub use config::{Config, InvalidConfig, Limits, Timing};
pub use event::Event;
pub use id::{ChildId, ClusterName, HordeName, InvalidName, Kind, NodeId, NodeName};
pub use input::{Channel, ConnId, DialError, DialId, Input, ProbeId, ProbeOutcome, StartId};
pub use label::check_label;
pub use life::Life;
pub use node::Node;
pub use ordu_supervisor::decisions::{ChildType, ExitReason, Intensity, Restart, Shutdown};
pub use output::{CloseReason, ExitCause, Output};
pub use replication::{Kept, StateDigest};
pub use request::{Answer, CallError, Command, RequestId, Stopped};
pub use spec::{ChildSpec, Constraint};
pub use text::{is_printable, printable};
pub use time::{Now, Time, WallTime};
pub use timing_field::{InvalidTiming, TimingField};
pub use token::Token;
pub use view::{ChildInfo, ChildState, MemberInfo, MemberState};
pub use wire::MAX_FRAME;

#[cfg(feature = "planted-bugs")]
pub use ordu_crdt::Bug as MapBug;
#[cfg(feature = "planted-bugs")]
pub use planted::Bug;
