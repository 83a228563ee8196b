use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ordu_core::Timing;

use super::{Node, StartError, start};
use crate::cluster_key::ClusterKey;
use crate::kind::WorkerKind;
use crate::process::LogLimits;

/// The name of a cluster that was given none.
pub const DEFAULT_CLUSTER: &str = "default";

/// Describes a node; [`start`](Self::start) makes it run.
///
/// Only the cluster key must be given. Names and addresses are checked by `start`, all at its beginning:
/// a node that cannot run as described does not run at all.
#[derive(Debug)]
#[must_use = "a builder does nothing until it is started"]
pub struct NodeBuilder {
    pub(super) name: String,
    pub(super) cluster: String,
    pub(super) key: Option<Key>,
    pub(super) listen: SocketAddr,
    pub(super) advertise: Option<SocketAddr>,
    pub(super) joins: Vec<String>,
    pub(super) data_dir: Option<PathBuf>,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) capacity: Option<u32>,
    pub(super) timing: Timing,
    pub(super) hordes: Vec<String>,
    pub(super) processes: bool,
    pub(super) without_control_groups: bool,
    pub(super) kinds: Vec<Arc<dyn WorkerKind>>,
    pub(super) record: Option<PathBuf>,
    pub(super) log_limits: LogLimits,
}

/// Where the cluster key comes from.
#[derive(Debug)]
pub(super) enum Key {
    Given(ClusterKey),
    File(PathBuf),
}

impl NodeBuilder {
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            cluster: DEFAULT_CLUSTER.to_owned(),
            key: None,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            advertise: None,
            joins: Vec::new(),
            data_dir: None,
            labels: BTreeMap::new(),
            capacity: None,
            timing: Timing::default(),
            hordes: Vec::new(),
            processes: false,
            without_control_groups: false,
            kinds: Vec::new(),
            record: None,
            log_limits: LogLimits::default(),
        }
    }

    /// The name of the cluster; [`DEFAULT_CLUSTER`] if not given. Nodes of one key and different cluster names do not
    /// speak to each other.
    pub fn cluster(mut self, name: impl Into<String>) -> Self {
        self.cluster = name.into();
        self
    }

    /// The key of the cluster. Whoever holds it can join.
    pub fn key(mut self, key: ClusterKey) -> Self {
        self.key = Some(Key::Given(key));
        self
    }

    /// The file that holds the key of the cluster; it is read by `start` and refused if others can read it.
    pub fn key_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.key = Some(Key::File(path.into()));
        self
    }

    /// Where to listen: UDP for QUIC and TCP for lifelines, on the same port number. `127.0.0.1:0` if not
    /// given; port 0 picks a free one.
    pub fn listen(mut self, addr: SocketAddr) -> Self {
        self.listen = addr;
        self
    }

    /// The address that peers dial. If not given: the address it listens on, if that is a concrete one, else
    /// the local address of the way to the first join that can be resolved. Port 0 stands for the port it
    /// listens on.
    pub fn advertise(mut self, addr: SocketAddr) -> Self {
        self.advertise = Some(addr);
        self
    }

    /// Joins the cluster at this address, `host:port`; may be called several times, one that answers is
    /// enough. A host name is looked up anew every few seconds. The node's own address may be among them.
    /// Without any the node may be the first of its cluster and is ready at once.
    pub fn join(mut self, address: impl Into<String>) -> Self {
        self.joins.push(address.into());
        self
    }

    /// Where the node keeps what must be kept. It is created for its owner alone and locked while the node
    /// runs; one that is there already must be the user's own and not writable by others.
    pub fn data_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.data_dir = Some(path.into());
        self
    }

    /// A label that constraints of children are matched against: a name of 1 to 63 ASCII letters, digits, `-`, `_`,
    /// `.` and `/`, and a value of at most 255 bytes without control and invisible characters. All that the node says
    /// of itself, labels, kinds and hordes, may take 16 KiB.
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(name.into(), value.into());
        self
    }

    /// How many children it runs at the most; no limit if not given.
    pub fn capacity(mut self, children: u32) -> Self {
        self.capacity = Some(children);
        self
    }

    /// The times that govern its decisions; all nodes of a cluster should have the same. What is out of its range
    /// ([`Timing::FIELDS`]) is refused by `start`.
    pub fn timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }

    /// Takes part in this horde; may be called several times. `default` if never called.
    pub fn horde(mut self, name: impl Into<String>) -> Self {
        self.hordes.push(name.into());
        self
    }

    /// Runs children of the kind `process`: programs of the operating system. Needs
    /// [`keeper::init`](crate::keeper::init) first in `main`, and a [`data_dir`](Self::data_dir), where their
    /// output goes.
    pub fn processes(mut self) -> Self {
        self.processes = true;
        self
    }

    /// Starts no process in a control group of its own. Where cgroup v2 can be had each has one otherwise, below that of
    /// this program, and is killed by it: that reaches also a descendant that has left the session, the family and the
    /// environment it was started with. Without, such a one (`env -i setsid …`) lives until the node ends.
    pub fn without_control_groups(mut self) -> Self {
        self.without_control_groups = true;
        self
    }

    /// Runs children of this kind; may be called several times.
    pub fn kind(mut self, kind: impl WorkerKind) -> Self {
        self.kinds.push(Arc::new(kind));
        self
    }

    /// How long the output of a child is kept once the child was deleted or has finished; one hour if not given,
    /// [`Duration::MAX`] for ever. It counts from when this node has seen it, and begins anew when the node does.
    pub fn log_retention(mut self, time: Duration) -> Self {
        self.log_limits.retention = time;
        self
    }

    /// How many bytes the output of all children may take on the disk; 1 GiB if not given.
    ///
    /// What is over goes first: the output of children that were deleted or have finished, the oldest before; then
    /// that of children which do not run here; then the older files of those that do. The file that a running
    /// child writes to stays, so with many children it can be more by 10 MB for each.
    pub fn log_max_total(mut self, bytes: u64) -> Self {
        self.log_limits.total = bytes;
        self
    }

    /// Records all that goes into the node, so that the simulator can do it again bit for bit: the way to hand in
    /// a bug (`docs/operating.md`).
    ///
    /// `path` is a new file, or a directory, in which each start makes a file of its own, `NAME-ID.rec`. A file
    /// that is there already is refused by `start` ([`StartError::RecordingExists`]). The file is its owner's
    /// alone (mode 0600): **it holds the arguments and environments of children and every message of the other
    /// nodes**, though not the cluster's key.
    ///
    /// It grows for as long as the node runs, by some 50 bytes and the input itself for each input: 1 kB/s in a
    /// quiet cluster of three, 350 to 600 bytes for each child that is started anywhere. The node
    /// never waits for the disk: a thread writes at the latest 100 ms after the event, which is what a killed
    /// process loses. If that thread falls 64 MiB behind, or the disk fails, an error is logged and the recording
    /// ends there; the node goes on.
    pub fn record(mut self, path: impl Into<PathBuf>) -> Self {
        self.record = Some(path.into());
        self
    }

    /// Starts the node and returns once it listens. That it is [`ready`](Node::ready), and whom it joined,
    /// comes after; a node whose joins do not answer keeps trying.
    ///
    /// On an error nothing is left behind: no port, no process, no lock.
    pub async fn start(self) -> Result<Node, StartError> {
        start::start(self).await
    }
}
