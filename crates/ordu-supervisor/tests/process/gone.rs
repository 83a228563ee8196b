//! What happens when an agent or a keeper is gone.

use std::time::{Duration, Instant};

use ordu_supervisor::process::{
    Keeper, KeeperConfig, KeeperEvent, KeeperGone, ProcessExit, Signal, SpawnError,
};

use crate::agent::{Agent, DEATHS};
use crate::scene::{
    PATIENCE, Scene, control_group_directory, members_of_the_storm, runs, send, skip, start_storm,
    wait_until_gone,
};

crate::tests![
    when_the_agent_is_gone_a_fork_storm_ends,
    after_a_lost_keeper_another_one_starts,
    a_renewed_lease_does_not_lapse,
    when_the_last_handle_is_dropped_everything_ends,
    stop_ends_everything_and_reports_it,
    a_keeper_outlives_signals_that_end_programs,
    a_keeper_is_not_blamed_for_a_pause_of_its_agent,
    a_keeper_that_is_killed_while_it_boots_is_started_anew,
    the_ledger_spares_a_process_that_got_the_number_of_another,
    when_the_keeper_is_killed_its_control_groups_end_and_go;
    both_ways:
    a_keeper_that_hangs_is_missed_within_seconds_and_ends_with_its_children,
    when_the_agent_is_killed_all_children_end,
    when_the_keeper_is_killed_all_children_end_and_are_reported,
    when_the_lease_lapses_everything_ends_though_the_agent_is_stopped,
    stop_ends_everything_though_the_keeper_itself_is_stopped,
    both_killed_at_once_leaves_children_that_the_next_agent_ends
];

async fn when_the_agent_is_killed_all_children_end(scene: Scene) {
    let mut agent = Agent::start(&scene, 0).await;
    assert!(agent.children.iter().all(|&pid| runs(pid)));

    agent.process.kill().unwrap();
    agent.process.wait().unwrap();

    for &pid in agent.children.iter().chain([&agent.keeper]) {
        wait_until_gone(pid).await;
    }
}

async fn when_the_agent_is_gone_a_fork_storm_ends(scene: Scene) {
    start_storm(&scene, 1).await;
    let pid = scene.keeper.pid();

    scene.keeper.clone().stop().await;

    assert!(!runs(pid));
    assert_eq!(members_of_the_storm(&scene), 0);
}

async fn when_the_keeper_is_killed_all_children_end_and_are_reported(mut scene: Scene) {
    let one = scene
        .start(
            1,
            "trap '' TERM; setsid sleep 100 & echo $! > two; while :; do sleep 1; done",
        )
        .await;
    let two = scene.pid_in("two").await;

    send("KILL", scene.keeper.pid());

    assert_eq!(scene.exit_of(1).await, ProcessExit::Lost);
    assert_eq!(scene.event().await, KeeperEvent::Lost);
    assert_eq!(scene.events.recv().await, None);
    assert!(!runs(one.pid) && !runs(two));
    let error = scene.keeper.spawn(scene.script(2, "exit 0")).await.unwrap_err();
    assert!(matches!(error, SpawnError::KeeperGone(KeeperGone)), "{error:?}");
    assert_eq!(scene.keeper.signal(1, Signal::TERM), Err(KeeperGone));
}

async fn when_the_keeper_is_killed_its_control_groups_end_and_go(mut scene: Scene) {
    let script = "env -i setsid sh -c 'echo $$ > two; exec sleep 100' & exec sleep 100";
    let one = scene.start(1, script).await;
    if !one.in_control_group {
        let test = "when_the_keeper_is_killed_its_control_groups_end_and_go";
        return skip(test, "no cgroup v2 that this user may make groups in");
    }
    let two = scene.pid_in("two").await;
    let run = control_group_directory(one.pid).parent().unwrap().to_owned();

    send("KILL", scene.keeper.pid());

    assert_eq!(scene.exit_of(1).await, ProcessExit::Lost);
    assert!(!runs(one.pid) && !runs(two));
    assert!(!run.exists(), "{} is left", run.display());
}

