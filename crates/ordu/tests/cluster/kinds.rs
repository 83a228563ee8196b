//! Kinds of the program's own.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use ordu::{
    CallError, ChildSpec, ChildState, ExitReason, Kind, Node, Running, StartId, StartRequest, Started,
    Starting, WorkerKind,
};

use crate::world::{World, alive, horde, until};

crate::trials![
    children_run_only_where_their_kind_is_registered,
    a_version_that_no_node_understands_is_refused,
    a_child_may_choose_not_to_run,
    a_kind_that_panics_fails_that_start_and_nothing_else,
    in_process_children_move_when_their_node_dies,
];

/// Children that do nothing until they are stopped; args say what a start does instead.
#[derive(Debug, Default)]
struct Idle(Mutex<HashMap<StartId, Running>>);

impl WorkerKind for Idle {
    fn kind(&self) -> Kind {
        Kind::new("idle").unwrap()
    }

    fn versions(&self) -> Vec<u16> {
        vec![1, 2]
    }

    fn start(&self, request: StartRequest, starting: Starting) {
        match &request.spec.args[..] {
            b"ignore" => starting.ignored(),
            b"fail" => starting.failed("as told"),
            b"panic" => panic!("as told"),
            _ => {
                let running = starting.started(None);
                self.0
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(request.start, running);
            }
        }
    }

    fn shutdown(&self, start: StartId) {
        let running = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&start);
        if let Some(running) = running {
            running.exited(ExitReason::Shutdown);
        }
    }

    fn kill(&self, start: StartId) {
        self.shutdown(start);
    }
}

fn idle(version: u16, args: &str) -> ChildSpec {
    ChildSpec::new(Kind::new("idle").unwrap(), version, args.into())
}

async fn node(world: &World, name: &str, others: &[&Node]) -> Node {
    let mut builder = Node::builder(name).key(world.key.clone()).kind(Idle::default());
    for other in others {
        builder = builder.join(other.addr().to_string());
    }
    let node = builder.start().await.unwrap();
    node.ready().await;
    node
}

async fn children_run_only_where_their_kind_is_registered() {
    let world = World::new();
    let n1 = node(&world, "n1", &[]).await;
    let n2 = Node::builder("n2")
        .key(world.key.clone())
        .join(n1.addr().to_string())
        .start()
        .await
        .unwrap();
    n2.ready().await;
    for node in [&n1, &n2] {
        until("both are alive", node, || alive(node) == 2).await;
    }

    for index in 0..20 {
        let started = horde(&n2)
            .start_child(format!("child-{index}"), idle(1, ""))
            .await
            .unwrap();
        let child = started.child().unwrap();
        assert_eq!(child.node.as_ref(), Some(n1.name()), "{child:?}");
        assert_eq!(child.os_pid, None);
    }
}

async fn a_version_that_no_node_understands_is_refused() {
    let world = World::new();
    let n1 = node(&world, "n1", &[]).await;
    horde(&n1).start_child("understood", idle(2, "")).await.unwrap();

    let outcome = horde(&n1).start_child("not", idle(3, "")).await;

    assert!(
        matches!(outcome, Err(CallError::NoEligibleNode { .. })),
        "{outcome:?}"
    );
}

async fn a_child_may_choose_not_to_run() {
    let world = World::new();
    let n1 = node(&world, "n1", &[]).await;

    assert_eq!(
        horde(&n1).start_child("a", idle(1, "ignore")).await.unwrap(),
        Started::Ignored
    );

    assert_eq!(horde(&n1).lookup("a"), None);
}

async fn a_kind_that_panics_fails_that_start_and_nothing_else() {
    let world = World::new();
    let n1 = node(&world, "n1", &[]).await;
    horde(&n1).start_child("good", idle(1, "")).await.unwrap();

    for args in ["panic", "fail"] {
        let outcome = horde(&n1).start_child("bad", idle(1, args)).await;
        assert!(
            matches!(outcome, Err(CallError::StartFailed { .. })),
            "{args}: {outcome:?}"
        );
    }

    assert_eq!(horde(&n1).lookup("bad"), None);
    assert_eq!(horde(&n1).lookup("good").unwrap().state, ChildState::Running);
    horde(&n1).terminate_child("good").await.unwrap();
}

async fn in_process_children_move_when_their_node_dies() {
    let world = World::new();
    let n1 = node(&world, "n1", &[]).await;
    let n2 = node(&world, "n2", &[&n1]).await;
    for node in [&n1, &n2] {
        until("both are alive", node, || alive(node) == 2).await;
    }
    for index in 0..20 {
        horde(&n1)
            .start_child(format!("child-{index}"), idle(1, ""))
            .await
            .unwrap();
    }

    drop(n1);

    until("all run on the one that is left", &n2, || {
        let children = horde(&n2).children();
        children.len() == 20
            && children
                .iter()
                .all(|child| child.state == ChildState::Running && child.node.as_ref() == Some(n2.name()))
    })
    .await;
}
