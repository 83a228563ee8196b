//! A distributed supervisor: hand it children, and it runs each of them on exactly one node of a cluster.
//!
//! A child that crashes is started again where it was; when its node dies it is started on another one. There
//! is no leader, no external store and no coordinator: what should run and where it runs is a replicated map
//! that every node holds.
//!
//! - [`Node`] is one member of a cluster: it listens, finds the others and runs children.
//! - [`Horde`] is one distributed supervisor spread over the nodes: [`start_child`](Horde::start_child) and
//!   its siblings may be called on any node, and [`lookup`](Horde::lookup) answers from memory.
//! - [`WorkerKind`] is what a node can start. [`ProcessSpec`] describes the built-in kind: programs of the
//!   operating system.
//!
//! # Example
//!
//! A cluster of one node that keeps one program running:
//!
//! ```standalone_crate
//! use ordu::{ChildState, Node, ProcessSpec};
//! use ordu::cluster_key::ClusterKey;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     // First of all: this program is its own keeper of processes.
//!     ordu::keeper::init();
//!     tokio::runtime::Runtime::new()?.block_on(run())
//! }
//!
//! async fn run() -> Result<(), Box<dyn std::error::Error>> {
//!     let data = tempfile::tempdir()?;
//!     let node = Node::builder("n1")
//!         .key(ClusterKey::generate()?)
//!         .listen("127.0.0.1:0".parse()?)
//!         .data_dir(data.path())
//!         .processes()
//!         .start()
//!         .await?;
//!     node.ready().await;
//!
//!     let horde = node.horde("default")?;
//!     let sleeper = ProcessSpec::new(["sleep", "600"]).child_spec();
//!     horde.start_child("sleeper", sleeper).await?;
//!
//!     let child = horde.lookup("sleeper").ok_or("it was started")?;
//!     assert_eq!(child.state, ChildState::Running);
//!     assert!(child.os_pid.is_some());
//!
//!     node.leave().await; // Stops what runs here; with other nodes it would go on there.
//!     Ok(())
//! }
//! ```
//!
//! # What is promised
//!
//! In a connected component whose members agree on who is there, each child runs on exactly one node. While
//! the network is split each side that can runs its own copy; once it is whole again every node picks the
//! same survivor and the other copies end. Every start of a child has a [`Token`] that is higher than any its
//! starter could know of, for a store to refuse what an old copy writes. A call that ran out of time says so
//! ([`CallError::Unknown`]); it never guesses.

#![forbid(unsafe_code)]

pub mod cluster_key;
mod events;
mod horde;
pub mod keeper;
mod kind;
mod node;
mod process;
mod published;
mod recording;
mod shell;
mod transport;

pub use events::{EventRecord, Events};
pub use horde::{Acknowledged, Counts, Horde, Started};
pub use kind::{Running, StartRequest, Starting, WorkerKind};
pub use node::{
    Changes, DEFAULT_CLUSTER, Exited, InvalidJoin, MembersSet, Node, NodeBuilder, StartError, UnknownHorde,
};
pub use process::{ChildLog, DroppedOutput, InvalidProcessSpec, LogError, LogFollower, ProcessSpec};

pub use ordu_core::{
    CallError, ChildId, ChildInfo, ChildSpec, ChildState, ChildType, ClusterName, Constraint, Event,
    ExitReason, HordeName, Intensity, InvalidConfig, InvalidName, InvalidTiming, Kind, Life, MemberInfo,
    MemberState, NodeId, NodeName, Restart, Shutdown, StartId, Stopped, Timing, TimingField, Token,
    check_label, is_printable, printable,
};