async fn after_a_lost_keeper_another_one_starts(mut scene: Scene) {
    send("KILL", scene.keeper.pid());
    assert_eq!(scene.event().await, KeeperEvent::Lost);

    let mut scene = Scene::new(KeeperConfig::default()).await;

    scene.start(1, "exit 4").await;
    assert_eq!(scene.exit_of(1).await, ProcessExit::Code(4));
}

async fn when_the_lease_lapses_everything_ends_though_the_agent_is_stopped(scene: Scene) {
    let agent = Agent::start(&scene, 300).await;
    send("STOP", agent.process.id());

    for &pid in agent.children.iter().chain([&agent.keeper]) {
        wait_until_gone(pid).await;
    }
    assert!(runs(agent.process.id()));
}

async fn a_renewed_lease_does_not_lapse(mut scene: Scene) {
    scene.keeper.renew_lease(Duration::from_millis(200)).unwrap();
    scene.keeper.renew_lease(Duration::from_secs(1000)).unwrap();
    scene.start(1, "sleep 0.4").await;

    assert_eq!(scene.exit_of(1).await, ProcessExit::Code(0));

    scene.keeper.renew_lease(Duration::from_millis(50)).unwrap();
    assert_eq!(scene.event().await, KeeperEvent::Lost);
}

async fn when_the_last_handle_is_dropped_everything_ends(scene: Scene) {
    let process = scene.start(1, "trap '' TERM; while :; do sleep 1; done").await;
    let Scene {
        keeper, mut events, ..
    } = scene;
    let pid = keeper.pid();

    drop(keeper);

    let killed = ProcessExit::Signal(Signal::KILL);
    assert_eq!(
        events.recv().await,
        Some(KeeperEvent::Exited {
            incarnation: 1,
            exit: killed
        })
    );
    assert_eq!(events.recv().await, None);
    assert!(!runs(process.pid) && !runs(pid));
}

async fn stop_ends_everything_and_reports_it(mut scene: Scene) {
    let process = scene.start(1, "exec sleep 100").await;
    let pid = scene.keeper.pid();

    scene.keeper.clone().stop().await;

    assert!(!runs(process.pid) && !runs(pid));
    assert_eq!(scene.exit_of(1).await, ProcessExit::Signal(Signal::KILL));
    assert_eq!(scene.events.recv().await, None);
}

async fn stop_ends_everything_though_the_keeper_itself_is_stopped(mut scene: Scene) {
    let process = scene
        .start(
            1,
            "trap '' TERM; setsid sleep 100 & echo $! > two; exec sleep 100",
        )
        .await;
    let two = scene.pid_in("two").await;
    let pid = scene.keeper.pid();
    send("STOP", pid);
    // More than its socket and the queue before it hold: the stop must not wait behind them.
    for _ in 0..100_000 {
        scene.keeper.signal(1, Signal::CONT).unwrap();
    }

    scene.keeper.clone().stop().await;

    assert!(!runs(process.pid) && !runs(two) && !runs(pid));
    assert_eq!(scene.exit_of(1).await, ProcessExit::Lost);
    assert_eq!(scene.events.recv().await, None);
}

async fn a_keeper_outlives_signals_that_end_programs(mut scene: Scene) {
    for signal in ["TERM", "INT", "HUP", "QUIT", "USR1", "ALRM", "PIPE", "TSTP"] {
        send(signal, scene.keeper.pid());
    }

    scene.start(1, "exit 6").await;

    assert_eq!(scene.exit_of(1).await, ProcessExit::Code(6));
}

