use std::fs::OpenOptions;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::ordu::{Said, ordu, program};
use super::processes::{Copies, keeper_of};
use super::waiting::eventually;

/// The port of every node; the addresses differ.
const PORT: u16 = 7600;

/// How long a node may take to be ready, on a machine that builds something beside.
const READY: Duration = Duration::from_secs(20);

/// Agents started by hand, and all they run. Dropping it ends everything.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Node>,
    pub(crate) folder: tempfile::TempDir,
    mark: String,
}

/// One agent, running or not.
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) addr: SocketAddr,
    pub(crate) socket: PathBuf,
    folder: PathBuf,
    joins: Vec<SocketAddr>,
    key: PathBuf,
    namespace: Option<String>,
    extra: Vec<String>,
    process: Option<Child>,
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
            namespace: None,
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
        let running: Vec<&Node> = self.nodes.iter().filter(|node| node.process.is_some()).collect();
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
        for node in self.nodes.iter().filter(|node| node.process.is_some()) {
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

impl Node {
    /// The other key, the other address and so on, before it is started.
    pub(crate) fn with_key(&mut self, key: PathBuf) -> &mut Self {
        self.key = key;
        self
    }

    /// Another argument for `ordu agent`.
    pub(crate) fn with_arg(&mut self, arg: &str) -> &mut Self {
        self.extra.push(arg.to_owned());
        self
    }

    /// In this network namespace, at this address, joining those.
    pub(crate) fn in_namespace(&mut self, namespace: String, addr: SocketAddr, joins: Vec<SocketAddr>) {
        self.namespace = Some(namespace);
        self.addr = addr;
        self.joins = joins;
    }

    /// Starts the agent, with a log of all its starts.
    pub(crate) fn start(&mut self) {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log_path())
            .unwrap();
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.process = Some(command.spawn().unwrap());
    }

    /// Runs the agent to its end, for agents that refuse to run.
    pub(crate) fn run(&mut self) -> Said {
        self.command().stdin(Stdio::null()).output().unwrap().into()
    }

    fn command(&self) -> Command {
        let mut command = match &self.namespace {
            None => program(),
            Some(namespace) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", namespace, env!("CARGO_BIN_EXE_ordu")]);
                command
            }
        };
        command.args(["agent", "--name", &self.name, "--listen", &self.addr.to_string()]);
        command
            .arg("--key")
            .arg(&self.key)
            .arg("--socket")
            .arg(&self.socket);
        command.arg("--data-dir").arg(&self.folder).args(&self.extra);
        for join in &self.joins {
            command.args(["--join", &join.to_string()]);
        }
        command
    }

    fn log_path(&self) -> PathBuf {
        self.folder.with_extension("log")
    }

    /// All it has logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// Waits until it takes children.
    #[track_caller]
    pub(crate) fn await_ready(&self) {
        eventually(READY, &format!("{} is ready", self.name), || {
            let alive = self.alive_members()?;
            if alive.contains(&self.name) {
                Ok(())
            } else {
                Err(format!("it sees {alive:?} alive"))
            }
        });
    }

    /// Asks it something.
    pub(crate) fn ordu<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Said {
        // Before a `--`, after which all is the child's.
        let mut args: Vec<&str> = args.into_iter().collect();
        args.splice(1..1, ["--socket", self.socket.to_str().unwrap()]);
        ordu(args)
    }

    /// `ps --json`.
    pub(crate) fn children(&self) -> Result<Vec<Value>, String> {
        let said = self.ordu(["ps", "--json"]);
        if said.code != 0 {
            return Err(format!("{}: {}", self.name, said.stderr));
        }
        Ok(said.json().as_array().cloned().unwrap_or_default())
    }

    /// The names of the members it sees alive, in order.
    pub(crate) fn alive_members(&self) -> Result<Vec<String>, String> {
        let said = self.ordu(["members", "--json"]);
        if said.code != 0 {
            return Err(format!("{}: {}", self.name, said.stderr));
        }
        let members = said.json();
        let alive = members
            .as_array()
            .into_iter()
            .flatten()
            .filter(|member| member["state"] == "alive");
        Ok(alive
            .filter_map(|member| member["name"].as_str().map(str::to_owned))
            .collect())
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.process.as_ref().expect("the node was started").id()
    }

    /// Its keeper's process id.
    pub(crate) fn keeper(&self) -> Option<u32> {
        keeper_of(self.pid())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal);
    }

    /// `kill -9`, and it is gone when this returns.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// SIGTERM, and its exit code once it has ended.
    pub(crate) fn terminate(&mut self) -> Option<i32> {
        self.signal(Signal::TERM);
        let mut process = self.process.take()?;
        eventually(Duration::from_secs(20), "it leaves", || {
            match process.try_wait().unwrap() {
                Some(status) => Ok(status.code()),
                None => Err("it still runs".to_owned()),
            }
        })
        .0
    }

    /// Whether its process runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.process
            .as_mut()
            .is_some_and(|process| process.try_wait().unwrap().is_none())
    }
}

/// A mark that nobody else has.
pub(crate) fn unique_mark() -> String {
    static MARKS: AtomicU32 = AtomicU32::new(0);
    format!("{}-{}", std::process::id(), MARKS.fetch_add(1, Ordering::Relaxed))
}

/// Sends a signal to a process that is there.
pub(crate) fn kill(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(pid.try_into().unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
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
