//! An agent as a process of its own, to be killed.
//!
//! `PROGRAM __agent DIRECTORY LEASE_MS [without]` starts a keeper, with a ledger in the directory, and three
//! children that are hard to end, writes its keeper's pid to `DIRECTORY/keeper`, and waits for ever.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;

use ordu_supervisor::process::{Keeper, KeeperConfig, Output, SpawnRequest};

use crate::scene::{Scene, pid_in, send};

const ARGUMENT: &str = "__agent";

/// The files into which the children write their pids.
const PIDS: [&str; 5] = ["stubborn", "helper", "session", "daemon", "flood"];

/// A variable that names a directory: each file in it is the death of one keeper before it is ready.
pub(crate) const DEATHS: &str = "TEST_KEEPER_DEATHS";

/// Kills this process, if it is to become a keeper and a death is left for it.
pub(crate) fn die_if_asked() {
    let is_keeper = std::env::args_os()
        .nth(1)
        .is_some_and(|argument| argument == "__keeper");
    let Some(deaths) = std::env::var_os(DEATHS).filter(|_| is_keeper) else {
        return;
    };
    if let Some(death) = std::fs::read_dir(deaths).unwrap().next() {
        std::fs::remove_file(death.unwrap().path()).unwrap();
        send("KILL", std::process::id());
    }
}

pub(crate) fn run_if_asked() {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_none_or(|argument| argument != ARGUMENT) {
        return;
    }
    let directory = PathBuf::from(arguments.next().unwrap());
    let lease: u64 = arguments.next().unwrap().to_str().unwrap().parse().unwrap();
    let without_control_groups = arguments.next().is_some();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut config = KeeperConfig::default();
        config.ledger = Some(directory.join("ledger"));
        config.without_control_groups = without_control_groups;
        let (keeper, _events) = Keeper::start(config).await.unwrap();
        let scripts = [
            "trap '' TERM HUP INT; echo $$ > stubborn; sleep 1000 & echo $! > helper; while :; do sleep 1; done",
            "setsid sh -c 'trap \"\" TERM HUP; echo $$ > session; while :; do sleep 1; done' & \
             (setsid sh -c 'echo $$ > daemon; exec sleep 1000' &); wait",
            "echo $$ > flood; exec yes",
        ];
        let mut pipes = Vec::new();
        for (incarnation, script) in (1..).zip(scripts) {
            let mut request = SpawnRequest::new(incarnation, ["sh", "-c", script]);
            request.cwd = Some(directory.clone());
            request.output = Output::Merged;
            pipes.push(keeper.spawn(request).await.unwrap());
        }
        if lease > 0 {
            keeper.renew_lease(Duration::from_millis(lease)).unwrap();
        }
        std::fs::write(directory.join("keeper"), format!("{}\n", keeper.pid())).unwrap();
        std::future::pending::<()>().await;
    });
}

/// The agent and all it started; what still runs when it is dropped is killed.
pub(crate) struct Agent {
    pub(crate) process: Child,
    pub(crate) keeper: u32,
    pub(crate) children: Vec<u32>,
}

impl Agent {
    /// With control groups if the scene has them; its lease lapses after so many milliseconds, if that is not 0.
    pub(crate) async fn start(scene: &Scene, lease: u64) -> Self {
        Self::start_with(scene, lease, &[]).await
    }

    /// With these variables in its environment, and its keeper's.
    pub(crate) async fn start_with(scene: &Scene, lease: u64, variables: &[(&str, &OsStr)]) -> Self {
        let directory = &scene.path("");
        let mut command = Command::new("/proc/self/exe");
        command.arg(ARGUMENT).arg(directory).arg(lease.to_string());
        command.envs(variables.iter().copied());
        if scene.without_control_groups {
            command.arg("without");
        }
        let process = command.spawn().unwrap();
        let mut agent = Self {
            process,
            keeper: 0,
            children: Vec::new(),
        };
        agent.keeper = pid_in(&directory.join("keeper")).await;
        for name in PIDS {
            agent.children.push(pid_in(&directory.join(name)).await);
        }
        agent
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
