//! Files of an agent's settings, and what changes while it runs.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{Cluster, eventually, ordu};

const SOON: Duration = Duration::from_secs(10);

fn write(cluster: &Cluster, name: &str, text: &str) -> PathBuf {
    let path = cluster.folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn write_key(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
}

/// A new key, as the text of its file.
fn key(cluster: &Cluster, name: &str) -> String {
    let path = cluster.folder.path().join(name);
    ordu(["keygen", path.to_str().unwrap()]).ok();
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn an_agent_goes_by_its_file_and_its_children_by_its_labels() {
    let mut cluster = Cluster::empty();
    let text = "capacity = 1\n[timing]\nsuspicion = \"2s\"\n[labels]\ndisk = \"ssd\"\n\
                [[horde]]\nname = \"web\"\n[[horde]]\nname = \"jobs\"\n";
    let file = write(&cluster, "agent.toml", text);
    let config = format!("--config={}", file.display());
    cluster.add_node().with_arg(&config);
    cluster.start_all();
    let node = &cluster.nodes[0];
    let mark = format!("TEST_MARK={}", cluster.mark());
    let start = |id: &str, label: &str| {
        node.ordu([
            "start",
            id,
            "--horde",
            "jobs",
            "--label",
            label,
            "--timeout",
            "2s",
            "--env",
            &mark,
            "--",
            "sleep",
            "86400",
        ])
    };

    let refused = start("a", "disk=hdd");
    start("b", "disk=ssd").ok();
    let full = start("c", "disk=ssd");

    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains("no node may run child"), "{refused:?}");
    assert_eq!(full.code, 1, "{full:?}");
    let shown = node.ordu(["show", "b", "--horde", "jobs", "--json"]).ok().json();
    assert_eq!(shown["constraints"][0], "labels disk=ssd");
}

#[test]
fn a_file_of_settings_with_problems_is_refused_with_all_of_them() {
    let mut cluster = Cluster::empty();
    let file = write(
        &cluster,
        "agent.toml",
        "capacty = 1\n[timing]\nsuspicion = \"1ms\"\n",
    );
    let config = format!("--config={}", file.display());
    let said = cluster.add_node().with_arg(&config).run();
    assert_eq!(said.code, 2, "{said:?}");
    assert!(!said.stderr.contains("applied"), "{said:?}");
    for part in [
        "agent.toml: 2 problems; the agent was not started",
        "agent.toml:1",
        "did you mean \"capacity\"?",
        "agent.toml:3",
        "a time from 100ms to 10m",
    ] {
        assert!(said.stderr.contains(part), "expected {part}: {}", said.stderr);
    }
}

#[test]
fn whatever_cannot_be_right_of_what_an_agent_is_given_ends_with_2_before_it_warns_or_begins() {
    let mut cluster = Cluster::empty();
    let missing = cluster.folder.path().join("missing");
    let open = cluster.folder.path().join("open.key");
    std::fs::write(&open, key(&cluster, "closed.key")).unwrap();
    std::fs::set_permissions(&open, PermissionsExt::from_mode(0o644)).unwrap();
    let no_key = write(&cluster, "no.key", "");
    std::fs::set_permissions(&no_key, PermissionsExt::from_mode(0o600)).unwrap();
    let good = cluster.folder.path().join("cluster.key");
    let refused = |cluster: &mut Cluster, key: &Path, arg: &str| {
        let said = cluster.add_node().with_key(key.to_owned()).with_arg(arg).run();
        assert_eq!(said.code, 2, "{} {arg}: {said:?}", key.display());
        assert!(
            !said.stderr.contains("AS ROOT"),
            "{} {arg}: {said:?}",
            key.display()
        );
    };
    for key in [&missing, &open, &no_key] {
        refused(&mut cluster, key, "--capacity=1");
    }
    let config = format!("--config={}", missing.display());
    for arg in [
        &config[..],
        "--cluster=a b",
        "--horde=a b",
        "--join=nowhere",
        "--label=a b=c",
        "--http=0.0.0.0:7700",
    ] {
        refused(&mut cluster, &good, arg);
    }
    cluster.add_node().name = "a b".to_owned();
    let said = cluster.nodes.last_mut().unwrap().run();
    assert_eq!(said.code, 2, "{said:?}");
    assert!(!said.stderr.contains("AS ROOT"), "{said:?}");
}

#[test]
fn an_agent_whose_terminal_is_closed_leaves_in_peace() {
    let mut cluster = Cluster::of(1);
    let node = cluster.add_node();
    let terminal = node.start_on_terminal();
    node.await_ready();
    cluster.await_members(SOON);

    drop(terminal);

    assert_eq!(
        cluster.nodes[1].await_end(),
        Some(0),
        "{}",
        cluster.nodes[1].log()
    );
    eventually(SOON, "the other knows that it left", || {
        let members = cluster.nodes[0].ordu(["members", "--json"]).ok().json();
        let left = members
            .as_array()
            .unwrap()
            .iter()
            .any(|member| member["state"] == "left");
        left.then_some(()).ok_or(members.to_string())
    });
}

#[test]
fn a_hang_up_without_a_terminal_has_the_key_and_the_settings_read_again() {
    let mut cluster = Cluster::empty();
    let (old, new) = (key(&cluster, "old.key"), key(&cluster, "new.key"));
    let path = cluster.folder.path().join("shared.key");
    write_key(&path, &old);
    let file = write(&cluster, "agent.toml", "");
    let config = format!("--config={}", file.display());
    let node = cluster.add_node().with_key(path.clone()).with_arg(&config);
    node.start_without_terminal();
    node.await_ready();
    let new_key = cluster.folder.path().join("new.key");
    cluster.add_node().with_key(new_key).start();

    write_key(&path, &(new + &old));
    std::fs::write(&file, "log = \"debug\"\ncapacity = 7\n").unwrap();
    cluster.nodes[0].signal(Signal::HUP);

    cluster.await_members(SOON);
    let log = cluster.nodes[0].log();
    assert!(log.contains("read again"), "{log}");
    assert!(
        log.contains("capacity differs by now; it counts when this agent is started again"),
        "{log}"
    );
}

#[test]
fn a_bad_file_is_refused_as_a_whole_while_an_agent_runs() {
    let mut cluster = Cluster::empty();
    let (old, new) = (key(&cluster, "old.key"), key(&cluster, "new.key"));
    let path = cluster.folder.path().join("shared.key");
    write_key(&path, &old);
    let file = write(&cluster, "agent.toml", "");
    let config = format!("--config={}", file.display());
    let node = cluster.add_node().with_key(path.clone()).with_arg(&config);
    node.start_without_terminal();
    node.await_ready();

    // The key is good, and is not taken all the same.
    write_key(&path, &(new + &old));
    std::fs::write(&file, "capacity = -1\n").unwrap();
    let node = &cluster.nodes[0];
    let refusals = |number: usize| {
        eventually(SOON, "it is refused", || {
            let log = node.log();
            let found = log.matches("the settings and the key stay as they were").count();
            (found == number).then_some(log.clone()).ok_or(log)
        })
        .0
    };
    node.signal(Signal::HUP);
    let log = refusals(1);
    assert!(log.contains("agent.toml:1: wrong value of"), "{log}");
    assert!(!log.contains("applied"), "{log}");
    assert_eq!(log.matches(" ERROR ").count(), 1, "{log}");
    assert!(!log.contains("the key is renewed"), "{log}");

    std::fs::write(&file, "").unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    node.signal(Signal::HUP);
    let log = refusals(2);
    assert!(!log.contains("the key is renewed"), "{log}");
    assert_eq!(log.matches(" ERROR ").count(), 2, "{log}");
    node.ordu(["ps"]).ok();
}

#[test]
fn a_key_that_is_read_again_and_is_the_same_is_not_called_renewed() {
    let mut cluster = Cluster::empty();
    let file = write(&cluster, "agent.toml", "");
    let config = format!("--config={}", file.display());
    let node = cluster.add_node().with_arg(&config);
    node.start_without_terminal();
    node.await_ready();
    let key = cluster.folder.path().join("cluster.key");
    let node = &cluster.nodes[0];
    let read_again = |times: usize| {
        eventually(SOON, "it is read again", || {
            let log = node.log();
            let found = log.matches("were read again").count();
            (found == times).then_some(log.clone()).ok_or(log)
        })
        .0
    };

    node.signal(Signal::HUP);
    let log = read_again(1);
    assert!(log.contains("the key is the same"), "{log}");

    let more = std::fs::read_to_string(&key).unwrap() + &self::key(&cluster, "more.key");
    write_key(&key, &more);
    node.signal(Signal::HUP);
    let log = read_again(2);
    let words = "it signs with the same key, and takes others than before beside it";
    assert!(log.contains(words), "{log}");
    eventually(SOON, "the changed one is taken", || {
        let log = node.log();
        let renewed = log.matches("the key is renewed").count();
        (renewed == 1).then_some(()).ok_or(log)
    });
}
