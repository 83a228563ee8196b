//! One program that runs once in a cluster, whatever happens to the node it is on.
//!
//! Three nodes in this process stand for three machines. The one that runs the program is dropped, which is
//! what a crash looks like to the others; the program goes on on another one, with a higher epoch.
//!
//! `cargo run -p ordu --example singleton`

use std::error::Error;

use ordu::cluster_key::ClusterKey;
use ordu::{ChildState, Node, ProcessSpec};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    // First of all: this program is its own keeper of processes.
    ordu::keeper::init();
    tokio::runtime::Runtime::new()?.block_on(run())
}

async fn run() -> Result<()> {
    let data = tempfile::tempdir()?;
    let key = ClusterKey::generate()?;
    let mut nodes: Vec<Node> = Vec::new();
    for name in ["n1", "n2", "n3"] {
        let mut builder = Node::builder(name)
            .key(key.clone())
            .data_dir(data.path().join(name))
            .processes();
        if let Some(first) = nodes.first() {
            builder = builder.join(first.addr().to_string());
        }
        let node = builder.start().await?;
        node.ready().await;
        nodes.push(node);
    }

    let script = "while :; do echo tick $ORDU_EPOCH on $ORDU_NODE; sleep 0.1; done";
    let ticker = ProcessSpec::new(["sh", "-c", script]).child_spec();
    nodes[0].horde("default")?.start_child("ticker", ticker).await?;
    let owner = wait_for_ticker(&nodes, None).await?;
    let owner = nodes
        .iter()
        .position(|node| node.name().as_str() == owner)
        .ok_or("the owner is one of them")?;

    let lost = nodes.swap_remove(owner);
    let name = lost.name().to_string();
    println!("{name} is gone");
    drop(lost);

    wait_for_ticker(&nodes, Some(&name)).await?;
    for node in &nodes {
        node.leave().await;
    }
    Ok(())
}

/// Waits until the ticker runs on another node than `lost` and prints a line of it.
async fn wait_for_ticker(nodes: &[Node], lost: Option<&str>) -> Result<String> {
    let horde = nodes[0].horde("default")?;
    let mut changes = nodes[0].changes();
    let owner = loop {
        let child = horde
            .lookup("ticker")
            .filter(|child| child.state == ChildState::Running);
        let owner = child.and_then(|child| child.node.clone());
        match owner {
            Some(owner) if lost != Some(owner.as_str()) => break owner,
            _ if changes.next().await => {}
            _ => return Err("the node has ended".into()),
        }
    };
    let node = nodes
        .iter()
        .find(|node| *node.name() == owner)
        .ok_or("the owner is one of them")?;
    println!(
        "{}",
        node.horde("default")?.log("ticker")?.follow(1).next().await?
    );
    Ok(owner.to_string())
}
