//! How children end, and that all of a child ends.

use ordu_supervisor::process::{Output, ProcessExit, Signal};
use tokio::io::AsyncReadExt;

use crate::scene::{
    Scene, children_of, look, members_of_the_storm, runs, start_storm, until, wait_until_gone,
};

crate::tests![
    a_stop_signal_ends_a_child_with_that_signal,
    a_signal_reaches_the_whole_group,
    a_child_that_ignores_sigterm_is_killed,
    a_stopped_child_is_killed,
    a_kill_ends_grandchildren_in_sessions_of_their_own,
    a_kill_ends_a_daemon_by_its_mark,
    what_a_leader_leaves_behind_is_ended_after_the_drain_limit,
    output_of_descendants_is_drained_before_they_are_killed,
    a_child_is_not_over_before_all_of_it_is,
    a_fork_storm_is_ended,
    signals_to_what_does_not_run_do_nothing,
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

async fn a_stopped_child_is_killed(mut scene: Scene) {
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

async fn a_kill_ends_a_daemon_by_its_mark(mut scene: Scene) {
    // The double fork: its parent is gone, its session and group are its own.
    let mut request = scene.script(
        1,
        "(setsid sh -c 'echo $$ > daemon; exec sleep 100' &) ; exec sleep 100",
    );
    request.env.push(("ORDU_FENCE".into(), "000001".into()));
    request.mark = Some("ORDU_FENCE".into());
    scene.keeper.spawn(request).await.unwrap();
    scene.start(2, "exec sleep 100").await;
    let daemon = scene.pid_in("daemon").await;
    until("the adoption", || {
        look(daemon).filter(|(_, parent, _)| *parent == scene.keeper.pid())
    })
    .await;

    scene.keeper.kill(1).unwrap();

    assert_eq!(scene.exit_of(1).await, KILLED);
    assert!(!runs(daemon));
    assert_eq!(
        children_of(scene.keeper.pid()).len(),
        1,
        "the other child was hit"
    );
}

async fn what_a_leader_leaves_behind_is_ended_after_the_drain_limit(mut scene: Scene) {
    let mut request = scene.script(1, "trap '' TERM HUP; sleep 100 & echo $! > left; exit 5");
    request.drain_limit = std::time::Duration::from_millis(50);
    scene.keeper.spawn(request).await.unwrap();

    assert_eq!(scene.exit_of(1).await, ProcessExit::Code(5));

    assert!(!runs(scene.pid_in("left").await));
}

async fn output_of_descendants_is_drained_before_they_are_killed(mut scene: Scene) {
    let mut request = scene.script(1, "(while [ ! -e go ]; do sleep 0.01; done; echo late) & exit 0");
    request.output = Output::Merged;
    request.drain_limit = crate::scene::PATIENCE;
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
    let mut request = scene.script(1, "(while [ ! -e go ]; do sleep 0.01; done) & exit 0");
    request.drain_limit = crate::scene::PATIENCE;
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
