//! An add-wins last-write-wins δ-CRDT map and the protocol that keeps its replicas equal.
//!
//! Every replica holds the whole map and writes to it without asking anybody. Replicas exchange operations as they
//! happen and repair what was lost by anti-entropy; all that have seen the same operations hold the same state.
//!
//! The crate is a state machine: it opens no socket, reads no clock and draws no random number. It is `no_std` with
//! `alloc`.
//!
//! ```
//! use ordu_crdt::{Replica, ReplicaId, SyncConfig};
//!
//! let (a, b) = (ReplicaId::at_boot(1_000, 1), ReplicaId::at_boot(1_000, 2));
//! let mut one = Replica::<String, String>::new(a, SyncConfig::default());
//! let mut two = Replica::<String, String>::new(b, SyncConfig::default());
//! one.add_peer(b);
//! two.add_peer(a);
//! one.sync_with(b);
//!
//! one.write(1_001, |unit| unit.put("lobby".into(), "open".into())).1?;
//!
//! // Whatever carries the messages, lossy or not:
//! loop {
//!     let mut quiet = true;
//!     while let Some((_, message)) = one.poll_message() {
//!         two.handle(a, message)?;
//!         quiet = false;
//!     }
//!     while let Some((_, message)) = two.poll_message() {
//!         one.handle(b, message)?;
//!         quiet = false;
//!     }
//!     if quiet {
//!         break;
//!     }
//! }
//! assert_eq!(two.map().get("lobby").map(String::as_str), Some("open"));
//! assert_eq!(one.vector(), two.vector());
//! assert_eq!(one.acknowledged(b), Some(one.vector()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `docs/crdt.md` in the repository states the protocol as messages, invariants and bounds.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod adopt;
mod arrived;
mod batch;
mod change;
mod config;
mod digest;
mod encoded_len;
mod error;
mod hlc;
mod id;
mod map;
mod members;
mod message;
mod planted;
mod replica;
mod room;
mod sync;
#[cfg(test)]
mod tests;
mod vector;

#[cfg(feature = "planted-bugs")]
pub use self::planted::Bug;
pub use self::{
    arrived::Arrived,
    batch::Batch,
    change::{Change, ChangeKind},
    config::SyncConfig,
    encoded_len::EncodedLen,
    error::{SyncError, TooLarge},
    hlc::{Hlc, Stamp},
    id::{Dot, ReplicaId},
    map::{AwLwwMap, Sibling, SiblingRef, Siblings},
    message::{Chunk, Message, Run, Scope, WireOp},
    replica::{Replica, Written},
    vector::VersionVector,
};
