//! One member of a cluster.

mod advertise;
mod builder;
mod changes;
mod complaints;
mod data_dir;
mod discovery;
mod exited;
mod invalid_join;
mod members_set;
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
pub(crate) use exited::joined;
pub use invalid_join::InvalidJoin;
pub use members_set::MembersSet;
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

    /// Says who may be a member of the cluster: from now on a node whose name is not on the list is refused, by every node, and
    /// ends with [`Exited::NotListed`]; one that lives and is not on it any more is made to leave, as by
    /// [`leave`](Self::leave) there: its children go on elsewhere. It may be asked of any node that is on the list itself.
    ///
    /// The list that was set last counts everywhere, also where two were set on the two sides of a split; nobody leaves
    /// because of one that has lost. While nobody who is on the list is there and ready, nobody leaves. Who is down is not
    /// removed by a list: it leaves when it is back, unless [`remove_member`](Self::remove_member) says that it has
    /// ended. A list is kept as the children are, by all members: it is there as long as one of them is.
    ///
    /// Returns once two nodes hold the list, where there are as many, and everybody who is not on it has left. It may be asked
    /// again; the same list once more changes nothing. Horde's `set_members` is the same, but that there whoever is
    /// dropped runs on, unlisted.
    ///
    /// # Errors
    ///
    /// [`CallError::Invalid`]: a name is not valid, or on the list twice, there is none, there are more than 250, or this node
    /// is not on it; nothing was done. [`CallError::NotReady`]: it has not joined its cluster in time; nothing was done.
    /// [`CallError::Unknown`] when the time was up before it was known to be done: the list may be set.
    ///
    /// # Example
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// #     tokio::runtime::Runtime::new()?.block_on(run())
    /// # }
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    /// use ordu::{Exited, Node, cluster_key::ClusterKey};
    ///
    /// let key = ClusterKey::generate()?;
    /// let n1 = Node::builder("n1").key(key.clone()).start().await?;
    /// n1.ready().await;
    /// n1.set_members(["n1", "n2"], Duration::from_secs(5)).await?;
    ///
    /// let joins = n1.addr().to_string();
    /// let n3 = Node::builder("n3").key(key).join(&joins).start().await?;
    /// assert!(matches!(n3.exited().await, Exited::NotListed { .. }));
    ///
    /// n1.clear_members(Duration::from_secs(5)).await?; // Everybody may join again.
    /// assert_eq!(n1.member_list(), None);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn set_members(
        &self,
        names: impl IntoIterator<Item = impl AsRef<str>>,
        timeout: Duration,
    ) -> Result<MembersSet, CallError> {
        let names = names.into_iter().map(NodeName::new).collect::<Result<_, _>>();
        let names = names.map_err(|error| CallError::Invalid(error.to_string()))?;
        self.say_who_may_be_a_member(Some(names), timeout).await
    }

    /// Takes back what [`set_members`](Self::set_members) said: everybody with the key of the cluster may be a member again.
    ///
    /// # Errors
    ///
    /// [`CallError::NotReady`] and [`CallError::Unknown`], as there.
    pub async fn clear_members(&self, timeout: Duration) -> Result<MembersSet, CallError> {
        self.say_who_may_be_a_member(None, timeout).await
    }

    async fn say_who_may_be_a_member(
        &self,
        names: Option<Vec<NodeName>>,
        timeout: Duration,
    ) -> Result<MembersSet, CallError> {
        match self.caller.set_members(names, timeout).await? {
            Answer::MembersSet { held_by, left, down } => Ok(MembersSet { held_by, left, down }),
            other => Err(CallError::Unknown {
                detail: format!("the node answered something else: {other:?}"),
            }),
        }
    }

    /// The names that [`set_members`](Self::set_members) put on the list, as this node knows it, in their order; `None`:
    /// everybody may be a member.
    pub fn member_list(&self) -> Option<Arc<[NodeName]>> {
        self.about.published.member_list()
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
