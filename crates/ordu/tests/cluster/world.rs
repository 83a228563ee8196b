//! What the tests have in common: a key, directories, nodes, and the operating system's list of processes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ordu::cluster_key::ClusterKey;
use ordu::{ChildSpec, ChildState, Horde, MemberState, Node, NodeBuilder, ProcessSpec, Restart};
use rustix::process::{Resource, getrlimit, setrlimit};
use tempfile::TempDir;

/// How long what must happen may take; on a slow machine under load it still does not flake.
const PATIENCE: Duration = Duration::from_secs(30);

/// The variable that tells the processes of one test from all others.
const MARK: &str = "ORDU_TEST_MARK";

pub(crate) struct World {
    pub(crate) dir: TempDir,
    pub(crate) key: ClusterKey,
    mark: String,
}

/// A process of a test, as the operating system tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OsProcess {
    pub(crate) pid: u32,
    pub(crate) env: BTreeMap<String, String>,
}

impl OsProcess {
    /// Of the child it is.
    pub(crate) fn id(&self) -> &str {
        &self.env["ORDU_ID"]
    }
}

impl World {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let mark = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Self {
            dir: tempfile::tempdir().unwrap(),
            key: ClusterKey::generate().unwrap(),
            mark,
        }
    }

    /// A node that runs processes and joins `others`.
    pub(crate) fn builder(&self, name: &str, others: &[&Node]) -> NodeBuilder {
        let builder = Node::builder(name)
            .key(self.key.clone())
            .listen("127.0.0.1:0".parse().unwrap())
            .data_dir(self.data_dir(name))
            .processes();
        others
            .iter()
            .fold(builder, |builder, other| builder.join(other.addr().to_string()))
    }

    pub(crate) fn data_dir(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Starts a node and waits until it is ready.
    pub(crate) async fn node(&self, name: &str, others: &[&Node]) -> Node {
        let node = self.builder(name, others).start().await.unwrap();
        node.ready().await;
        node
    }

    /// Three nodes that all see each other alive.
    pub(crate) async fn three(&self) -> [Node; 3] {
        let n1 = self.node("n1", &[]).await;
        let n2 = self.node("n2", &[&n1]).await;
        let n3 = self.node("n3", &[&n1]).await;
        for node in [&n1, &n2, &n3] {
            until("three members are alive", node, || alive(node) == 3).await;
        }
        [n1, n2, n3]
    }

    /// A child that only waits.
    pub(crate) fn sleeper(&self) -> ChildSpec {
        self.process(["sleep", "600"])
    }

    pub(crate) fn shell(&self, script: &str) -> ChildSpec {
        self.process(["sh", "-c", script])
    }

    pub(crate) fn process<const N: usize>(&self, command: [&str; N]) -> ChildSpec {
        ProcessSpec::new(command).env(MARK, &self.mark).child_spec()
    }

    /// The processes of this test that run now and are children: leaders of their group.
    pub(crate) fn processes(&self) -> Vec<OsProcess> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else {
                continue;
            };
            // Gone in the meantime, or a zombie, whose environment is empty.
            let Ok(environ) = std::fs::read(entry.path().join("environ")) else {
                continue;
            };
            let env: BTreeMap<String, String> = String::from_utf8_lossy(&environ)
                .split('\0')
                .filter_map(|entry| entry.split_once('='))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect();
            if env.get(MARK) == Some(&self.mark) {
                found.push(OsProcess { pid, env });
            }
        }
        found
    }

    /// Waits until there is one process for each of these children, and no other. Just after a start the list of
    /// the system may not show it yet.
    pub(crate) async fn until_ids(&self, ids: &[&str]) {
        self.until_processes(&format!("exactly {ids:?} run"), |processes| {
            let mut running: Vec<&str> = processes.iter().map(OsProcess::id).collect();
            running.sort_unstable();
            running == ids
        })
        .await;
    }

    /// Waits for something that only the operating system can tell.
    pub(crate) async fn until_processes(&self, what: &str, mut condition: impl FnMut(&[OsProcess]) -> bool) {
        let waited = tokio::time::timeout(PATIENCE, async {
            while !condition(&self.processes()) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        assert!(
            waited.await.is_ok(),
            "never came true: {what}; there are {:#?}",
            self.processes()
        );
    }
}

/// The limit of open files that the tests start with, if the system's is not lower still.
pub(crate) const OPEN_FILES: u64 = 1_000;

/// Makes sure that there is something to raise.
pub(crate) fn lower_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit
        .current
        .map_or(Some(OPEN_FILES), |current| Some(current.min(OPEN_FILES)));
    setrlimit(Resource::Nofile, limit).unwrap();
}

pub(crate) fn horde(node: &Node) -> Horde {
    node.horde("default").unwrap()
}

pub(crate) fn temporary(spec: ChildSpec) -> ChildSpec {
    ChildSpec {
        restart: Restart::Temporary,
        ..spec
    }
}

pub(crate) fn alive(node: &Node) -> usize {
    node.members()
        .iter()
        .filter(|member| member.state == MemberState::Alive)
        .count()
}

/// How many children `node` believes to run, and on living nodes.
pub(crate) fn running(node: &Node) -> usize {
    horde(node)
        .children()
        .iter()
        .filter(|child| child.state == ChildState::Running)
        .count()
}

/// Waits until what `node` knows fulfils the condition.
pub(crate) async fn until(what: &str, node: &Node, mut condition: impl FnMut() -> bool) {
    let mut changes = node.changes();
    let waited = tokio::time::timeout(PATIENCE, async {
        while !condition() {
            assert!(
                changes.next().await,
                "node {} ended while waiting until {what}",
                node.name()
            );
        }
    });
    assert!(
        waited.await.is_ok(),
        "never came true on {}: {what}\nmembers: {:#?}\nchildren: {:#?}",
        node.name(),
        node.members(),
        horde(node)
            .children()
            .iter()
            .map(|child| (&child.id, child.state, &child.node, child.token, &child.reason))
            .map(|child| format!("{child:?}"))
            .collect::<Vec<_>>(),
    );
}
