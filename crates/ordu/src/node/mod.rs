//! One member of a cluster.

mod advertise;
mod builder;
mod changes;
mod complaints;
mod data_dir;
mod discovery;
mod exited;
mod invalid_join;
mod start;
mod start_error;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ordu_core::{Answer, CallError, ClusterName, HordeName, MemberInfo, NodeId, NodeName};
use tokio::sync::watch;

use crate::cluster_key::{ClusterKey, CredentialsError, Fingerprint};
use crate::events::{EventSource, Events};
use crate::horde::Horde;
use crate::process::Outage;
use crate::published::Published;
use crate::shell::{Call, Caller};

pub use builder::{DEFAULT_CLUSTER, NodeBuilder};
pub use changes::Changes;
pub(crate) use discovery::Discovery;
pub use exited::Exited;
pub use invalid_join::InvalidJoin;
pub use start_error::StartError;

/// One running member of a cluster.
///
/// It is made by [`Node::builder`] and runs on the tokio runtime it was started on until it has left
/// ([`leave`](Self::leave)), until the cluster has no place for it ([`exited`](Self::exited) says why), or until
/// the last handle to it is dropped: `Node`s and [`Horde`]s are such handles, and cloning one is cheap.
/// Whatever ends it, nothing that it runs outlives it.
///
/// **Dropping the last handle is not leaving**: it ends the node at once, as a crash would, and its children
/// are killed and started elsewhere once it is missed. Call [`leave`](Self::leave) to go in peace.
#[derive(Clone, Debug)]
pub struct Node {
    about: Arc<About>,
    caller: Caller,
}

/// What does not change while a node runs, and what is read without asking it.
#[derive(Debug)]
struct About {
    id: NodeId,
    name: NodeName,
    cluster: ClusterName,
    /// That of the key it signs with by now.
    fingerprint: Mutex<Fingerprint>,
    addr: SocketAddr,
    data_dir: Option<PathBuf>,
    hordes: Vec<HordeName>,
    published: Arc<Published>,
    events: EventSource,
    outage: Outage,
    exited: watch::Receiver<Option<Exited>>,
}

/// A node does not take part in a horde of this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("node {node} takes part in no horde {name:?}; it was started with {hordes:?}")]
pub struct UnknownHorde {
    /// The node.
    pub node: NodeName,
    /// What was asked for.
    pub name: String,
    /// The hordes it takes part in.
    pub hordes: Vec<HordeName>,
}

impl Node {
    /// Begins to describe a node. `name` is its stable name, unique in the cluster.
    pub fn builder(name: impl Into<String>) -> NodeBuilder {
        NodeBuilder::new(name.into())
    }

    /// Its identity, new at every boot.
    pub fn id(&self) -> NodeId {
        self.about.id
    }

    /// Its stable name.
    pub fn name(&self) -> &NodeName {
        &self.about.name
    }

    /// The name of its cluster.
    pub fn cluster(&self) -> &ClusterName {
        &self.about.cluster
    }

