//! What the tests have in common: a runtime, a keeper, and looking at the system's own process list.

use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use ordu_supervisor::process::{
    Keeper, KeeperConfig, KeeperEvent, Output, Process, ProcessExit, SpawnRequest,
};
use tokio::sync::mpsc::UnboundedReceiver;

/// How long anything may take on a busy machine before a test gives up on it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Written by a test that must have this process to itself.
static PROCESS: RwLock<()> = RwLock::new(());

/// Runs one test on a runtime of its own, in a directory of its own.
pub(crate) fn run<F: Future<Output = ()>>(test: fn(Scene) -> F, without_control_groups: bool) {
    let _shared = PROCESS.read().unwrap_or_else(PoisonError::into_inner);
    run_on_runtime(test, without_control_groups);
}

/// Runs one test while no other runs.
pub(crate) fn run_alone<F: Future<Output = ()>>(test: fn(Scene) -> F) {
    let _alone = PROCESS.write().unwrap_or_else(PoisonError::into_inner);
    run_on_runtime(test, false);
}

fn run_on_runtime<F: Future<Output = ()>>(test: fn(Scene) -> F, without_control_groups: bool) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut config = KeeperConfig::default();
        config.without_control_groups = without_control_groups;
        let scene = Scene::new(config).await;
        tokio::time::timeout(3 * PATIENCE, test(scene))
            .await
            .expect("the test hangs");
    });
}

/// A keeper with a directory for the files of one test.
///
/// Dropping it closes the keeper's socket, which ends every child, after a failed test too.
pub(crate) struct Scene {
    pub(crate) keeper: Keeper,
    pub(crate) events: UnboundedReceiver<KeeperEvent>,
    pub(crate) without_control_groups: bool,
    directory: tempfile::TempDir,
}

impl Scene {
    pub(crate) async fn new(config: KeeperConfig) -> Self {
        let without_control_groups = config.without_control_groups;
        let (keeper, events) = Keeper::start(config).await.unwrap();
        Self {
            keeper,
            events,
            without_control_groups,
            directory: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn storm_mark(&self) -> String {
        self.directory.path().display().to_string()
    }

    /// A shell script as a child, in the directory of the test.
    pub(crate) fn script(&self, incarnation: u64, script: &str) -> SpawnRequest {
        let mut request = SpawnRequest::new(incarnation, ["sh", "-c", script]);
        request.cwd = Some(self.directory.path().into());
        request.output = Output::Null;
        request
    }

    pub(crate) async fn start(&self, incarnation: u64, script: &str) -> Process {
        self.keeper.spawn(self.script(incarnation, script)).await.unwrap()
    }

    pub(crate) async fn event(&mut self) -> KeeperEvent {
        tokio::time::timeout(PATIENCE, self.events.recv())
            .await
            .expect("no event came")
            .expect("no keeper")
    }

    /// Waits for the next event, which must be the end of this child.
    pub(crate) async fn exit_of(&mut self, expected: u64) -> ProcessExit {
        match self.event().await {
            KeeperEvent::Exited { incarnation, exit } if incarnation == expected => exit,
            other => panic!("expected the end of {expected}, got {other:?}"),
        }
    }

    /// Waits until the keeper has come round a few times, as it does to answer whether it is there.
    pub(crate) async fn keeper_looks(&self) {
        let status = format!("/proc/{}/status", self.keeper.pid());
        let waits = || {
            let text = fs::read_to_string(&status).ok()?;
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
            line.trim().parse::<u64>().ok()
        };
        let before = waits().expect("a keeper");
        until("the keeper", || waits().filter(|now| *now >= before + 6)).await;
    }

    /// The number that a script wrote into a file of the test's directory.
    pub(crate) async fn pid_in(&self, name: &str) -> u32 {
        pid_in(&self.path(name)).await
    }
}

/// The number in a file, once it is there.
pub(crate) async fn pid_in(path: &Path) -> u32 {
    let read = || {
        fs::read_to_string(path)
            .ok()
            .filter(|text| text.ends_with('\n'))?
            .trim()
            .parse()
            .ok()
    };
    until(&format!("a number in {}", path.display()), read).await
}

/// Looks until there is what is waited for.
pub(crate) async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// State letter, parent and process group of a process, from the system.
pub(crate) fn look(pid: u32) -> Option<(char, u32, u32)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = text.rsplit_once(')')?.1.split_ascii_whitespace();
    Some((
        fields.next()?.chars().next()?,
        fields.next()?.parse().ok()?,
        fields.next()?.parse().ok()?,
    ))
}

/// Whether a process runs (a zombie does not).
pub(crate) fn runs(pid: u32) -> bool {
    look(pid).is_some_and(|(state, ..)| !matches!(state, 'Z' | 'X'))
}

pub(crate) async fn wait_until_gone(pid: u32) {
    until(&format!("the end of process {pid}"), || {
        (!runs(pid)).then_some(())
    })
    .await;
}

/// All processes whose parent is this one, zombies included.
pub(crate) fn children_of(parent: u32) -> Vec<u32> {
    let pids = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|&pid| look(pid).is_some_and(|(_, of, _)| of == parent))
        .collect()
}

pub(crate) fn open_descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

/// Sends a signal with the system's own tool.
pub(crate) fn send(signal: &str, pid: u32) {
    let status = std::process::Command::new("kill")
        .args([&format!("-{signal}"), &pid.to_string()])
        .status();
    assert!(status.unwrap().success(), "kill -{signal} {pid}");
}

/// Starts a child whose processes each fork one that outlives it, every second in a new session, and waits
/// until that goes on well.
pub(crate) async fn start_storm(scene: &Scene, incarnation: u64) {
    let storm = "next=$(($1 + 1)); echo $1 > step
                 if [ $(($1 % 2)) = 0 ]; then setsid sh ./storm $next & else sh ./storm $next & fi
                 sleep 0.05";
    fs::write(scene.path("storm"), storm).unwrap();
    let mut request = scene.script(
        incarnation,
        "for i in 1 2 3 4; do sh ./storm $i & done; wait; sleep 100",
    );
    request.env.push(("STORM".into(), scene.storm_mark().into()));
    scene.keeper.spawn(request).await.unwrap();
    let step = || {
        fs::read_to_string(scene.path("step"))
            .ok()?
            .trim()
            .parse()
            .ok()
            .filter(|step: &u32| *step > 20)
    };
    until("the storm", step).await;
}

/// How many processes of the storm run.
pub(crate) fn members_of_the_storm(scene: &Scene) -> usize {
    running_with(&format!("STORM={}", scene.storm_mark())).len()
}

/// All processes that have this entry in their environment.
pub(crate) fn running_with(entry: &str) -> Vec<u32> {
    let pids = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|&pid| environment(pid).split('\0').any(|it| it == entry))
        .collect()
}

/// What a process was started with, as the system shows it: entries ended by NUL.
pub(crate) fn environment(pid: u32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The directory of the control group (cgroup v2) of a process.
pub(crate) fn control_group_directory(pid: u32) -> PathBuf {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let group = text.lines().find_map(|line| line.strip_prefix("0::/")).unwrap();
    let mounts = fs::read_to_string("/proc/mounts").unwrap();
    let mut points = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let point = fields.next()?;
        (fields.next()? == "cgroup2").then(|| Path::new(point).join(group))
    });
    points.find(|path| path.exists()).unwrap()
}

/// Says that a test did not run, where the runner of all tests counts it.
pub(crate) fn skip(test: &str, why: &str) {
    println!("\nSKIPPED: {test}: {why}");
}
