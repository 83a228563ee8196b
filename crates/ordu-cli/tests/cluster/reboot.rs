//! An agent that is back before anybody missed it, and one that finds nobody.

use std::time::{Duration, Instant};

use crate::harness::{Cluster, eventually, holds_for, is_alive, measured};

#[test]
fn an_agent_killed_and_started_again_at_once_costs_no_child_and_doubles_none() {
    let (mut cluster, ids) = Cluster::with_children(3, 30);
    let before = cluster.copies().one_each(&ids).unwrap();

    let killed = Instant::now();
    cluster.nodes[1].kill();
    cluster.nodes[1].start();
    let gap = killed.elapsed();
    assert!(
        gap < Duration::from_millis(200),
        "the test itself took {gap:?} to start it again"
    );

    let lost = |id: &String| before[id].node == "n2";
    let look = || {
        let now = cluster.copies().one_each(&ids)?;
        match ids.iter().find(|id| lost(id) && now[*id] == before[*id]) {
            Some(id) => Err(format!("the old copy of {id} is still there")),
            None => Ok(now),
        }
    };
    let (after, time) = eventually(Duration::from_secs(5), "all run, each once", look);
    measured("all run again after kill -9 and start", time);
    for id in ids.iter().filter(|id| lost(id)) {
        assert!(
            after[id].epoch > before[id].epoch,
            "{id}: {:?} then {:?}",
            before[id],
            after[id]
        );
        assert!(!is_alive(before[id].pid), "{id}: the old copy lives");
    }
    cluster.await_members(Duration::from_secs(10));
    cluster.await_ps_agrees(&ids, Duration::from_secs(5));
    holds_for(Duration::from_secs(2), "one of each", || {
        cluster.copies().one_each(&ids).map(drop)
    });
}

#[test]
fn a_node_that_has_not_joined_yet_does_not_say_that_there_are_no_children() {
    let mut cluster = Cluster::empty();
    cluster.add_node();
    cluster.add_node();
    // The first, which it is to join, is not there: it waits a while before it takes itself for a cluster.
    let node = &mut cluster.nodes[1];
    node.start();
    eventually(Duration::from_secs(5), "it listens", || {
        let said = node.ordu(["members", "--json"]);
        if said.code == 0 { Ok(()) } else { Err(said.stderr) }
    });
    let said = node.ordu(["ps"]);
    assert_eq!(said.code, 7, "{}{}", said.stdout, said.stderr);
    assert!(said.stderr.contains("has not caught up"), "{}", said.stderr);
    // Who is asked in the last seconds of that waits with it.
    eventually(Duration::from_secs(15), "it answers", || {
        let said = node.ordu(["ps", "--json"]);
        if said.code == 0 { Ok(()) } else { Err(said.stderr) }
    });
}
