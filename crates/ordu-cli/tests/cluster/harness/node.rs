use std::fs::{File, OpenOptions};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use serde_json::Value;

use super::ordu::{SETTINGS, Said, ordu, program};
use super::processes::{keeper_of, kill};
use super::waiting::eventually;

/// How long a node may take to be ready, on a machine that builds something beside.
pub(super) const READY: Duration = Duration::from_secs(20);

/// One agent, running or not.
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) addr: SocketAddr,
    pub(crate) socket: PathBuf,
    pub(super) folder: PathBuf,
    pub(super) joins: Vec<SocketAddr>,
    pub(super) key: PathBuf,
    pub(super) wrapper: Vec<String>,
    pub(super) extra: Vec<String>,
    pub(super) process: Option<Child>,
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

    /// Run by this command, to which that of the agent is appended.
    pub(crate) fn in_wrapper<const N: usize>(&mut self, wrapper: [&str; N]) {
        self.wrapper = wrapper.map(str::to_owned).into();
    }

    /// Where it keeps what must be kept.
    pub(crate) fn data_dir(&self) -> &Path {
        &self.folder
    }

    /// In this network namespace, at this address, joining those.
    pub(crate) fn in_namespace(&mut self, namespace: &str, addr: SocketAddr, joins: Vec<SocketAddr>) {
        self.in_wrapper(["ip", "netns", "exec", namespace]);
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
        self.start_with_stderr(log.into());
    }

    /// Starts the agent, which logs there.
    pub(crate) fn start_with_stderr(&mut self, stderr: OwnedFd) {
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
        self.process = Some(command.spawn().unwrap());
    }

    /// Starts the agent in a session of its own, without a terminal.
    pub(crate) fn start_without_terminal(&mut self) {
        self.start_in_session(&[], Stdio::null());
    }

    /// Starts the agent in a session of its own, on a terminal. What this gives is the other end of it: once that is
    /// closed the terminal is gone.
    pub(crate) fn start_on_terminal(&mut self) -> OwnedFd {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let other_end = openpt(flags).unwrap();
        grantpt(&other_end).unwrap();
        unlockpt(&other_end).unwrap();
        let terminal = ioctl_tiocgptpeer(&other_end, flags).unwrap();
        self.start_in_session(&["--ctty"], terminal.into());
        other_end
    }

    fn start_in_session(&mut self, options: &[&str], stdin: Stdio) {
        let log = File::create(self.log_path()).unwrap();
        let agent = self.command();
        // It replaces itself by what it runs.
        let mut command = Command::new("setsid");
        command
            .args(options)
            .arg(agent.get_program())
            .args(agent.get_args());
        for variable in SETTINGS {
            command.env_remove(variable);
        }
        command.stdin(stdin).stdout(Stdio::null()).stderr(log);
        self.process = Some(command.spawn().unwrap());
    }

    /// Waits for its end and gives its exit code.
    pub(crate) fn await_end(&mut self) -> Option<i32> {
        let mut process = self.process.take()?;
        eventually(Duration::from_secs(20), "it ends", || {
            match process.try_wait().unwrap() {
                Some(status) => Ok(status.code()),
                None => Err("it still runs".to_owned()),
            }
        })
        .0
    }

    /// Runs the agent to its end, for agents that refuse to run.
    pub(crate) fn run(&mut self) -> Said {
        self.command().stdin(Stdio::null()).output().unwrap().into()
    }

    fn command(&self) -> Command {
        let mut command = match self.wrapper.split_first() {
            None => program(),
            Some((wrapper, args)) => {
                let mut command = Command::new(wrapper);
                command.args(args).arg(env!("CARGO_BIN_EXE_ordu"));
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
        let mut args: Vec<&str> = args.into_iter().collect();
        // After a `--` all is the child's.
        let end = args.iter().position(|arg| *arg == "--").unwrap_or(args.len());
        args.splice(end..end, ["--socket", self.socket.to_str().unwrap()]);
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
        self.await_end()
    }

    /// Whether it was started, and neither killed nor waited for since.
    pub(crate) fn is_started(&self) -> bool {
        self.process.is_some()
    }

    /// Whether its process runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.process
            .as_mut()
            .is_some_and(|process| process.try_wait().unwrap().is_none())
    }
}
