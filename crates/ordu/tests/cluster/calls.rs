//! Calls from several callers and on several nodes.

use std::collections::BTreeSet;
use std::time::Duration;

use ordu::{CallError, ChildState};

use crate::world::{OsProcess, World, horde, running, until};

crate::trials![
    two_callers_of_one_id_start_one_child,
    a_child_started_through_one_node_is_found_on_all,
    a_dropped_call_is_carried_out_all_the_same,
    a_child_is_stopped_restarted_and_deleted_through_any_node,
    an_unknown_child_is_not_found_on_any_node,
    a_bad_id_is_refused_where_it_is_asked,
    a_kind_that_no_node_has_is_refused_with_the_reason,
];

async fn two_callers_of_one_id_start_one_child() {
    let world = World::new();
    let nodes = world.three().await;
    for round in 0..10 {
        let id = format!("child-{round}");
        let hordes = nodes.each_ref().map(horde);
        let (a, b, c) = tokio::join!(
            hordes[0].start_child(&id, world.sleeper()),
            hordes[1].start_child(&id, world.sleeper()),
            hordes[2].start_child(&id, world.sleeper()),
        );
        let outcomes = [a, b, c];
        assert_eq!(
            outcomes.iter().filter(|outcome| outcome.is_ok()).count(),
            1,
            "{outcomes:?}"
        );
        for outcome in outcomes {
            assert!(
                matches!(outcome, Ok(_) | Err(CallError::AlreadyStarted(_))),
                "{outcome:?}"
            );
        }
    }
    world
        .until_processes("there are ten", |processes| processes.len() == 10)
        .await;
}

async fn a_child_started_through_one_node_is_found_on_all() {
    let world = World::new();
    let nodes = world.three().await;

    for (index, node) in nodes.iter().cycle().take(30).enumerate() {
        let id = format!("child-{index}");
        let started = horde(node).start_child(&id, world.sleeper()).await.unwrap();
        // S5.6: on the asking node at once.
        assert_eq!(horde(node).lookup(&id).as_ref(), started.child());
    }

    for node in &nodes {
        until("all thirty are known to run", node, || running(node) == 30).await;
    }
    let [a, b, c] = nodes.each_ref().map(|node| {
        let children = horde(node).children();
        children
            .iter()
            .map(|child| (child.id.clone(), child.node.clone(), child.token, child.os_pid))
            .collect()
    });
    let (a, b, c): (Vec<_>, Vec<_>, Vec<_>) = (a, b, c);
    assert_eq!(a, b);
    assert_eq!(b, c);
    let owners: BTreeSet<_> = a.iter().map(|(_, node, ..)| node.clone().unwrap()).collect();
    assert_eq!(owners.len(), 3, "all on {owners:?}");
    world
        .until_processes("there is one of each", |processes| {
            let ids: BTreeSet<&str> = processes.iter().map(OsProcess::id).collect();
            (processes.len(), ids.len()) == (30, 30)
        })
        .await;
}

async fn a_dropped_call_is_carried_out_all_the_same() {
    let world = World::new();
    let node = world.node("n1", &[]).await;
    let horde = horde(&node);

    // Polled once, so the call is on its way, and dropped at the first chance.
    tokio::select! {
        biased;
        _ = horde.start_child("a", world.sleeper()) => {}
        () = std::future::ready(()) => {}
    }

    until("it runs", &node, || {
        horde
            .lookup("a")
            .is_some_and(|child| child.state == ChildState::Running)
    })
    .await;
    world.until_ids(&["a"]).await;
}

async fn a_child_is_stopped_restarted_and_deleted_through_any_node() {
    let world = World::new();
    let nodes = world.three().await;
    let [h1, h2, h3] = nodes.each_ref().map(horde);
    h1.start_child("a", world.sleeper()).await.unwrap();

    until("n2 knows it", &nodes[1], || h2.lookup("a").is_some()).await;
    h2.terminate_child("a").await.unwrap();
    world.until_processes("it is stopped", <[_]>::is_empty).await;
    h3.restart_child("a").await.unwrap();
    world.until_ids(&["a"]).await;
    h1.terminate_child("a").await.unwrap();
    h2.delete_child("a").await.unwrap();

    for node in &nodes {
        until("it is gone everywhere", node, || {
            horde(node).lookup("a").is_none()
        })
        .await;
    }
    assert_eq!(world.processes(), []);
}

async fn an_unknown_child_is_not_found_on_any_node() {
    let world = World::new();
    let nodes = world.three().await;
    for node in &nodes {
        let horde = horde(node).with_timeout(Duration::from_secs(10));
        for outcome in [
            horde.terminate_child("nobody").await.map(drop),
            horde.restart_child("nobody").await.map(drop),
            horde.delete_child("nobody").await,
        ] {
            assert!(matches!(outcome, Err(CallError::NotFound { .. })), "{outcome:?}");
        }
    }
}

async fn a_bad_id_is_refused_where_it_is_asked() {
    let world = World::new();
    let node = world.node("n1", &[]).await;
    for id in ["", "a\nb", &"x".repeat(256)] {
        let outcome = horde(&node).start_child(id, world.sleeper()).await;
        assert!(
            matches!(outcome, Err(CallError::Invalid(_))),
            "{id:?}: {outcome:?}"
        );
    }
}

async fn a_kind_that_no_node_has_is_refused_with_the_reason() {
    let world = World::new();
    let node = world.node("n1", &[]).await;
    let spec = ordu::ChildSpec::new(ordu::Kind::new("unheard-of").unwrap(), 1, Vec::new());

    let error = horde(&node).start_child("a", spec).await.unwrap_err();

    assert!(matches!(error, CallError::NoEligibleNode { .. }), "{error}");
    assert_eq!(horde(&node).lookup("a"), None);
}
