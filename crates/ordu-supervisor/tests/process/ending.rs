//! How children end, and that all of a child ends.

use std::time::Duration;

use ordu_supervisor::process::{Output, ProcessExit, Signal, SpawnRequest};
use tokio::io::AsyncReadExt;

use crate::scene::{
    Scene, children_of, control_group_directory, look, members_of_the_storm, runs, send, skip, start_storm,
    until, wait_until_gone,
};

crate::tests![
    a_stop_signal_ends_a_child_with_that_signal,
    a_signal_reaches_the_whole_group,
    a_daemon_that_has_forgotten_its_environment_is_killed_by_its_control_group,
    the_control_group_of_a_child_goes_with_it,
    signals_to_what_does_not_run_do_nothing;
    both_ways:
    a_child_that_ignores_sigterm_is_killed,
    a_suspended_child_is_killed,
    a_suspended_child_hears_its_stop_signal,
    a_kill_ends_grandchildren_in_sessions_of_their_own,
    a_kill_ends_the_daemons_of_a_child_and_of_no_other,
    what_outlives_its_leader_after_a_stop_has_all_the_time_it_needs,
    after_a_stop_only_who_was_not_told_yet_is_told_when_the_leader_has_ended,
    what_a_leader_leaves_behind_is_sent_the_stop_signal_and_has_its_time,
    what_a_leader_leaves_behind_and_does_not_end_is_killed_after_its_time,
    output_of_descendants_is_read_until_they_end,
    a_child_is_not_over_before_all_of_it_is,
    a_fork_storm_is_ended
];

const KILLED: ProcessExit = ProcessExit::Signal(Signal::KILL);

async fn a_stop_signal_ends_a_child_with_that_signal(mut scene: Scene) {
    scene.start(1, "exec sleep 100").await;

    scene.keeper.signal(1, Signal::TERM).unwrap();

    assert_eq!(scene.exit_of(1).await, ProcessExit::Signal(Signal::TERM));
}

async fn a_signal_reaches_the_whole_group(mut scene: Scene) {
    scene
        .start(1, "trap 'exit 3' TERM; sleep 100 & echo $! > grandchild; wait")
        .await;
    let grandchild = scene.pid_in("grandchild").await;

    scene.keeper.signal(1, Signal::TERM).unwrap();

    assert_eq!(scene.exit_of(1).await, ProcessExit::Code(3));
    assert!(!runs(grandchild));
}

async fn a_child_that_ignores_sigterm_is_killed(mut scene: Scene) {
    let process = scene
        .start(1, "trap '' TERM; echo $$ > ready; while :; do sleep 1; done")
        .await;
    scene.pid_in("ready").await;

    scene.keeper.signal(1, Signal::TERM).unwrap();
    scene.keeper.kill(1).unwrap();

    assert_eq!(scene.exit_of(1).await, KILLED);
    assert!(!runs(process.pid));
}

async fn a_suspended_child_is_killed(mut scene: Scene) {
    let process = scene.start(1, "exec sleep 100").await;
    scene.keeper.signal(1, Signal::STOP).unwrap();
    until("the stop", || {
        look(process.pid).filter(|(state, ..)| *state == 'T')
    })
    .await;

    scene.keeper.kill(1).unwrap();

    assert_eq!(scene.exit_of(1).await, KILLED);
}

async fn a_kill_ends_grandchildren_in_sessions_of_their_own(mut scene: Scene) {
    let script = "setsid sh -c 'echo $$ > one; setsid sleep 100 & echo $! > two; wait' & wait";
    scene.start(1, script).await;
    let (one, two) = (scene.pid_in("one").await, scene.pid_in("two").await);

    scene.keeper.kill(1).unwrap();

    assert_eq!(scene.exit_of(1).await, KILLED);
    assert!(!runs(one) && !runs(two));
}

async fn a_suspended_child_hears_its_stop_signal(mut scene: Scene) {
    // One process that runs its program: no signal is lost while it becomes something else.
    let process = scene
        .keeper
        .spawn(SpawnRequest::new(1, ["sleep", "100"]))
        .await
        .unwrap();
    scene.keeper.signal(1, Signal::STOP).unwrap();
    until("the suspension", || {
        look(process.pid).filter(|(state, ..)| *state == 'T')
    })
    .await;

    scene.keeper.ask_to_stop(1).unwrap();

    assert_eq!(scene.exit_of(1).await, ProcessExit::Signal(Signal::TERM));
}

