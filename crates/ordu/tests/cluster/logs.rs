//! What children print.

use std::time::Duration;

use ordu::LogError;

use crate::alone::send;
use crate::world::{World, horde, temporary, until};

crate::trials![
    what_a_child_prints_is_in_its_log,
    a_follower_sees_lines_as_they_come_and_across_a_restart,
    a_child_that_never_ran_here_has_no_log,
    a_log_that_was_removed_is_written_anew,
    another_life_of_an_id_does_not_show_what_the_one_before_said,
    the_output_of_a_finished_child_goes_after_the_retention_and_that_of_others_stays,
    output_that_is_too_much_goes_but_not_that_of_a_running_child,
];

async fn what_a_child_prints_is_in_its_log() {
    let world = World::new();
    let node = world.node("n1", &[]).await;
    let script = "echo one; echo two >&2; echo three";
    horde(&node)
        .start_child("../web 1", temporary(world.shell(script)))
        .await
        .unwrap();
    until("it has ended", &node, || {
        horde(&node).lookup("../web 1").is_none()
    })
    .await;

    let log = horde(&node).log("../web 1").unwrap();

    let mut follower = log.follow(10);
    let mut followed = Vec::new();
    for _ in 0..3 {
        followed.push(follower.next().await.unwrap());
    }
    // The two streams are not ordered to each other.
    followed.sort();
    assert_eq!(followed, ["one", "three", "two"]);
    assert!(
        log.path()
            .starts_with(world.data_dir("n1").canonicalize().unwrap().join("logs"))
    );
    assert_eq!(log.tail(10).await.unwrap().len(), 3);
    assert_eq!(log.tail(1).await.unwrap().len(), 1);
}

async fn a_follower_sees_lines_as_they_come_and_across_a_restart() {
    let world = World::new();
    let node = world.node("n1", &[]).await;
    let script = "echo epoch $ORDU_EPOCH; exec sleep 600";
    let started = horde(&node).start_child("a", world.shell(script)).await.unwrap();
    let before = started.child().unwrap().clone();
    let mut follower = horde(&node).log("a").unwrap().follow(10);
    assert_eq!(
        follower.next().await.unwrap(),
        format!("epoch {}", before.epoch())
    );

    send("KILL", before.os_pid.unwrap());

    let line = follower.next().await.unwrap();
    until("it is known to run again", &node, || {
        horde(&node)
            .lookup("a")
            .is_some_and(|child| line == format!("epoch {}", child.epoch()))
    })
    .await;
    assert!(horde(&node).lookup("a").unwrap().epoch() > before.epoch());
}

async fn a_child_that_never_ran_here_has_no_log() {
    let world = World::new();
    let node = world.node("n1", &[]).await;
    assert!(matches!(horde(&node).log("a"), Err(LogError::NoLog { .. })));
}

async fn a_log_that_was_removed_is_written_anew() {
    let world = World::new();
    let node = world.node("n1", &[]).await;
    let go = world.dir.path().join("go");
    let script = format!(
        "echo before; while [ ! -e {} ]; do sleep 0.02; done; echo after; exec sleep 600",
        go.display()
    );
    horde(&node).start_child("a", world.shell(&script)).await.unwrap();
    let log = horde(&node).log("a").unwrap();
    let mut follower = log.follow(10);
    assert_eq!(follower.next().await.unwrap(), "before");

    std::fs::remove_dir_all(world.data_dir("n1").join("logs")).unwrap();
    // It runs here: that it has said nothing that is left is no error.
    assert_eq!(horde(&node).log("a").unwrap().tail(10).await.unwrap().len(), 0);
    std::fs::write(&go, "").unwrap();

    assert_eq!(follower.next().await.unwrap(), "after");
    assert_eq!(horde(&node).log("a").unwrap().tail(10).await.unwrap(), ["after"]);
}

async fn another_life_of_an_id_does_not_show_what_the_one_before_said() {
    let world = World::new();
    let node = world.node("n1", &[]).await;
    let horde = horde(&node);
    let talker = |word: &str| world.shell(&format!("echo {word}; exec sleep 600"));
    horde.start_child("a", talker("old")).await.unwrap();
    assert_eq!(horde.log("a").unwrap().follow(1).next().await.unwrap(), "old");

    horde.terminate_child("a").await.unwrap();
    horde.delete_child("a").await.unwrap();
    horde.start_child("a", talker("new")).await.unwrap();

    assert_eq!(horde.log("a").unwrap().follow(9).next().await.unwrap(), "new");
    assert_eq!(horde.log("a").unwrap().tail(9).await.unwrap(), ["new"]);
}

async fn the_output_of_a_finished_child_goes_after_the_retention_and_that_of_others_stays() {
    let world = World::new();
    let builder = world.builder("n1", &[]).log_retention(Duration::from_secs(2));
    let node = builder.start().await.unwrap();
    node.ready().await;
    let horde = horde(&node);
    for (id, script) in [
        ("stays", "echo here; exec sleep 600"),
        ("stopped", "echo here; exec sleep 600"),
    ] {
        horde.start_child(id, world.shell(script)).await.unwrap();
        horde.log(id).unwrap().follow(1).next().await.unwrap();
    }
    horde.terminate_child("stopped").await.unwrap();
    let finished = temporary(world.shell("echo and gone"));
    horde.start_child("finished", finished).await.unwrap();
    until("it has ended", &node, || horde.lookup("finished").is_none()).await;
    // It can be read for a while.
    let path = horde.log("finished").unwrap().path();

    while path.exists() || path.with_extension("life").exists() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    assert!(matches!(horde.log("finished"), Err(LogError::NoLog { .. })));
    for id in ["stays", "stopped"] {
        assert_eq!(horde.log(id).unwrap().tail(9).await.unwrap(), ["here"], "{id}");
    }
}

async fn output_that_is_too_much_goes_but_not_that_of_a_running_child() {
    let world = World::new();
    let builder = world.builder("n1", &[]);
    // Looked at every 100 ms; neither child is over, so that the retention is not what removes anything.
    let builder = builder
        .log_retention(Duration::from_millis(400))
        .log_max_total(100_000);
    let node = builder.start().await.unwrap();
    node.ready().await;
    let horde = horde(&node);
    let talks = "yes | head -c 200000; echo done; exec sleep 600";
    for id in ["runs", "stopped"] {
        horde.start_child(id, world.shell(talks)).await.unwrap();
        let mut follower = horde.log(id).unwrap().follow(1);
        while follower.next().await.unwrap() != "done" {}
    }
    let path = horde.log("stopped").unwrap().path();
    horde.terminate_child("stopped").await.unwrap();

    while path.exists() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    assert!(matches!(horde.log("stopped"), Err(LogError::NoLog { .. })));
    assert_eq!(horde.log("runs").unwrap().tail(1).await.unwrap(), ["done"]);
}
