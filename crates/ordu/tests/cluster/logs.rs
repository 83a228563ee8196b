//! What children print.

use ordu::LogError;

use crate::alone::send;
use crate::world::{World, horde, temporary, until};

crate::trials![
    what_a_child_prints_is_in_its_log,
    a_follower_sees_lines_as_they_come_and_across_a_restart,
    a_child_that_never_ran_here_has_no_log,
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