/// A child with a daemon: the double fork, so that its parent is gone, and its session and group are its own.
async fn start_with_daemon(scene: &Scene, incarnation: u64) -> (u32, u32) {
    let script = format!("(setsid sh -c 'echo $$ > daemon{incarnation}; exec sleep 100' &) ; exec sleep 100");
    let mut request = scene.script(incarnation, &script);
    request.env.push(("ORDU_FENCE".into(), "the same".into()));
    let leader = scene.keeper.spawn(request).await.unwrap().pid;
    let daemon = scene.pid_in(&format!("daemon{incarnation}")).await;
    until("the adoption", || {
        look(daemon).filter(|(_, parent, _)| *parent == scene.keeper.pid())
    })
    .await;
    (leader, daemon)
}

async fn a_kill_ends_the_daemons_of_a_child_and_of_no_other(mut scene: Scene) {
    let (leader, daemon) = start_with_daemon(&scene, 1).await;
    let others = [
        start_with_daemon(&scene, 2).await,
        start_with_daemon(&scene, 3).await,
    ];

    scene.keeper.kill(1).unwrap();

    assert_eq!(scene.exit_of(1).await, KILLED);
    assert!(!runs(leader) && !runs(daemon));
    for (leader, daemon) in others {
        assert!(runs(leader) && runs(daemon), "another child was hit");
    }
}

async fn a_daemon_that_has_forgotten_its_environment_is_killed_by_its_control_group(mut scene: Scene) {
    let script = "(env -i setsid sh -c 'echo $$ > daemon; exec sleep 100' &) ; exec sleep 100";
    let process = scene.start(1, script).await;
    if !process.in_control_group {
        let test = "a_daemon_that_has_forgotten_its_environment_is_killed_by_its_control_group";
        return skip(test, "no cgroup v2 that this user may make groups in");
    }
    let daemon = scene.pid_in("daemon").await;
    until("the adoption", || {
        look(daemon).filter(|(_, parent, _)| *parent == scene.keeper.pid())
    })
    .await;

    scene.keeper.kill(1).unwrap();

    assert_eq!(scene.exit_of(1).await, KILLED);
    assert!(!runs(daemon));
}

async fn the_control_group_of_a_child_goes_with_it(mut scene: Scene) {
    let process = scene.start(1, "exec sleep 100").await;
    if !process.in_control_group {
        let test = "the_control_group_of_a_child_goes_with_it";
        return skip(test, "no cgroup v2 that this user may make groups in");
    }
    let group = control_group_directory(process.pid);
    let run = group.parent().unwrap().to_owned();

    scene.keeper.kill(1).unwrap();
    scene.exit_of(1).await;

    assert!(!group.exists(), "{} is left", group.display());
    assert!(run.exists());
    scene.keeper.clone().stop().await;
    assert!(!run.exists(), "{} is left", run.display());
}

/// A script that needs a moment to end when it is asked to.
fn write_worker(scene: &Scene) {
    let worker = "trap 'sleep 0.3; echo $$ > finished; exit 0' TERM
                  echo $$ > up; while :; do sleep 0.01; done";
    std::fs::write(scene.path("worker"), worker).unwrap();
}

async fn what_outlives_its_leader_after_a_stop_has_all_the_time_it_needs(mut scene: Scene) {
    write_worker(&scene);
    let mut request = scene.script(1, "true && sh ./worker; true");
    // Not for a stop that was asked for.
    request.leftover_timeout = Duration::ZERO;
    scene.keeper.spawn(request).await.unwrap();
    let worker = scene.pid_in("up").await;

    scene.keeper.ask_to_stop(1).unwrap();

    assert_eq!(scene.exit_of(1).await, ProcessExit::Signal(Signal::TERM));
    assert!(!runs(worker));
    assert!(scene.path("finished").exists(), "the worker was killed");
}

