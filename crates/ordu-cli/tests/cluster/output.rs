//! What children print, when the disk has no room for it.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::process::Command;
use std::time::Duration;

use crate::harness::{Cluster, children_of, eventually, root_or_skip};

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
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&logs)
        .unwrap();
    // The file system is the agent's alone and goes with it.
    let mount = format!(
        "mount -t tmpfs -o size=256k,mode=700 none {0} && exec \"$@\"",
        logs.display()
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

    let mut remount = Command::new("nsenter");
    remount.args(["--target", &node.pid().to_string(), "--mount"]);
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
