use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::node::{Node, READY};
use super::ordu::{Said, ordu};
use super::processes::Copies;
use super::waiting::eventually;

/// The port of every node; the addresses differ.
const PORT: u16 = 7600;

/// Agents started by hand, and all they run. Dropping it ends everything.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Node>,
    pub(crate) folder: tempfile::TempDir,
    mark: String,
}

impl Cluster {
    /// A folder with a key and no node.
    pub(crate) fn empty() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("ordu-test-")
            .permissions(PermissionsExt::from_mode(0o700))
            .tempdir()
            .unwrap();
        ordu(["keygen", folder.path().join("cluster.key").to_str().unwrap()]).ok();
        Self {
            nodes: Vec::new(),
            folder,
            mark: unique_mark(),
        }
    }

    /// What its children have as `TEST_MARK` in their environment, by which they are counted.
    pub(crate) fn mark(&self) -> &str {
        &self.mark
    }

    /// Nodes `n1`, `n2`, … that have joined and are ready.
    pub(crate) fn of(nodes: usize) -> Self {
        let mut cluster = Self::empty();
        for _ in 0..nodes {
            cluster.add_node();
        }
        cluster.start_all();
        cluster
    }

    /// The same with children `c0`, `c1`, … started through all nodes in turn, each running once.
    pub(crate) fn with_children(nodes: usize, children: usize) -> (Self, Vec<String>) {
        let cluster = Self::of(nodes);
        let ids: Vec<String> = (0..children).map(|number| format!("c{number}")).collect();
        for (id, node) in ids.iter().zip(cluster.nodes.iter().cycle()) {
            cluster.start_child(node, id).ok();
        }
        cluster.await_one_each(&ids, Duration::from_secs(5));
        (cluster, ids)
    }

    /// Adds a node that is not started yet; it joins through the first two.
    pub(crate) fn add_node(&mut self) -> &mut Node {
        let name = format!("n{}", self.nodes.len() + 1);
        let addr = fresh_address();
        let joins = self.nodes.iter().take(2).map(|node| node.addr).collect();
        let node = Node {
            socket: self.folder.path().join(format!("{name}.sock")),
            folder: self.folder.path().join(&name),
            key: self.folder.path().join("cluster.key"),
            name,
            addr,
            joins,
            wrapper: Vec::new(),
            extra: Vec::new(),
            process: None,
        };
        self.nodes.push(node);
        self.nodes.last_mut().unwrap()
    }

    /// Starts every node and waits until each sees all alive.
    pub(crate) fn start_all(&mut self) {
        for node in &mut self.nodes {
            node.start();
            node.await_ready();
        }
        self.await_members(READY);
    }

    /// Waits until every running node sees exactly the running nodes alive.
    #[track_caller]
    pub(crate) fn await_members(&self, limit: Duration) -> Duration {
        let running: Vec<&Node> = self.nodes.iter().filter(|node| node.is_started()).collect();
        let names: Vec<&str> = running.iter().map(|node| node.name.as_str()).collect();
        let look = || {
            for node in &running {
                let alive = node.alive_members()?;
                if alive != names {
                    return Err(format!("{} sees {alive:?} alive", node.name));
                }
            }
            Ok(())
        };
        eventually(limit, "every node sees the others alive", look).1
    }

    /// Starts a child that does nothing and can be counted.
    pub(crate) fn start_child(&self, through: &Node, id: &str) -> Said {
        let mark = format!("TEST_MARK={}", self.mark);
        through.ordu(["start", id, "--json", "--env", &mark, "--", "sleep", "86400"])
    }

    /// What runs of this cluster's children, by the operating system.
    pub(crate) fn copies(&self) -> Copies {
        Copies::of(&self.mark)
    }

    /// Waits until exactly these children run, each once, and says how long it took.
    #[track_caller]
    pub(crate) fn await_one_each(&self, ids: &[String], limit: Duration) -> Duration {
        eventually(limit, "each child runs exactly once", || {
            self.copies().one_each(ids)
        })
        .1
    }

    /// What runs is what every running node says runs: ids, nodes, process ids, epochs.
    pub(crate) fn ps_agrees(&self, ids: &[String]) -> Result<(), String> {
        let real = self.copies().one_each(ids)?;
        for node in self.nodes.iter().filter(|node| node.is_started()) {
            let listed = node.children()?;
            if listed.len() != real.len() {
                return Err(format!(
                    "{} lists {} children, {} run",
                    node.name,
                    listed.len(),
                    real.len()
                ));
            }
            for child in &listed {
                let id = child["id"].as_str().unwrap_or_default();
                let copy = real.get(id).ok_or_else(|| format!("{} lists {id}", node.name))?;
                let said = (&child["node"], &child["os_pid"], &child["epoch"], &child["state"]);
                let found = (
                    &copy.node.as_str().into(),
                    &copy.pid.into(),
                    &copy.epoch.into(),
                    &"running".into(),
                );
                if said != found {
                    return Err(format!("{} says {child}, and there is {copy:?}", node.name));
                }
            }
        }
        Ok(())
    }

    /// Waits until it is so.
    #[track_caller]
    pub(crate) fn await_ps_agrees(&self, ids: &[String], limit: Duration) {
        eventually(limit, "every node lists what runs", || self.ps_agrees(ids));
    }
}

/// A mark that nobody else has.
pub(crate) fn unique_mark() -> String {
    static MARKS: AtomicU32 = AtomicU32::new(0);
    format!("{}-{}", std::process::id(), MARKS.fetch_add(1, Ordering::Relaxed))
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            node.kill();
        }
        if std::thread::panicking() || std::env::var_os("ORDU_TEST_LOGS").is_some() {
            for node in &self.nodes {
                eprintln!("──── log of {}\n{}", node.name, node.log());
            }
        }
        for copy in self.copies().0.into_values().flatten() {
            let _ = Pid::from_raw(copy.pid.cast_signed()).map(|pid| kill_process(pid, Signal::KILL));
        }
    }
}

/// An address of this machine that nobody else uses: each test process has its own part of 127.0.0.0/8.
fn fresh_address() -> SocketAddr {
    static ADDRESSES: AtomicU32 = AtomicU32::new(1);
    let pid = std::process::id();
    let number = ADDRESSES.fetch_add(1, Ordering::Relaxed);
    let [_, _, high, low] = (pid % 0xffff).to_be_bytes();
    let last = u8::try_from(number).expect("fewer than 256 nodes in one test process");
    SocketAddr::from((Ipv4Addr::new(127, high.max(1), low, last), PORT))
}
