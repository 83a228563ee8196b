//! The one secret of a cluster, and what is made of it: whoever lacks it cannot speak to a node at all.
//!
//! ```text
//! cluster.key ── HKDF(key, cluster name) ──► Ed25519 certificate authority, named by its fingerprint
//!                                              │ signs, at every boot
//!                                              ▼
//!                              certificate of this node: node.ordu, <NodeId>.id.ordu
//! ```
//!
//! Every node derives the same authority, so none has to hold its certificate on disk, and a node proves by
//! mutual TLS 1.3 that it has the key without ever sending it. A file may hold several keys: the first signs,
//! all verify, so a key is changed without an outage by adding the new one behind the old on every node,
//! then swapping them on every node, then removing the old one. There is no revocation of single nodes:
//! whoever should lose access is locked out by changing the key.

mod authority;
mod credentials;
mod error;
mod file;
mod fingerprint;
mod key;
mod node_name;
mod other_cluster;
mod secret;
mod text;
mod verifier;

pub use credentials::Credentials;
pub use error::{CredentialsError, KeyFileError, KeyTextError};
pub use fingerprint::Fingerprint;
pub use key::ClusterKey;

pub(crate) use node_name::{SERVER_NAME, node_id};
pub(crate) use other_cluster::OtherCluster;

#[cfg(test)]
mod tests;