async fn after_a_stop_only_who_was_not_told_yet_is_told_when_the_leader_has_ended(mut scene: Scene) {
    let counting = |name: &str| {
        format!("trap 'echo t >> {name}.told' TERM; echo $$ > {name}; while [ ! -e go ]; do sleep 0.01; done")
    };
    std::fs::write(scene.path("near.sh"), counting("near")).unwrap();
    std::fs::write(scene.path("far.sh"), counting("far")).unwrap();
    scene.start(1, "sh ./near.sh & setsid sh ./far.sh & wait").await;
    scene.pid_in("near").await;
    let far = scene.pid_in("far").await;
    send("STOP", far);

    scene.keeper.ask_to_stop(1).unwrap();

    until("word for who is in a session of its own", || {
        scene.path("far.told").exists().then_some(())
    })
    .await;
    std::fs::write(scene.path("go"), "").unwrap();
    assert_eq!(scene.exit_of(1).await, ProcessExit::Signal(Signal::TERM));
    let told = |name: &str| std::fs::read_to_string(scene.path(name)).unwrap();
    assert_eq!(
        (told("near.told"), told("far.told")),
        ("t\n".into(), "t\n".into())
    );
}

async fn what_a_leader_leaves_behind_is_sent_the_stop_signal_and_has_its_time(mut scene: Scene) {
    write_worker(&scene);
    let script = "sh ./worker & while [ ! -e up ]; do sleep 0.01; done; exit 5";
    let mut request = scene.script(1, script);
    request.leftover_timeout = crate::scene::PATIENCE;

    scene.keeper.spawn(request).await.unwrap();

    assert_eq!(scene.exit_of(1).await, ProcessExit::Code(5));
    assert!(scene.path("finished").exists(), "the worker was killed");
    assert!(!runs(scene.pid_in("up").await));
}

async fn what_a_leader_leaves_behind_and_does_not_end_is_killed_after_its_time(mut scene: Scene) {
    let mut request = scene.script(1, "trap '' TERM HUP; sleep 100 & echo $! > left; exit 5");
    request.leftover_timeout = Duration::from_millis(50);
    scene.keeper.spawn(request).await.unwrap();

    assert_eq!(scene.exit_of(1).await, ProcessExit::Code(5));

    assert!(!runs(scene.pid_in("left").await));
}

async fn output_of_descendants_is_read_until_they_end(mut scene: Scene) {
    let script = "trap '' TERM; (while [ ! -e go ]; do sleep 0.01; done; echo late) & exit 0";
    let mut request = scene.script(1, script);
    request.output = Output::Merged;
    request.leftover_timeout = crate::scene::PATIENCE;
    let mut process = scene.keeper.spawn(request).await.unwrap();
    wait_until_gone(process.pid).await;

    std::fs::write(scene.path("go"), "").unwrap();

    let mut text = String::new();
    process
        .stdout
        .as_mut()
        .unwrap()
        .read_to_string(&mut text)
        .await
        .unwrap();
    assert_eq!(text, "late\n");
    assert_eq!(scene.exit_of(1).await, ProcessExit::Code(0));
}

async fn a_child_is_not_over_before_all_of_it_is(mut scene: Scene) {
    let script = "trap '' TERM; (while [ ! -e go ]; do sleep 0.01; done) & exit 0";
    let mut request = scene.script(1, script);
    request.leftover_timeout = crate::scene::PATIENCE;
    let process = scene.keeper.spawn(request).await.unwrap();
    wait_until_gone(process.pid).await;

    // A later child comes and goes; the first is still not reported.
    scene.start(2, "exit 0").await;
    assert_eq!(scene.exit_of(2).await, ProcessExit::Code(0));
    std::fs::write(scene.path("go"), "").unwrap();

    assert_eq!(scene.exit_of(1).await, ProcessExit::Code(0));
}

async fn a_fork_storm_is_ended(mut scene: Scene) {
    start_storm(&scene, 1).await;

    scene.keeper.kill(1).unwrap();

    assert_eq!(scene.exit_of(1).await, KILLED);
    assert_eq!(children_of(scene.keeper.pid()), []);
    assert_eq!(members_of_the_storm(&scene), 0);
}

async fn signals_to_what_does_not_run_do_nothing(mut scene: Scene) {
    scene.keeper.signal(9, Signal::TERM).unwrap();
    scene.keeper.kill(9).unwrap();

    scene.start(1, "exit 0").await;

    assert_eq!(scene.exit_of(1).await, ProcessExit::Code(0));
}
