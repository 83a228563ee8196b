//! What happens to the children of a node that goes without a word.

use ordu::{ChildState, Node, NodeName};

use crate::world::{World, horde, running, until};

crate::trials![
    children_of_a_node_that_died_run_on_the_others_with_higher_epochs,
    a_node_of_the_same_name_comes_back_at_once_and_every_child_runs_once,
    the_last_node_takes_everything,
];

const CHILDREN: usize = 30;

async fn start_children(world: &World, nodes: &[Node; 3]) {
    for (index, node) in nodes.iter().cycle().take(CHILDREN).enumerate() {
        horde(node)
            .start_child(format!("child-{index}"), world.sleeper())
            .await
            .unwrap();
    }
    for node in nodes {
        until("all children are known to run", node, || {
            running(node) == CHILDREN
        })
        .await;
    }
}

/// Every child runs, on one of `owners`, as `node` knows it.
fn all_run_on(node: &Node, owners: &[&Node]) -> bool {
    let names: Vec<&NodeName> = owners.iter().map(|owner| owner.name()).collect();
    let children = horde(node).children();
    children.len() == CHILDREN
        && children.iter().all(|child| {
            child.state == ChildState::Running
                && child.node.as_ref().is_some_and(|owner| names.contains(&owner))
        })
}

async fn each_runs_once(world: &World) {
    world
        .until_processes("each child runs once", |processes| {
            let mut ids: Vec<&str> = processes
                .iter()
                .map(|process| process.env["ORDU_ID"].as_str())
                .collect();
            ids.sort_unstable();
            ids.dedup();
            processes.len() == CHILDREN && ids.len() == CHILDREN
        })
        .await;
}

async fn children_of_a_node_that_died_run_on_the_others_with_higher_epochs() {
    let world = World::new();
    let nodes = world.three().await;
    start_children(&world, &nodes).await;
    let [n1, n2, n3] = nodes;
    let name = n3.name().clone();
    let before = horde(&n1).children();
    assert!(
        before.iter().any(|child| child.node.as_ref() == Some(&name)),
        "nothing ran on {name}"
    );

    drop(n3);

    for node in [&n1, &n2] {
        until("all run on the two that are left", node, || {
            all_run_on(node, &[&n1, &n2])
        })
        .await;
    }
    each_runs_once(&world).await;
    for old in before.iter().filter(|child| child.node.as_ref() == Some(&name)) {
        let new = horde(&n1).lookup(old.id.as_str()).unwrap();
        assert!(new.token > old.token, "{old:?} {new:?}");
        let process = world
            .processes()
            .into_iter()
            .find(|process| process.env["ORDU_ID"] == old.id.as_str());
        assert_eq!(process.unwrap().env["ORDU_EPOCH"], new.epoch().to_string());
    }
}

async fn a_node_of_the_same_name_comes_back_at_once_and_every_child_runs_once() {
    let world = World::new();
    let nodes = world.three().await;
    start_children(&world, &nodes).await;
    let [n1, n2, n3] = nodes;
    let (addr, old) = (n3.addr(), n3.id());
    // Its port and its directory are free once it has ended.
    drop(n3);
    let n3 = loop {
        match world.builder("n3", &[&n1]).listen(addr).start().await {
            Ok(node) => break node,
            Err(ordu::StartError::DataDirInUse { .. } | ordu::StartError::Listen { .. }) => {
                tokio::task::yield_now().await;
            }
            Err(error) => panic!("{error}"),
        }
    };
    assert_ne!(n3.id(), old);

    for node in [&n1, &n2, &n3] {
        until("all run on the three", node, || {
            all_run_on(node, &[&n1, &n2, &n3])
        })
        .await;
    }
    each_runs_once(&world).await;
}

async fn the_last_node_takes_everything() {
    let world = World::new();
    let nodes = world.three().await;
    start_children(&world, &nodes).await;
    let [n1, n2, n3] = nodes;

    drop(n1);
    drop(n2);

    until("all run on the last one", &n3, || all_run_on(&n3, &[&n3])).await;
    each_runs_once(&world).await;
}
