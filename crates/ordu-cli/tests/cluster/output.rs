//! What becomes of children and of what they print, when the disk has no room.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{Cluster, Node, children_of, eventually, kill, root_or_skip};
use crate::web::get;

/// Has the agent run with a file system of this size at `directory`, which is the agent's alone and goes with it.
fn with_small_disk(node: &mut Node, directory: &Path, size: &str) {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .unwrap();
    let mount = format!(
        "mount -t tmpfs -o size={size},mode=700 none {0} && exec \"$@\"",
        directory.display()
    );
    node.in_wrapper([
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-c",
        &mount,
        "sh",
    ]);
}

/// A command to be run where the agent's disks are.
fn beside(node: &Node) -> Command {
    let mut command = Command::new("nsenter");
    command.args(["--target", &node.pid().to_string(), "--mount"]);
    command
}

/// Takes all the room that there is on one of the agent's disks.
fn fill(node: &Node, file: &Path) {
    let mut fill = beside(node);
    fill.args(["dd", "if=/dev/zero", "bs=4k", "status=none"]);
    fill.arg(format!("of={}", file.display()));
    let said = String::from_utf8(fill.output().unwrap().stderr).unwrap();
    assert!(said.contains("No space left on device"), "{said}");
}

#[test]
fn a_full_disk_costs_output_and_says_so_and_never_holds_up_a_child() {
    if !root_or_skip(
        "a_full_disk_costs_output_and_says_so_and_never_holds_up_a_child",
        "a small file system needs root",
    ) {
        return;
    }
    let mut cluster = Cluster::empty();
    let folder = cluster.folder.path().to_owned();
    let node = cluster.add_node();
    let logs = node.data_dir().join("logs");
    with_small_disk(node, &logs, "256k");
    node.start();
    node.await_ready();
    let node = &cluster.nodes[0];
    let (done, go) = (folder.join("done"), folder.join("go"));
    let mark = format!("TEST_MARK={}", cluster.mark());

    // So much that it would take a minute in pieces that wait for each new try of the disk.
    let flood = format!(
        "yes {} | head -c 20000000; echo > {}; while [ ! -e {} ]; do sleep 0.05; done; \
         while :; do echo again; sleep 0.1; done",
        "y".repeat(99),
        done.display(),
        go.display()
    );
    node.ordu(["start", "flood", "--env", &mark, "--", "sh", "-c", &flood])
        .ok();

    // It prints to its end, and others start.
    eventually(Duration::from_secs(20), "the flood has ended", || {
        if done.exists() {
            Ok(())
        } else {
            Err("it waits".to_owned())
        }
    });
    cluster.start_child(node, "other").ok();
    let said = eventually(
        Duration::from_secs(10),
        "logs says that output was dropped",
        || {
            let said = node.ordu(["logs", "flood", "-n", "1"]);
            if said.stderr.contains(
                "bytes of its output were dropped since this agent started: No space left on device",
            ) {
                Ok(said)
            } else {
                Err(format!("{said:?}"))
            }
        },
    );
    assert_eq!(said.0.code, 0);
    eventually(Duration::from_secs(10), "an event says so", || {
        let log = node.log();
        let is_told =
            log.contains("output of a child was dropped") && log.contains("No space left on device");
        if is_told { Ok(()) } else { Err(log) }
    });

    let mut remount = beside(node);
    remount.args(["mount", "-o", "remount,size=64m"]).arg(&logs);
    assert!(remount.status().unwrap().success());
    std::fs::write(&go, "").unwrap();

    eventually(
        Duration::from_secs(10),
        "the log says what is missing and goes on",
        || {
            // Until the disk is tried again, within a second, what is said is dropped, too.
            let said = node.ordu(["logs", "flood"]);
            let is_told = |line: &str| line.ends_with(" bytes of output were dropped here");
            let goes_on = said.stdout.lines().last() == Some("again");
            if goes_on && said.stdout.lines().any(is_told) {
                Ok(())
            } else {
                Err(said.stderr)
            }
        },
    );
    assert_eq!(children_of(node.pid()).len(), 1, "the agent has its keeper");
}

#[test]
fn children_of_a_dead_keeper_are_started_again_though_the_data_directory_is_full() {
    if !root_or_skip(
        "children_of_a_dead_keeper_are_started_again_though_the_data_directory_is_full",
        "a small file system needs root",
    ) {
        return;
    }
    let mut cluster = Cluster::empty();
    let node = cluster.add_node();
    let data = node.data_dir().to_owned();
    with_small_disk(node, &data, "1m");
    node.start();
    node.await_ready();
    let node = &cluster.nodes[0];
    let ids: Vec<String> = (0..5).map(|number| format!("c{number}")).collect();
    for id in &ids {
        cluster.start_child(node, id).ok();
    }
    fill(node, &data.join("fill0"));

    // The second time, what the first keeper left is all there is to write on.
    for round in 1..=2 {
        let before = cluster.copies().one_each(&ids).unwrap();
        let keeper = node.keeper().expect("an agent has a keeper");
        kill(keeper, Signal::KILL);
        eventually(Duration::from_secs(10), "all run again", || {
            let now = cluster.copies().one_each(&ids)?;
            match ids.iter().find(|id| now[*id].pid == before[*id].pid) {
                Some(id) => Err(format!("the old copy of {id} is still there")),
                None => Ok(()),
            }
        });
        fill(node, &data.join(format!("fill{round}")));
    }

    let id = "late".to_owned();
    cluster.start_child(node, &id).ok();
    cluster.await_one_each(&[&ids[..], &[id]].concat(), Duration::from_secs(5));
}

#[test]
fn output_that_a_full_disk_never_took_is_told_and_counted_at_once() {
    if !root_or_skip(
        "output_that_a_full_disk_never_took_is_told_and_counted_at_once",
        "a small file system needs root",
    ) {
        return;
    }
    let mut cluster = Cluster::empty();
    let folder = cluster.folder.path().to_owned();
    let node = cluster.add_node();
    let http = format!("{}:7700", node.addr.ip());
    node.with_arg("--http").with_arg(&http);
    let logs = node.data_dir().join("logs");
    with_small_disk(node, &logs, "64k");
    node.start();
    node.await_ready();
    let node = &cluster.nodes[0];
    fill(node, &logs.join("fill"));
    let go = folder.join("go");
    let mark = format!("TEST_MARK={}", cluster.mark());
    let script = format!(
        "echo first; while [ ! -e {} ]; do sleep 0.05; done; echo again; exec sleep 86400",
        go.display()
    );
    node.ordu(["start", "c", "--env", &mark, "--", "sh", "-c", &script])
        .ok();

    // Each sooner than the ten seconds after which the next event comes.
    let is_told = |bytes: usize| {
        let metric = format!("ordu_output_dropped_bytes_total {bytes}\n");
        let words = format!("{bytes} bytes of its output were dropped since this agent started");
        eventually(Duration::from_secs(5), &format!("{bytes} bytes are told"), || {
            let (said, metrics) = (node.ordu(["logs", "c"]), get(&http, "/metrics", "localhost").1);
            if said.code == 0 && said.stderr.contains(&words) && metrics.contains(&metric) {
                Ok(())
            } else {
                Err(format!("{said:?}\n{metrics}"))
            }
        });
    };
    is_told("first\n".len());
    std::fs::write(&go, "").unwrap();
    is_told("first\nagain\n".len());
}
