//! Descendants that show nothing of the child they are of: another session, another group, no mark, no parent.
//!
//! Two children run side by side wherever that is not the point, so that no process can be a child's merely because
//! there is no other.

use std::fs;

use ordu_supervisor::process::{ProcessExit, Signal};

use crate::scene::{Scene, look, runs, send, until};

crate::tests![
    ;
    both_ways:
    a_stop_ends_whom_it_orphans_itself_and_nobody_of_another_child,
    what_is_started_anew_after_a_stop_has_nothing_of_the_run_before_beside_it,
    a_signal_that_ends_the_first_process_ends_whom_it_orphans,
    who_is_forked_while_a_stop_is_under_way_ends_with_it,
    who_was_seen_while_its_first_process_ran_ends_when_that_is_killed,
    an_orphan_that_can_be_of_one_child_only_ends_with_it,
    an_orphan_that_can_be_of_several_children_ends_with_none_but_its_own
];

/// Leaves one process behind that shows nothing, once the shell has ended; its pid is in the file.
fn forgetful(name: &str) -> String {
    format!("env -i setsid sh -c 'echo $$ > {name}; exec sleep 100' & wait")
}

/// The same, but that process is an orphan from the start.
fn daemon(name: &str) -> String {
    format!("(env -i setsid sh -c 'echo $$ > {name}; exec sleep 100' &); exec sleep 100")
}

/// Two children, and what each would leave behind: (first process, the other).
async fn start_two(scene: &Scene) -> [(u32, u32); 2] {
    let mut both = [(0, 0); 2];
    for (incarnation, pids) in (1..).zip(&mut both) {
        let name = format!("left{incarnation}");
        let leader = scene.start(incarnation, &forgetful(&name)).await.pid;
        *pids = (leader, scene.pid_in(&name).await);
    }
    both
}

async fn a_stop_ends_whom_it_orphans_itself_and_nobody_of_another_child(mut scene: Scene) {
    let [(_, left), other] = start_two(&scene).await;

    scene.keeper.ask_to_stop(1).unwrap();

    assert_eq!(scene.exit_of(1).await, ProcessExit::Signal(Signal::TERM));
    assert!(!runs(left), "{left} has outlived the stop");
    assert!(runs(other.0) && runs(other.1), "another child was hit");
}

async fn what_is_started_anew_after_a_stop_has_nothing_of_the_run_before_beside_it(mut scene: Scene) {
    let [(_, left), other] = start_two(&scene).await;
    scene.keeper.ask_to_stop(1).unwrap();
    scene.exit_of(1).await;

    scene.start(3, &forgetful("left3")).await;
    let next = scene.pid_in("left3").await;

    assert!(!runs(left), "{left} runs beside {next}");
    assert!(runs(next) && runs(other.0) && runs(other.1));
    scene.keeper.kill(3).unwrap();
    assert_eq!(scene.exit_of(3).await, ProcessExit::Signal(Signal::KILL));
    assert!(!runs(next));
    assert!(runs(other.0) && runs(other.1), "another child was hit");
}

async fn a_signal_that_ends_the_first_process_ends_whom_it_orphans(mut scene: Scene) {
    let [(_, left), other] = start_two(&scene).await;

    scene.keeper.signal(1, Signal::HUP).unwrap();

    assert_eq!(scene.exit_of(1).await, ProcessExit::Signal(Signal::HUP));
    assert!(!runs(left), "{left} is left");
    assert!(runs(other.0) && runs(other.1), "another child was hit");
}

async fn who_is_forked_while_a_stop_is_under_way_ends_with_it(mut scene: Scene) {
    let late = "env -i setsid sh -c \"env -i setsid sleep 100 & echo \\$! > later; wait\" &";
    let script = format!(
        "trap '{late} while [ ! -e go ]; do sleep 0.01; done; exit 3' TERM; echo $$ > up; while :; do sleep 0.01; done"
    );
    scene.start(1, &script).await;
    let other = scene.start(2, &daemon("other")).await.pid;
    scene.pid_in("up").await;
    let daemon = scene.pid_in("other").await;

    scene.keeper.ask_to_stop(1).unwrap();

    let later = scene.pid_in("later").await;
    let (_, late, _) = look(later).unwrap();
    scene.keeper_looks().await;
    fs::write(scene.path("go"), "").unwrap();
    assert_eq!(scene.exit_of(1).await, ProcessExit::Code(3));
    assert!(!runs(late) && !runs(later), "{late} or {later} is left");
    assert!(runs(other) && runs(daemon), "another child was hit");
}

async fn who_was_seen_while_its_first_process_ran_ends_when_that_is_killed(mut scene: Scene) {
    let [(leader, left), other] = start_two(&scene).await;
    scene.keeper_looks().await;

    send("KILL", leader);

    assert_eq!(scene.exit_of(1).await, ProcessExit::Signal(Signal::KILL));
    assert!(!runs(left), "{left} is left");
    assert!(runs(other.0) && runs(other.1), "another child was hit");
}

async fn an_orphan_that_can_be_of_one_child_only_ends_with_it(mut scene: Scene) {
    scene.start(1, &daemon("left")).await;
    let left = scene.pid_in("left").await;
    adopted(&scene, left).await;

    scene.keeper.ask_to_stop(1).unwrap();

    assert_eq!(scene.exit_of(1).await, ProcessExit::Signal(Signal::TERM));
    assert!(!runs(left), "{left} is left");
}

async fn an_orphan_that_can_be_of_several_children_ends_with_none_but_its_own(mut scene: Scene) {
    let mut left = Vec::new();
    scene.start(1, "exec sleep 100").await;
    scene.start(2, "exec sleep 100").await;
    for incarnation in [3, 4] {
        let name = format!("left{incarnation}");
        scene.start(incarnation, &daemon(&name)).await;
        left.push(scene.pid_in(&name).await);
        adopted(&scene, *left.last().unwrap()).await;
    }

    scene.keeper.ask_to_stop(1).unwrap();
    scene.exit_of(1).await;
    scene.keeper.kill(2).unwrap();
    scene.exit_of(2).await;
    assert!(left.iter().all(|&pid| runs(pid)), "another child was hit");

    // Its own is not known without a control group, and stays unknown when there is one child left.
    scene.keeper.kill(3).unwrap();
    scene.exit_of(3).await;
    assert!(runs(left[1]), "another child was hit");
}

async fn adopted(scene: &Scene, pid: u32) {
    until("the adoption", || {
        look(pid).filter(|(_, parent, _)| *parent == scene.keeper.pid())
    })
    .await;
}
