//! Agents and keepers that are killed at any moment while they start children as fast as they can.
//!
//! `PROGRAM __kills DIRECTORY ROUND [without]` is the agent. It takes over what is in the directory, says "ready", waits
//! for a line, and then starts and kills children for ever; a keeper that it loses is replaced.

use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ordu_supervisor::process::{Keeper, KeeperConfig, KeeperEvent, Output, SpawnRequest};
use proptest::prelude::Rng as _;
use proptest::test_runner::{RngAlgorithm, TestRng};

use crate::scene::{Scene, running_with};

crate::tests![
    ;
    both_ways:
    after_random_kills_the_next_boot_leaves_no_process_of_the_one_before
];

const ARGUMENT: &str = "__kills";

/// How many kills there are, with control groups and without, if this is set in the environment.
const KILLS: &str = "ORDU_KILLS";

/// How many children run at a time.
const CHILDREN: u64 = 12;

const SCRIPTS: [&str; 5] = [
    "sleep 1000 & exec sleep 1000",
    "setsid sleep 1000 & exec sleep 1000",
    "(setsid sh -c 'sleep 1000 & exec sleep 1000' &); exec sleep 1000",
    "(setsid sleep 1000 &); exit 0",
    "for i in 1 2 3; do (setsid sleep 1000 &); sleep 0.01; done; wait",
];

/// Found by a control group only: it has none of its first environment but what the test needs to find it.
const FORGETFUL: &str = "env -i KILLS=$KILLS setsid sleep 1000 & exec sleep 1000";

pub(crate) fn run_if_asked() {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_none_or(|argument| argument != ARGUMENT) {
        return;
    }
    let directory = PathBuf::from(arguments.next().unwrap());
    let without_control_groups = arguments.next().is_some();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut config = KeeperConfig::default();
        config.ledger = Some(directory.join("ledger"));
        config.without_control_groups = without_control_groups;
        let (mut keeper, mut events) = Keeper::start(config.clone()).await.unwrap();
        println!("ready {}", keeper.pid());
        std::io::stdin().read_line(&mut String::new()).unwrap();
        let mut incarnation = 0;
        loop {
            let scripts = SCRIPTS
                .iter()
                .chain((!without_control_groups).then_some(&FORGETFUL));
            for script in scripts {
                incarnation += 1;
                let mut request = SpawnRequest::new(incarnation, ["sh", "-c", script]);
                request
                    .env
                    .push(("KILLS".into(), directory.clone().into_os_string()));
                request.output = Output::Null;
                let spawned = keeper.spawn(request).await;
                if spawned.is_ok() {
                    let _ = keeper.kill(incarnation.saturating_sub(CHILDREN));
                }
            }
            while let Ok(event) = events.try_recv() {
                if matches!(event, KeeperEvent::Lost | KeeperEvent::Hung) {
                    (keeper, events) = Keeper::start(config.clone()).await.unwrap();
                }
            }
        }
    });
}

/// An agent of one round. It is killed when it is dropped.
struct Agent {
    process: Child,
    keeper: u32,
}

impl Agent {
    /// Returns when all that was there before has been taken over, and nothing is started yet.
    fn boot(directory: &Path, without_control_groups: bool) -> Self {
        let mut command = Command::new("/proc/self/exe");
        command.arg(ARGUMENT).arg(directory);
        command.args(without_control_groups.then_some("without"));
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let output = process.stdout.as_mut().unwrap();
        BufReader::new(output).read_line(&mut said).unwrap();
        let keeper = said
            .strip_prefix("ready ")
            .expect("it boots")
            .trim()
            .parse()
            .unwrap();
        Self { process, keeper }
    }

    fn begin(&mut self) {
        self.process.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn after_random_kills_the_next_boot_leaves_no_process_of_the_one_before(scene: Scene) {
    let directory = scene.path("");
    let entry = format!("KILLS={}", directory.display());
    let seed = std::process::id().to_le_bytes();
    let mut random = TestRng::from_seed(RngAlgorithm::XorShift, &[seed; 4].concat());
    let kills = match std::env::var(KILLS) {
        Ok(text) => text.parse().expect("a number of kills"),
        Err(_) if cfg!(ordu_long) => 250,
        Err(_) => 20,
    };
    let mut groups = Vec::new();
    let begun = Instant::now();
    let mut most = 0;

    for round in 0..=kills {
        let mut agent = Agent::boot(&directory, scene.without_control_groups);
        let left = running_with(&entry);
        assert_eq!(left, [], "left after {round} kills, seed {seed:?}");
        groups.extend(group_of_run(&directory));
        if round == kills {
            break;
        }
        agent.begin();
        std::thread::sleep(Duration::from_micros(u64::from(random.next_u32() % 150_000)));
        most = most.max(running_with(&entry).len());
        let pids = [agent.process.id(), agent.keeper];
        match random.next_u32() % 6 {
            0 => kill(&[pids[0]]),
            1 => kill(&[pids[1]]),
            2 => kill(&[pids[1], pids[0]]),
            _ => kill(&pids),
        }
        std::thread::sleep(Duration::from_micros(u64::from(random.next_u32() % 10_000)));
    }

    println!(
        "{kills} kills and boots, at most {most} processes at a time: {} s",
        begun.elapsed().as_secs()
    );
    assert!(most > 0, "there was never a process to be left");
    // The last of them is being removed by a keeper whose agent has just gone.
    groups.pop();
    let left: Vec<_> = groups.iter().filter(|group| group.exists()).collect();
    assert!(left.is_empty(), "{left:?} are left");
}

/// With one system call after the other, so that neither can react to the death of the other.
fn kill(pids: &[u32]) {
    for pid in pids {
        let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
        // A keeper may have ended with its agent.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

/// The control group of the present run, as it is on record.
fn group_of_run(directory: &Path) -> Option<PathBuf> {
    let text = std::fs::read_to_string(directory.join("ledger")).unwrap();
    let path = text
        .lines()
        .find_map(|line| line.strip_prefix("run ")?.split_once(' '))?
        .1;
    (path != "-").then(|| path.into())
}
