//! Children of several nodes, and what becomes of them when a node is killed.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::harness::{Cluster, Copy, holds_for, is_alive, measured};

fn once(cluster: &Cluster, ids: &[String]) -> BTreeMap<String, Copy> {
    cluster.copies().one_each(ids).unwrap()
}

#[test]
fn children_started_through_three_nodes_are_spread_over_all_and_every_node_says_the_same() {
    let (cluster, ids) = Cluster::with_children(3, 30);

    let copies = cluster.copies();
    let spread = copies.per_node();
    println!("spread: {spread:?}");
    assert_eq!(spread.len(), 3, "not all nodes have children: {spread:?}");
    // Each node's list is the operating system's, so they are each other's.
    cluster.await_ps_agrees(&ids, Duration::from_secs(5));
}

#[test]
fn after_kill_9_of_an_agent_each_child_runs_exactly_once_on_the_others_within_5_s() {
    let (mut cluster, ids) = Cluster::with_children(3, 30);
    let before = once(&cluster, &ids);
    let (dead, orphans): (String, Vec<String>) = {
        let dead = &cluster.nodes[0].name;
        (
            dead.clone(),
            before
                .iter()
                .filter(|(_, copy)| copy.node == *dead)
                .map(|(id, _)| id.clone())
                .collect(),
        )
    };
    assert!(!orphans.is_empty(), "{dead} had no children: {before:?}");

    cluster.nodes[0].kill();
    let look = || {
        let copies = cluster.copies();
        let alive = copies.one_each(&ids)?;
        match alive.values().find(|copy| copy.node == dead) {
            Some(copy) => Err(format!("still there: {copy:?}")),
            None => Ok(alive),
        }
    };
    let (after, time) = crate::harness::eventually(Duration::from_secs(5), "all run on the other two", look);
    measured(
        &format!("{} of 30 children taken over after kill -9", orphans.len()),
        time,
    );

    for id in &orphans {
        assert!(
            after[id].epoch > before[id].epoch,
            "{id}: {:?} then {:?}",
            before[id],
            after[id]
        );
        assert!(
            after[id].fence > before[id].fence,
            "{id}: {:?} then {:?}",
            before[id],
            after[id]
        );
        assert!(
            !is_alive(before[id].pid),
            "{id}: the copy of the killed agent lives: {:?}",
            before[id]
        );
    }
    for id in ids.iter().filter(|id| !orphans.contains(id)) {
        assert_eq!(after[id], before[id], "a child of another node was touched");
    }
    cluster.await_ps_agrees(&ids, Duration::from_secs(5));
    holds_for(Duration::from_secs(1), "one of each", || {
        cluster.copies().one_each(&ids).map(drop)
    });
}

#[test]
fn a_new_agent_of_a_killed_ones_name_joins_and_is_used_for_new_children() {
    let (mut cluster, mut ids) = Cluster::with_children(3, 9);
    cluster.nodes[1].kill();
    cluster.await_one_each(&ids, Duration::from_secs(5));

    cluster.nodes[1].start();
    cluster.nodes[1].await_ready();
    cluster.await_members(Duration::from_secs(10));
    let more: Vec<String> = (0..30).map(|number| format!("later{number}")).collect();
    for (id, node) in more.iter().zip(cluster.nodes.iter().cycle()) {
        cluster.start_child(node, id).ok();
    }
    ids.extend(more);
    cluster.await_one_each(&ids, Duration::from_secs(5));

    let copies = cluster.copies();
    assert!(
        copies.per_node().contains_key("n2"),
        "n2 is not used: {:?}",
        copies.per_node()
    );
    cluster.await_ps_agrees(&ids, Duration::from_secs(5));
}

#[test]
fn an_agent_told_to_terminate_leaves_and_its_children_go_on_elsewhere() {
    let (mut cluster, ids) = Cluster::with_children(3, 12);

    assert_eq!(cluster.nodes[2].terminate(), Some(0));

    cluster.await_one_each(&ids, Duration::from_secs(5));
    let copies = cluster.copies();
    assert!(!copies.per_node().contains_key("n3"), "{:?}", copies.per_node());
    cluster.await_ps_agrees(&ids, Duration::from_secs(5));
    assert!(!cluster.nodes[2].socket.exists(), "the socket was left behind");
}
