use std::ffi::OsString;
use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::throw_away_key;
use crate::control::{Client, MemberRow, Request, Status};
use crate::failure::Failure;

/// How long a node may take until it answers.
const START_LIMIT: Duration = Duration::from_secs(20);

/// How long a node may take to answer before it is asked again.
const PATIENCE: Duration = Duration::from_secs(2);

/// The nodes of the cluster. Dropping it ends them all: each holds the other end of a pipe.
#[derive(Debug)]
pub(super) struct Agents {
    folder: PathBuf,
    program: PathBuf,
    all: Vec<Agent>,
}

/// One node.
#[derive(Debug)]
pub(super) struct Agent {
    name: String,
    socket: PathBuf,
    log: PathBuf,
    pid: u32,
    alive: bool,
    /// Its end is this process's end.
    _lifeline: Option<ChildStdin>,
}

impl Agent {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    pub(super) fn is_alive(&self) -> bool {
        self.alive
    }

    /// The last lines that it said, for when it ended and should not have.
    fn last_words(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(5)..].join("\n")
    }
}

impl Agents {
    /// None yet; they will live in `folder`.
    pub(super) fn new(folder: &Path) -> Result<Self, Failure> {
        throw_away_key(&folder.join("cluster.key"))?;
        let program = std::env::current_exe()
            .map_err(|error| Failure::failed(format!("cannot find this program: {error}")))?;
        Ok(Self {
            folder: folder.to_owned(),
            program,
            all: Vec::new(),
        })
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Agent> {
        self.all.iter()
    }

    /// Those that have not ended.
    pub(super) fn living(&self) -> impl Iterator<Item = &Agent> {
        self.all.iter().filter(|agent| agent.alive)
    }

    /// Where this program is: children may name it without a path.
    pub(super) fn program_folder(&self) -> &Path {
        self.program.parent().unwrap_or(Path::new("/"))
    }

    /// Starts the first, then the others, which join it, and waits until all answer.
    pub(super) async fn start(&mut self, nodes: u8) -> Result<(), Failure> {
        let first = self.spawn(1, None)?;
        let seed = self.answers(first).await?;
        for number in 2..=nodes {
            self.spawn(number, Some(seed))?;
        }
        for index in 1..self.all.len() {
            self.answers(index).await?;
        }
        self.know_each_other().await
    }

    /// Waits until the first node sees all of them, so that the children of a file are spread over all.
    async fn know_each_other(&mut self) -> Result<(), Failure> {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            let members: Result<Vec<MemberRow>, Failure> = ask(&self.all[0].socket, Request::Members).await;
            let alive = members
                .iter()
                .flatten()
                .filter(|member| member.state == "alive")
                .count();
            if alive >= self.all.len() {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(Failure::failed(format!(
                    "only {alive} of {} nodes found each other",
                    self.all.len()
                )));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn spawn(&mut self, number: u8, join: Option<SocketAddr>) -> Result<usize, Failure> {
        let name = format!("n{number}");
        let file = |ending: &str| self.folder.join(format!("{name}{ending}"));
        let (socket, log) = (file(".sock"), file(".log"));
        let failed = |error: std::io::Error| Failure::failed(format!("cannot start node {name}: {error}"));
        let said = File::create(&log).map_err(failed)?;
        let mut command = Command::new(&self.program);
        command
            .args([
                "agent",
                "--end-with-stdin",
                "--name",
                &name,
                "--listen",
                "127.0.0.1:0",
            ])
            .arg("--key")
            .arg(self.folder.join("cluster.key"))
            .arg("--socket")
            .arg(&socket)
            .arg("--data-dir")
            .arg(self.folder.join(&name))
            .env("PATH", self.path_variable())
            .stdin(Stdio::piped())
            .stdout(said.try_clone().map_err(failed)?)
            .stderr(said)
            // Ctrl-C is for this process, which then ends them in its own order.
            .process_group(0);
        if let Some(seed) = join {
            command.arg("--join").arg(seed.to_string());
        }
        let mut child = command.spawn().map_err(failed)?;
        let lifeline = child.stdin.take();
        let agent = Agent {
            name,
            socket,
            log,
            pid: child.id(),
            alive: true,
            _lifeline: lifeline,
        };
        self.all.push(agent);
        Ok(self.all.len() - 1)
    }

    /// This program's own folder comes first, so that a file of children can name `ordu`.
    fn path_variable(&self) -> OsString {
        let own = self.program_folder().to_owned();
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(own).chain(std::env::split_paths(&inherited));
        std::env::join_paths(folders).unwrap_or(inherited)
    }

    /// Waits until a node takes children, and says where it listens.
    async fn answers(&mut self, index: usize) -> Result<SocketAddr, Failure> {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            self.reap();
            let agent = &self.all[index];
            if !agent.alive {
                return Err(Failure::failed(format!(
                    "node {} ended:\n{}",
                    agent.name,
                    agent.last_words()
                )));
            }
            match ask::<Status>(&agent.socket, Request::Status).await {
                Ok(status) if status.ready => return Ok(status.addr),
                _ if Instant::now() > deadline => {
                    let (name, words) = (&agent.name, agent.last_words());
                    return Err(Failure::failed(format!(
                        "node {name} does not get ready:\n{words}"
                    )));
                }
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// Notes which have ended.
    pub(super) fn reap(&mut self) {
        for ended in super::remains::reap() {
            for agent in self.all.iter_mut().filter(|agent| agent.pid == ended) {
                agent.alive = false;
            }
        }
    }
}

/// Asks on another thread: a node that was stopped does not answer, and Ctrl-C must still be heard.
async fn ask<T: DeserializeOwned + Send + 'static>(socket: &Path, request: Request) -> Result<T, Failure> {
    let socket = socket.to_owned();
    let asked = tokio::task::spawn_blocking(move || {
        Client::connect_within(&socket, PATIENCE)?.ask(&request, Duration::ZERO)
    });
    asked
        .await
        .unwrap_or_else(|panic| Err(Failure::failed(panic.to_string())))
}
