//! Kills of everything at any moment, on four nodes whose children are hard to end.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::{Duration, Instant, SystemTime};

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{Cluster, Copies, Node, eventually, holds_for, is_alive, measured};

/// How long, in seconds, if this is set in the environment.
const SECONDS: &str = "ORDU_STORM_SECONDS";

/// Which storm, if this is set; it is printed.
const SEED: &str = "ORDU_STORM_SEED";

/// What the children run. Each has several processes, and the last ones leave in every way they can.
const SCRIPTS: [&str; 4] = [
    // In sessions of their own.
    "setsid sleep 86400 & exec sleep 86400",
    // Daemons: the double fork, with a session and a parent of their own.
    "(setsid sh -c 'sleep 86400 & exec sleep 86400' &); exec sleep 86400",
    // Forks without end.
    "while :; do sleep 0.2 & setsid sleep 0.3 & wait; done",
    // Deaf, and with a helper that is, too.
    "trap '' TERM; setsid sleep 86400 & while :; do sleep 0.5; done",
];

const CHILDREN: usize = 16;

#[test]
fn in_a_storm_of_kills_each_child_is_one_whenever_it_is_calm_and_no_orphan_is_left() {
    let seconds = match std::env::var(SECONDS) {
        Ok(text) => text.parse().expect("a number of seconds"),
        Err(_) if cfg!(ordu_long) => 300,
        Err(_) => 20,
    };
    let mut random = Random::from_environment();
    println!("seed: {}", random.0);
    let mut cluster = Cluster::of(4);
    let ids: Vec<String> = (0..CHILDREN).map(|number| format!("c{number}")).collect();
    for (number, id) in ids.iter().enumerate() {
        start(
            &cluster.nodes[number % 4],
            id,
            SCRIPTS[number % SCRIPTS.len()],
            cluster.mark(),
        );
    }
    await_one_start_each(&cluster, &ids);

    let end = Instant::now() + Duration::from_secs(seconds);
    let (mut kills, mut calms, mut longest) = (BTreeMap::new(), 0, Duration::ZERO);
    while Instant::now() < end {
        gust(&mut cluster, &mut random, &mut kills);
        cluster.await_members(Duration::from_secs(20));
        longest = longest.max(await_one_start_each(&cluster, &ids));
        holds_for(Duration::from_millis(300), "one of each", || {
            one_start_each(&cluster, &ids).map(drop)
        });
        calms += 1;
    }
    println!("kills: {kills:?}; calm moments: {calms}");
    measured("longest wait for one of each, once all see each other", longest);

    for id in &ids {
        cluster.nodes[0].ordu(["rm", "--force", id]).ok();
    }
    let orphans = cluster.copies();
    assert!(orphans.0.is_empty(), "left behind: {orphans:?}");
}

fn start(node: &Node, id: &str, script: &str, mark: &str) {
    let mark = format!("TEST_MARK={mark}");
    let restarts = ["--max-restarts", "1000", "--stop-timeout", "1s"];
    let mut words = vec!["start", id, "--env", &mark];
    words.extend(restarts);
    words.extend(["--", "sh", "-c", script]);
    node.ordu(words).ok();
}

/// Some kills in quick succession. At most one agent is among them, for what nobody holds any more is lost; it is
/// started again.
fn gust(cluster: &mut Cluster, random: &mut Random, kills: &mut BTreeMap<&'static str, u32>) {
    let mut killed = None;
    for _ in 0..=random.below(4) {
        let node = random.below(4);
        let what = match random.below(6) {
            0 if killed.is_none() => {
                cluster.nodes[node].kill();
                killed = Some(node);
                "agent"
            }
            1 | 2 if killed.is_none() => {
                let keeper = cluster.nodes[node].keeper();
                // The keeper first: it would end its children otherwise.
                keeper.into_iter().for_each(end);
                cluster.nodes[node].kill();
                killed = Some(node);
                "agent and keeper"
            }
            0..=3 => {
                let keeper = (killed != Some(node)).then(|| cluster.nodes[node].keeper());
                keeper.flatten().into_iter().for_each(end);
                "keeper"
            }
            _ => {
                let pids: Vec<u32> = cluster
                    .copies()
                    .0
                    .values()
                    .flatten()
                    .map(|copy| copy.pid)
                    .collect();
                if let Some(pid) = (!pids.is_empty()).then(|| pids[random.below(pids.len())]) {
                    end(pid);
                }
                "process of a child"
            }
        };
        *kills.entry(what).or_insert(0) += 1;
        std::thread::sleep(Duration::from_millis(random.below(200) as u64));
    }
    if let Some(node) = killed {
        std::thread::sleep(Duration::from_millis(random.below(3000) as u64));
        cluster.nodes[node].start();
        cluster.nodes[node].await_ready();
    }
}

/// It may have ended by itself.
fn end(pid: u32) {
    let _ = kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), Signal::KILL);
}

fn await_one_start_each(cluster: &Cluster, ids: &[String]) -> Duration {
    eventually(Duration::from_secs(20), "one of each", || {
        let copies = one_start_each(cluster, ids)?;
        leaders_run(cluster, &copies)
    })
    .1
}

/// The first process of every child runs, by the word of each node. Where it was killed the rest of its family goes on
/// for as long as it may take to stop, and only then the child is started again.
fn leaders_run(cluster: &Cluster, copies: &Copies) -> Result<(), String> {
    for node in &cluster.nodes {
        for child in node.children()? {
            let processes = child["id"].as_str().and_then(|id| copies.0.get(id));
            let is_leader = |pid: u32| child["os_pid"] == pid && is_alive(pid);
            if !processes.is_some_and(|processes| processes.iter().any(|process| is_leader(process.pid))) {
                return Err(format!(
                    "{} lists {child}, and there run {processes:?}",
                    node.name
                ));
            }
        }
    }
    Ok(())
}

/// All processes of each child are of one start, and every child has one.
fn one_start_each(cluster: &Cluster, ids: &[String]) -> Result<Copies, String> {
    let copies = cluster.copies();
    let mut wrong = String::new();
    for id in ids {
        let processes = copies.0.get(id).map(Vec::as_slice).unwrap_or_default();
        let starts: BTreeSet<&str> = processes.iter().map(|process| process.start.as_str()).collect();
        if starts.len() != 1 || starts.contains("") {
            let _ = write!(wrong, "{id} has {processes:?}; ");
        }
    }
    if wrong.is_empty() { Ok(copies) } else { Err(wrong) }
}

/// A small generator (xorshift), for repeatable storms.
struct Random(u64);

impl Random {
    fn from_environment() -> Self {
        let now = || {
            let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
            time.as_secs() << 20 | u64::from(time.subsec_micros())
        };
        let given = std::env::var(SEED)
            .ok()
            .map(|seed| seed.parse().expect("a number"));
        Self(given.unwrap_or_else(now).max(1))
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }
}
