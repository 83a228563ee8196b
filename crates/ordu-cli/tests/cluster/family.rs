//! All that a child starts belongs to it, to it alone, and for as long as it runs.

use std::fs;
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{Cluster, Copies, eventually, holds_for, is_alive, kill, measured};

/// How many children are taken over at once, so that many start within one millisecond.
const MANY: usize = 20;

/// Two nodes of which the first is killed, and children that have all been started by the second in one go, each
/// with a daemon that has left its process group.
fn taken_over_with_daemons() -> (Cluster, Vec<String>) {
    let mut cluster = Cluster::of(2);
    let ids: Vec<String> = (0..MANY).map(|number| format!("c{number}")).collect();
    let mark = format!("TEST_MARK={}", cluster.mark());
    for id in &ids {
        let script = "setsid sleep 1000003 & exec sleep 1000001";
        cluster.nodes[1]
            .ordu(["start", id, "--env", &mark, "--", "sh", "-c", script])
            .ok();
    }
    cluster.nodes[0].kill();
    eventually(Duration::from_secs(10), "all run on the second node", || {
        all_with_daemon(&cluster.copies(), &ids)
    });
    (cluster, ids)
}

/// Each of these has two processes, which run on the second node, and nobody else has one.
fn all_with_daemon(copies: &Copies, ids: &[String]) -> Result<(), String> {
    let whole = |id: &String| {
        let processes = copies.0.get(id).map(Vec::as_slice).unwrap_or_default();
        processes.len() == 2 && processes.iter().all(|process| process.node == "n2")
    };
    match ids.iter().find(|id| !whole(id)) {
        Some(id) => Err(format!("{id} is {:?}", copies.0.get(id))),
        None if copies.0.len() != ids.len() => Err(format!("{:?} run", copies.0.keys())),
        None => Ok(()),
    }
}

#[test]
fn nothing_is_left_of_children_that_are_stopped_after_they_started_in_the_same_millisecond() {
    let (cluster, ids) = taken_over_with_daemons();

    for id in &ids {
        cluster.nodes[1].ordu(["stop", id]).ok();
    }

    let left = cluster.copies();
    assert!(left.0.is_empty(), "stopped, and still there: {left:?}");
}

#[test]
fn the_removal_of_a_child_leaves_the_daemons_of_all_others_alone() {
    let (cluster, ids) = taken_over_with_daemons();
    let before = cluster.copies();

    cluster.nodes[1].ordu(["rm", "--force", &ids[0]]).ok();

    let mut expected = before;
    expected.0.remove(&ids[0]);
    assert_eq!(cluster.copies(), expected);
    holds_for(Duration::from_secs(1), "the others run on", || {
        all_with_daemon(&cluster.copies(), &ids[1..])
    });
}

#[test]
fn a_worker_that_outlives_its_shell_has_the_rest_of_the_stop_timeout() {
    let cluster = Cluster::of(1);
    let folder = cluster.folder.path();
    let worker = "trap 'sleep 3; echo > finished; exit 0' TERM; echo > up; while :; do sleep 0.1; done";
    fs::write(folder.join("worker"), worker).unwrap();
    let cwd = folder.to_str().unwrap();
    let script = "true && sh ./worker; true";
    let start = [
        "start",
        "w",
        "--cwd",
        cwd,
        "--stop-timeout",
        "10s",
        "--",
        "sh",
        "-c",
        script,
    ];
    cluster.nodes[0].ordu(start).ok();
    await_file(&cluster, "up");

    let begun = std::time::Instant::now();
    cluster.nodes[0].ordu(["stop", "w"]).ok();
    measured("stop of a shell whose worker needs 3 s", begun.elapsed());

    assert!(folder.join("finished").exists(), "the worker was killed");
}

#[test]
fn a_child_that_is_suspended_hears_its_stop_signal() {
    let cluster = Cluster::of(1);
    let cwd = cluster.folder.path().to_str().unwrap();
    let script = "trap 'echo > finished; exit 0' TERM; echo > up; while :; do sleep 0.1; done";
    let start = [
        "start",
        "w",
        "--cwd",
        cwd,
        "--stop-timeout",
        "infinity",
        "--",
        "sh",
        "-c",
        script,
    ];
    cluster.nodes[0].ordu(start).ok();
    await_file(&cluster, "up");
    let pid = cluster.nodes[0].children().unwrap()[0]["os_pid"]
        .as_u64()
        .unwrap();
    let pid = u32::try_from(pid).unwrap();
    kill(pid, Signal::STOP);

    cluster.nodes[0].ordu(["stop", "w"]).ok();

    assert!(cluster.folder.path().join("finished").exists());
    assert!(!is_alive(pid));
}

#[test]
fn a_child_may_gain_privileges_only_where_that_was_allowed() {
    let cluster = Cluster::of(1);
    let node = &cluster.nodes[0];
    let command = [
        "--",
        "sh",
        "-c",
        "grep NoNewPrivs /proc/self/status; exec sleep 86400",
    ];
    node.ordu([["start", "usual"].as_slice(), &command].concat()).ok();
    node.ordu(
        [
            ["start", "trusted", "--allow-new-privileges"].as_slice(),
            &command,
        ]
        .concat(),
    )
    .ok();
    let own = fs::read_to_string("/proc/self/status").unwrap();
    let own = own.lines().find(|line| line.starts_with("NoNewPrivs")).unwrap();

    for (id, expected) in [("usual", "NoNewPrivs:\t1"), ("trusted", own)] {
        eventually(Duration::from_secs(10), &format!("{id} has said it"), || {
            let said = node.ordu(["logs", id]).stdout;
            if said.trim_end() == expected {
                Ok(())
            } else {
                Err(said)
            }
        });
        let shown = node.ordu(["show", id, "--json"]).ok().json();
        assert_eq!(shown["process"]["allow_new_privileges"], id == "trusted");
    }
}

/// Waits until a child has written a file.
fn await_file(cluster: &Cluster, name: &str) {
    let path = cluster.folder.path().join(name);
    eventually(Duration::from_secs(10), &format!("there is {name}"), || {
        path.exists().then_some(()).ok_or_else(|| "not yet".to_owned())
    });
}
