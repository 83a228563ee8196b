//! What happens when the keeper of a node is killed.

use std::collections::BTreeSet;

use ordu::ChildState;

use crate::alone::send;
use crate::world::{OsProcess, World, horde, until};

crate::trials![
    children_of_a_killed_keeper_end_and_are_started_again_once,
    a_node_ends_with_all_its_children_though_its_keeper_is_stopped,
];

async fn children_of_a_killed_keeper_end_and_are_started_again_once() {
    let world = World::new();
    let node = world.node("n1", &[]).await;
    for id in ["a", "b", "c"] {
        horde(&node).start_child(id, world.sleeper()).await.unwrap();
    }
    world.until_ids(&["a", "b", "c"]).await;
    let before = world.processes();
    let old: BTreeSet<u32> = before.iter().map(|process| process.pid).collect();

    send("KILL", keeper_of(&before[0]));

    for id in ["a", "b", "c"] {
        until("it runs again", &node, || {
            horde(&node).lookup(id).is_some_and(|child| {
                child.state == ChildState::Running && child.os_pid.is_some_and(|pid| !old.contains(&pid))
            })
        })
        .await;
        assert_eq!(horde(&node).lookup(id).unwrap().restarts, 1);
    }
    world.until_ids(&["a", "b", "c"]).await;
    assert!(
        world
            .processes()
            .iter()
            .all(|process| !old.contains(&process.pid))
    );
}

async fn a_node_ends_with_all_its_children_though_its_keeper_is_stopped() {
    let world = World::new();
    let node = world.node("n1", &[]).await;
    horde(&node).start_child("a", world.sleeper()).await.unwrap();
    world.until_ids(&["a"]).await;
    let keeper = keeper_of(&world.processes()[0]);
    send("STOP", keeper);
    let mut events = node.events();

    drop(node);

    while events.next().await.is_some() {}
    world.until_processes("nothing runs", <[_]>::is_empty).await;
    world
        .until_processes("the keeper is gone", |_| {
            !std::path::Path::new(&format!("/proc/{keeper}")).exists()
        })
        .await;
}

/// A child's parent is its keeper.
fn keeper_of(process: &OsProcess) -> u32 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.pid)).unwrap();
    // `pid (name) state ppid …`; the name may have spaces and parentheses.
    let (_, rest) = stat.rsplit_once(')').unwrap();
    rest.split_whitespace().nth(1).unwrap().parse().unwrap()
}