async fn a_keeper_that_hangs_is_missed_within_seconds_and_ends_with_its_children(mut scene: Scene) {
    let one = scene
        .start(1, "setsid sleep 100 & echo $! > two; exec sleep 100")
        .await;
    let two = scene.pid_in("two").await;
    let pid = scene.keeper.pid();
    send("STOP", pid);
    let _continued = Continued(pid);
    let stopped = Instant::now();
    let asked = scene.keeper.spawn(scene.script(2, "exec sleep 100"));

    let asked = tokio::time::timeout(PATIENCE, asked).await.unwrap();

    assert!(
        matches!(asked, Err(SpawnError::KeeperGone(KeeperGone))),
        "{asked:?}"
    );
    assert!(
        stopped.elapsed() < Duration::from_secs(10),
        "{:?}",
        stopped.elapsed()
    );
    assert!(!runs(one.pid) && !runs(two) && !runs(pid));
    assert_eq!(scene.exit_of(1).await, ProcessExit::Lost);
    assert_eq!(scene.event().await, KeeperEvent::Hung);
    assert_eq!(scene.events.recv().await, None);
}

/// A stopped process that is not left behind by a test that failed.
struct Continued(u32);

impl Drop for Continued {
    fn drop(&mut self) {
        if std::thread::panicking() {
            send("CONT", self.0);
        }
    }
}

async fn a_keeper_is_not_blamed_for_a_pause_of_its_agent(scene: Scene) {
    let agent = Agent::start(&scene, 0).await;
    send("STOP", agent.process.id());
    // The pause is the subject: longer than a keeper may be silent.
    tokio::time::sleep(Duration::from_secs(7)).await;
    send("CONT", agent.process.id());
    // Longer than a wrong judgement would take to be carried out.
    tokio::time::sleep(Duration::from_secs(2)).await;

    for &pid in agent.children.iter().chain([&agent.keeper]) {
        assert!(runs(pid), "process {pid} has ended");
    }
}

async fn a_keeper_that_is_killed_while_it_boots_is_started_anew(scene: Scene) {
    let deaths = scene.path("deaths");
    std::fs::create_dir(&deaths).unwrap();
    for death in ["1", "2", "3"] {
        std::fs::write(deaths.join(death), "").unwrap();
    }

    let agent = Agent::start_with(&scene, 0, &[(DEATHS, deaths.as_os_str())]).await;

    assert!(std::fs::read_dir(&deaths).unwrap().next().is_none());
    for &pid in agent.children.iter().chain([&agent.keeper]) {
        assert!(runs(pid), "process {pid} has ended");
    }
}

async fn both_killed_at_once_leaves_children_that_the_next_agent_ends(scene: Scene) {
    let mut agent = Agent::start(&scene, 0).await;
    // Stopped first, so that neither can react to the death of the other.
    send("STOP", agent.process.id());
    send("STOP", agent.keeper);
    send("KILL", agent.keeper);
    agent.process.kill().unwrap();
    agent.process.wait().unwrap();
    // `flood`, the last, ended when its pipe broke.
    let left = &agent.children[..4];
    assert!(left.iter().all(|&pid| runs(pid)));

    let mut config = KeeperConfig::default();
    config.ledger = Some(scene.path("ledger"));
    let (_keeper, _events) = Keeper::start(config).await.unwrap();

    assert!(left.iter().all(|&pid| !runs(pid)));
}

async fn the_ledger_spares_a_process_that_got_the_number_of_another(mut scene: Scene) {
    let innocent = scene.start(1, "exec sleep 100").await;
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let earlier = innocent.start_time - 1;
    let text = format!(
        "ordu processes 2 {boot}run {:032x} -\nkeeper 1 0\n+ 1 {} {earlier}\n",
        7, innocent.pid
    );
    std::fs::write(scene.path("ledger"), text).unwrap();

    let mut config = KeeperConfig::default();
    config.ledger = Some(scene.path("ledger"));
    let (_keeper, _events) = Keeper::start(config).await.unwrap();

    assert!(runs(innocent.pid));
    scene.keeper.kill(1).unwrap();
    scene.exit_of(1).await;
}
