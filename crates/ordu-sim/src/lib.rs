//! A deterministic simulator of many ordu nodes.
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
mod random;
mod run;
mod serving;
mod setup;
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
pub use run::{Report, run};
pub use setup::{HostSetup, Setup};
pub use simulation::{PlannedCall, Simulation};
pub use trace::Trace;
pub use world::{TICK, Traffic, World};
