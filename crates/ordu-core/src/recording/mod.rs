//! Recordings: all that went into a node, in a file, so that it can be fed to a node again.
//!
//! A node does nothing but answer its inputs, so one that is made from the same [`Config`](crate::Config), id and
//! seed and is fed the same inputs at the same readings of the clocks goes through the same states. A recording
//! holds just that, and after each input a digest of what the node put out in answer, by which a replay finds
//! the first input whose answer differs.
//!
//! ```text
//! "ordu-rec"  format: u16                           10 bytes
//! frame       the version of ordu, a string
//! frame       Header
//! frame       Entry::Input, then Entry::Outputs     for each input
//! frame       Entry::End                            if the node ended in peace
//! ```
//!
//! A frame is its length (u32), the low half of the digest of its payload (u32) and the payload, in postcard's
//! encoding; all numbers outside payloads are little-endian. An input is written before the node sees it, so the
//! one that ends a node with a panic is in the file. A frame that is not complete is where the writer was killed:
//! what comes before it is a recording.
//!
//! **A recording holds what the node was told**: the arguments and the environments of children, addresses, and
//! every message of its peers. It does not hold the cluster's key.
//!
//! This module turns entries into bytes and bytes into entries; files are the shell's.
//!
//! ```
//! use ordu_core::recording::{Entry, Header, Recording, Writer};
//! use ordu_core::{Config, Input, Node, NodeId, NodeName, Now, Timing};
//!
//! let config = Config {
//!     name: NodeName::new("a")?,
//!     addr: ([10, 0, 0, 1], 7600).into(),
//!     labels: Default::default(),
//!     capacity: None,
//!     kinds: vec![],
//!     hordes: vec![],
//!     seeds: vec![],
//!     timing: Timing::default(),
//!     limits: Default::default(),
//! };
//! let header = Header { config, id: NodeId(1), seed: 7 };
//! let mut writer = Writer::begin(&header);
//! let mut node = Node::new(header.config.clone(), header.id, header.seed);
//!
//! let (now, input) = (Now::default(), Input::Timer);
//! writer.input(now, &input);
//! node.handle(now, input);
//! while let Some(output) = node.poll_output() {
//!     writer.output(&output);
//! }
//! writer.answered();
//! writer.end(&node);
//!
//! let mut bytes = Vec::new();
//! writer.drain_into(&mut bytes);
//! let mut recording = Recording::open(&bytes)?;
//! assert_eq!(*recording.header(), header);
//! assert!(matches!(recording.next(), Some(Ok(Entry::Input { .. }))));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub(crate) mod address;
mod described;
mod digest;
mod entry;
mod error;
mod frame;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use described::Described;
pub use digest::{OutputsDigest, state_digest};
pub use entry::{Entry, Header};
pub use error::{OpenError, ReadError};
pub use reader::Recording;
pub use writer::Writer;

/// The version of ordu that writes these recordings. Another one may answer the same inputs otherwise.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The version of the format; no other is read.
pub const FORMAT: u16 = 1;

const MAGIC: [u8; 8] = *b"ordu-rec";
