//! A deterministic simulator of many ordu nodes.
//!
//! Real [`ordu_core::Node`]s, not models of them, run on one event queue in virtual time. One seed decides
//! everything, so a run repeats bit for bit: the network loses, doubles and delays packets, ways are cut,
//! processes are killed, stopped and started again, clocks jump, workers misbehave. [`invariants`] judge what
//! truly happened by the rules; a seed that breaks one is repeated with one command.
//!
//! - [`World`] carries out what nodes put out and reports [`Fact`]s;
//! - [`oracle`] keeps them and says what must be true because of what clients were told;
//! - [`invariants`] are the rules, one file each;
//! - [`Simulation`] puts these together and is what scenarios are written with;
//! - [`swarm`] makes a [`Plan`] of a seed, and [`run()`] runs it: chaos first, then calm;
//! - [`shrink`](mod@shrink) leaves out of a failing plan what it does not need to fail;
//! - [`replay()`] feeds a recording of a real node to a new one and compares every answer.
//!
//! **Architecture invariant:** the library is pure. It reads no clock, starts no thread and draws its
//! randomness from the seed alone; only its binary spreads seeds over the cores.
//!
//! `docs/testing.md` says how to add a fault, an invariant or a scenario.
#![forbid(unsafe_code)]

mod agenda;
mod behaviour;
mod clock;
mod fact;
mod fault;
pub mod invariants;
mod machine;
mod moment;
mod network;
pub mod oracle;
mod plan;
#[cfg(feature = "planted-bugs")]
pub mod planted;
mod random;
mod replay;
mod run;
mod serving;
mod setup;
pub mod shrink;
mod simulation;
pub mod swarm;
mod trace;
mod world;

pub use behaviour::{Behaviour, Ending};
pub use clock::{Clock, EPOCH};
pub use fact::{Boot, CallId, CopyEnd, CopyId, Fact, HostId, What};
pub use fault::{AFTERMATH, Fault};
pub use machine::Machine;
pub use moment::Moment;
pub use network::{Latency, Network, Path};
pub use plan::Plan;
pub use random::{Random, Rate};
pub use replay::{Difference, ReplayEnd, Replayed, Step, replay};
pub use run::{Report, run};
pub use setup::{HostSetup, Queues, Setup};
pub use simulation::{PlannedCall, Simulation};
pub use trace::Trace;
pub use world::{TICK, Traffic, World};
