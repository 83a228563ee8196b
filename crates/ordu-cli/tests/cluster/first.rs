//! An agent that is the first process of a container.

use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{Cluster, children_of, eventually, kill, root_or_skip};

/// How many orphans come.
const ORPHANS: usize = 5;

#[test]
fn an_agent_that_is_the_first_process_collects_orphans_it_did_not_start() {
    if !root_or_skip(
        "an_agent_that_is_the_first_process_collects_orphans_it_did_not_start",
        "a namespace of processes needs root",
    ) {
        return;
    }
    let mut cluster = Cluster::empty();
    let node = cluster.add_node();
    node.in_wrapper(["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]);
    node.start();
    node.await_ready();
    let node = &cluster.nodes[0];
    cluster.start_child(node, "a").ok();
    let [agent] = children_of(node.pid())[..] else {
        panic!("unshare has one child, the agent");
    };
    let own = children_of(agent);
    let go = cluster.folder.path().join("go");

    // Each shell ends at once; what it leaves behind is without a parent.
    let orphan = format!("while [ ! -e {} ]; do sleep 0.05; done &", go.display());
    for _ in 0..ORPHANS {
        let mut enter = Command::new("nsenter");
        enter.args([
            "--target",
            &agent.to_string(),
            "--pid",
            "--mount",
            "sh",
            "-c",
            &orphan,
        ]);
        assert!(enter.status().unwrap().success());
    }
    eventually(
        Duration::from_secs(5),
        "the orphans are the agent's",
        || match children_of(agent).len() {
            count if count == own.len() + ORPHANS => Ok(()),
            count => Err(format!("it has {count} children")),
        },
    );
    std::fs::write(&go, "").unwrap();

    eventually(
        Duration::from_secs(5),
        "all orphans are collected",
        || match children_of(agent) {
            now if now == own => Ok(()),
            now => Err(format!("it has {now:?}, and had {own:?}")),
        },
    );
    // Its own keeper is another matter: who started it waits for it, and starts another one.
    let [keeper] = own[..] else {
        panic!("the agent has one child, its keeper");
    };
    kill(keeper, Signal::KILL);
    eventually(
        Duration::from_secs(10),
        "the child runs under a new keeper",
        || {
            let copies = cluster.copies().one_each(&["a".to_owned()])?;
            match children_of(agent)[..] {
                [new] if new != keeper && copies["a"].epoch > 0 => Ok(()),
                ref other => Err(format!("the agent has {other:?}")),
            }
        },
    );
}
