//! Going in peace.

use ordu::{ChildSpec, ChildState, Exited, MemberState, Shutdown};

use crate::world::{World, horde, running, until};

crate::trials![
    children_of_a_node_that_leaves_go_on_elsewhere,
    nothing_of_a_node_that_left_is_left,
    a_node_that_leaves_is_not_ready_any_more,
];

async fn children_of_a_node_that_leaves_go_on_elsewhere() {
    let world = World::new();
    let nodes = world.three().await;
    for (index, node) in nodes.iter().cycle().take(12).enumerate() {
        horde(node)
            .start_child(format!("child-{index}"), world.sleeper())
            .await
            .unwrap();
    }
    let [n1, n2, n3] = nodes;

    assert_eq!(n3.leave().await, Exited::Left);

    for node in [&n1, &n2] {
        until("all run on the two that stay", node, || {
            let children = horde(node).children();
            running(node) == 12
                && children
                    .iter()
                    .all(|child| child.node.as_ref().is_some_and(|owner| owner != n3.name()))
        })
        .await;
        until("it counts as left, or is removed already", node, || {
            let members = node.members();
            let member = members.iter().find(|member| member.id == n3.id());
            member.is_none_or(|member| matches!(member.state, MemberState::Left | MemberState::Removed))
        })
        .await;
    }
    world
        .until_processes("there are twelve", |processes| processes.len() == 12)
        .await;
}

async fn nothing_of_a_node_that_left_is_left() {
    let world = World::new();
    let node = world.node("n1", &[]).await;
    let addr = node.addr();
    horde(&node).start_child("a", world.sleeper()).await.unwrap();
    assert_eq!(horde(&node).lookup("a").unwrap().state, ChildState::Running);

    node.leave().await;

    // Closing the sockets takes the runtime a moment.
    world
        .until_processes("its ports are free", |_| {
            std::net::TcpListener::bind(addr).is_ok() && std::net::UdpSocket::bind(addr).is_ok()
        })
        .await;
    world.builder("n1", &[]).listen(addr).start().await.unwrap();
    assert_eq!(node.exited().await, Exited::Left, "it stays over");
}

async fn a_node_that_leaves_is_not_ready_any_more() {
    let world = World::new();
    let node = world.builder("n1", &[]).start().await.unwrap();
    node.ready().await;
    assert!(node.is_ready());
    let (deaf, go) = (world.dir.path().join("deaf"), world.dir.path().join("go"));
    let script = format!(
        "trap '' TERM; : > {}; while [ ! -e {} ]; do sleep 0.01; done",
        deaf.display(),
        go.display()
    );
    let child = ChildSpec {
        shutdown: Shutdown::Infinity,
        ..world.shell(&script)
    };
    horde(&node).start_child("a", child).await.unwrap();
    world.until_processes("it is deaf", |_| deaf.exists()).await;

    let leaving = tokio::spawn({
        let node = node.clone();
        async move { node.leave().await }
    });
    until("it takes no more children", &node, || !node.is_ready()).await;
    assert!(!leaving.is_finished(), "its child still runs");
    std::fs::write(go, "").unwrap();

    assert_eq!(leaving.await.unwrap(), Exited::Left);
    assert!(!node.is_ready());
}