    /// What a cluster of its key and cluster name is called in messages.
    pub fn fingerprint(&self) -> Fingerprint {
        *self
            .about
            .fingerprint
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes by this key of the cluster from now on: connections to come show a certificate of its first secret and
    /// accept those of all its secrets. Those that stand stay, whatever they were made with, until they break: to
    /// lock somebody out, restart the nodes.
    ///
    /// So a key is changed without an outage: first every node is given the new secret behind the old one, then in
    /// front of it, then alone. On an error nothing changes. A node that has ended is given nothing.
    pub fn renew_key(&self, key: &ClusterKey) -> Result<Fingerprint, CredentialsError> {
        let credentials = key.credentials(self.about.cluster.as_str(), self.about.id.0)?;
        let fingerprint = credentials.fingerprint();
        self.caller.tell(Call::Renew(credentials));
        *self
            .about
            .fingerprint
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = fingerprint;
        Ok(fingerprint)
    }

    /// The address its peers dial.
    pub fn addr(&self) -> SocketAddr {
        self.about.addr
    }

    /// How many bytes of the output of children here were dropped since the node started, as of now, because the disk did
    /// not take them.
    pub fn dropped_output_bytes(&self) -> u64 {
        self.caller.dropped_bytes()
    }

    /// Where it keeps what must be kept.
    pub fn data_dir(&self) -> Option<&Path> {
        self.about.data_dir.as_deref()
    }

    /// The hordes it takes part in.
    pub fn hordes(&self) -> &[HordeName] {
        &self.about.hordes
    }

    /// A handle to one of the hordes it takes part in.
    pub fn horde(&self, name: impl AsRef<str>) -> Result<Horde, UnknownHorde> {
        let name = name.as_ref();
        match self.about.hordes.iter().find(|horde| horde.as_str() == name) {
            Some(horde) => {
                let children = self.about.published.children(horde);
                Ok(Horde::new(horde.clone(), children, self.caller.clone()))
            }
            None => Err(UnknownHorde {
                node: self.about.name.clone(),
                name: name.to_owned(),
                hordes: self.about.hordes.clone(),
            }),
        }
    }

    /// The members of the cluster as this node sees them, itself included, in the order of their names.
    pub fn members(&self) -> Vec<Arc<MemberInfo>> {
        self.about.published.members().all()
    }

    /// Also tries to join at these addresses (`host:port`), from now on and for as long as it runs. Names are
    /// looked up anew every few seconds. Returns at once; watch [`members`](Self::members). If one of them is
    /// not an address none is tried.
    pub fn join(&self, addresses: impl IntoIterator<Item = impl Into<String>>) -> Result<(), InvalidJoin> {
        let addresses: Vec<String> = addresses.into_iter().map(Into::into).collect();
        discovery::check(&addresses)?;
        // A node that has ended joins nobody: `exited` says so.
        self.caller.tell(Call::Join(addresses));
        Ok(())
    }

    /// Whether the node takes children and decides: not before it has joined its cluster, and not any more once
    /// it leaves or has ended.
    pub fn is_ready(&self) -> bool {
        self.about.published.is_ready()
    }

    /// Why this node can start no processes at present, if so: it has lost its keeper, and another cannot be started. That is
    /// tried twice a second; children of it that are processes wait as long, and new ones, too.
    pub fn keeper_missing(&self) -> Option<String> {
        self.about.outage.reason()
    }

    /// Waits until the node takes children and decides, or has ended.
    pub async fn ready(&self) {
        let mut changes = self.changes();
        while !self.is_ready() && changes.next().await {}
    }

    /// Wakes whenever what this node knows of children or members has changed.
    pub fn changes(&self) -> Changes {
        Changes::new(self.about.published.changes(), self.about.exited.clone())
    }

    /// What happens on this node and what it learns, from now on.
    pub fn events(&self) -> Events {
        self.about.events.subscribe()
    }

    /// Takes every node of this name out of the cluster for good: one that lives is made to leave first, as by
    /// [`leave`](Self::leave) there; one that is down has ended from then on, whatever becomes of its machine: its children
    /// are nobody's but the others', and if it does come back it hands over what only it has, and ends. A node that is booted
    /// anew under the name is another, and welcome.
    ///
    /// Nothing else ends a node that is merely not heard of: do this when a machine is gone for good. Returns the names of
    /// the nodes that hold it by now: two, where there are as many; none, if the member left by itself. It may be asked
    /// again, of any node but the one that is meant.
    ///
    /// # Errors
    ///
    /// [`CallError::NoSuchMember`] and [`CallError::Invalid`]: nothing was done. [`CallError::Unknown`] when the time was up
    /// before it was known to be done; the member may have been told to leave.
    pub async fn remove_member(
        &self,
        name: impl AsRef<str>,
        timeout: Duration,
    ) -> Result<Vec<NodeName>, CallError> {
        let name = NodeName::new(name).map_err(|error| CallError::Invalid(error.to_string()))?;
        match self.caller.remove_member(name, timeout).await? {
            Answer::Removed { held_by } => Ok(held_by),
            other => Err(CallError::Unknown {
                detail: format!("the node answered something else: {other:?}"),
            }),
        }
    }

    /// Leaves the cluster: stops its children, which go on elsewhere, tells the others, and ends. Returns when
    /// that is done. Dropping the future does not call it off.
    pub async fn leave(&self) -> Exited {
        self.caller.tell(Call::Leave);
        self.exited().await
    }

    /// Waits until the node has ended and says why.
    pub async fn exited(&self) -> Exited {
        let mut exited = self.about.exited.clone();
        let gone = || Exited::Failed("the runtime that the node ran on was shut down".to_owned());
        match exited.wait_for(Option::is_some).await {
            Ok(exited) => exited.clone().unwrap_or_else(gone),
            Err(_) => gone(),
        }
    }
}
