//! What the commands say, to people and to programs, and how they end.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::harness::{Cluster, Said, eventually, holds_for, ordu, program, root_or_skip, transcript};

#[test]
fn the_life_of_a_child_from_start_to_rm() {
    let cluster = Cluster::of(1);
    insta::assert_snapshot!(transcript(
        &cluster.nodes[0],
        &[
            "ps",
            "start web --env PORT=80 --env TOKEN=secret --cwd /tmp --stop-timeout 2s -- sleep 86400",
            "ps",
            "ps --json",
            "show web",
            "show --json web",
            "count",
            "count --json",
            "start web -- sleep 1",
            "rm web",
            "stop web",
            "ps",
            "stop web --json",
            "start web -- sleep 1",
            "restart web",
            "restart web --json",
            "rm web --force",
            "ps --json",
            "rm web",
        ],
    ));
}

#[test]
fn what_does_not_exist_is_told_apart_by_the_exit_code() {
    let cluster = Cluster::of(1);
    insta::assert_snapshot!(transcript(
        &cluster.nodes[0],
        &[
            "stop nobody",
            "show nobody",
            "restart nobody",
            "rm nobody",
            "logs nobody",
            "start ghost -- /no/such/program",
            "start ghost -- no-such-program",
            "start ghost --cwd /no/such/directory -- sleep 1",
            "start ghost --node n9 --timeout 2s -- sleep 1",
            "ps --json",
            "start ghost --stop-signal NOTHING -- sleep 1",
            "start ghost --stop-timeout 5 -- sleep 1",
            "start ghost --within 0s -- sleep 1",
            "start ghost",
        ],
    ));
}

#[test]
fn a_command_that_does_not_exist_leaves_nothing_behind_on_any_node() {
    let cluster = Cluster::of(3);
    for node in &cluster.nodes {
        let said = node.ordu(["start", "ghost", "--", "/no/such/program"]);
        assert_eq!(said.code, 1, "{said:?}");
        assert!(said.stderr.contains("No such file or directory"), "{said:?}");
    }
    for node in &cluster.nodes {
        assert_eq!(node.children().unwrap(), Vec::<serde_json::Value>::new());
    }
}

#[test]
fn a_second_start_of_an_id_says_where_it_runs_whichever_node_is_asked() {
    let cluster = Cluster::of(3);
    let started = cluster.start_child(&cluster.nodes[0], "web").ok().json();
    let place = format!(
        "\"web\" is already started on {}",
        started["node"].as_str().unwrap()
    );
    for node in &cluster.nodes {
        let said = cluster.start_child(node, "web");
        assert_eq!(said.code, 1, "{said:?}");
        assert!(said.stderr.contains(&place), "expected {place}: {said:?}");
    }
    cluster.await_one_each(&["web".to_owned()], Duration::from_secs(1));
}

#[test]
fn the_members_are_a_contract_too() {
    let cluster = Cluster::of(1);
    insta::assert_snapshot!(transcript(&cluster.nodes[0], &["members", "members --json"]));
}

#[test]
fn the_list_of_members_is_a_contract_too() {
    let cluster = Cluster::of(1);
    let commands = [
        "members listed",
        "members listed --json",
        "members set n2 n1",
        "members set n1 n2 --json",
        "members listed",
        "members listed --json",
        "members",
        "members --json",
        "members set n2",
        "members clear --json",
        "members clear",
    ];
    insta::assert_snapshot!(transcript(&cluster.nodes[0], &commands));
}

#[test]
fn the_output_of_a_child_is_shown_where_it_runs_and_elsewhere_the_place_is_named() {
    let cluster = Cluster::of(2);
    let script = "for n in 1 2 3; do echo line $n; done; exec sleep 86400";
    let started = cluster.nodes[0]
        .ordu(["start", "talker", "--json", "--", "sh", "-c", script])
        .ok()
        .json();
    let owner = started["node"].as_str().unwrap();
    let (there, elsewhere): (Vec<_>, Vec<_>) = cluster.nodes.iter().partition(|node| node.name == owner);

    eventually(Duration::from_secs(5), "its output is there", || {
        let said = there[0].ordu(["logs", "talker", "-n", "2"]);
        if said.stdout == "line 2\nline 3\n" {
            Ok(())
        } else {
            Err(format!("{said:?}"))
        }
    });
    let said = elsewhere[0].ordu(["logs", "talker"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.stderr.contains(&format!("runs on {owner}")), "{said:?}");
}

#[test]
fn what_a_child_said_is_shown_after_its_end_and_not_for_another_of_its_id() {
    let cluster = Cluster::of(2);
    let script = "echo here; exec sleep 86400";
    let start = |node: &str| {
        let command = ["start", "mover", "--node", node, "--", "sh", "-c", script];
        cluster.nodes[0].ordu(command).ok();
    };
    start("n1");
    eventually(Duration::from_secs(5), "it has said something", || {
        let said = cluster.nodes[0].ordu(["logs", "mover"]);
        (said.stdout == "here\n").then_some(()).ok_or(format!("{said:?}"))
    });
    cluster.nodes[0].ordu(["rm", "--force", "mover"]).ok();
    // It is kept for a while; what another child of this id says is another matter.
    let said = cluster.nodes[0].ordu(["logs", "mover"]).ok();
    assert_eq!(said.stdout, "here\n");
    assert!(said.stderr.contains("no child \"mover\" any more"), "{said:?}");
    start("n2");

    let said = cluster.nodes[0].ordu(["logs", "mover"]);
    assert_eq!((said.code, said.stdout.as_str()), (1, ""));
    assert!(
        said.stderr.contains("runs on n2; ask the agent there"),
        "{said:?}"
    );
}

#[test]
fn who_follows_an_output_is_told_that_the_agent_has_ended() {
    let mut cluster = Cluster::of(1);
    cluster.nodes[0]
        .ordu([
            "start",
            "talker",
            "--",
            "sh",
            "-c",
            "echo hello; exec sleep 86400",
        ])
        .ok();
    let mut follower = program()
        .env("ORDU_SOCKET", &cluster.nodes[0].socket)
        .args(["logs", "--follow", "talker"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(follower.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line, "hello\n");

    cluster.nodes[0].kill();

    let said: Said = follower.wait_with_output().unwrap().into();
    assert_eq!(said.code, 3, "{said:?}");
    assert!(
        said.stderr.contains("the agent closed the connection"),
        "{said:?}"
    );
}

#[test]
fn an_agent_that_is_told_twice_to_end_has_not_left_and_says_so() {
    let mut cluster = Cluster::of(1);
    let node = &mut cluster.nodes[0];
    let script = "trap '' TERM; echo ready; while :; do sleep 0.1; done";
    node.ordu([
        "start",
        "a",
        "--stop-timeout",
        "infinity",
        "--",
        "sh",
        "-c",
        script,
    ])
    .ok();
    eventually(Duration::from_secs(5), "it ignores the stop signal", || {
        let said = node.ordu(["logs", "a"]);
        if said.stdout == "ready\n" {
            Ok(())
        } else {
            Err(format!("{said:?}"))
        }
    });
    node.signal(Signal::TERM);
    eventually(Duration::from_secs(5), "it is leaving", || {
        let log = node.log();
        if log.contains("leaving the cluster") {
            Ok(())
        } else {
            Err(log)
        }
    });

    assert_eq!(node.terminate(), Some(1));

    assert!(
        node.log().ends_with("its children are killed\n"),
        "{}",
        node.log()
    );
}

#[test]
fn a_long_past_is_cut_and_where_the_rest_is_is_said() {
    let cluster = Cluster::of(1);
    let node = &cluster.nodes[0];
    let script = "yes 0123456789012345678901234567890123456789 | head -c 5000000; exec sleep 86400";
    node.ordu(["start", "talker", "--", "sh", "-c", script]).ok();
    eventually(Duration::from_secs(20), "all of it is there", || {
        let said = node.ordu(["logs", "talker"]).ok();
        let note = "only the last 4 MiB of the past are shown";
        (said.stdout.len() >= 4_000_000 && said.stderr.contains(note))
            .then_some(())
            .ok_or(format!("{} bytes, {}", said.stdout.len(), said.stderr))
    });
    let said = node.ordu(["logs", "talker", "-n", "1"]).ok();
    assert_eq!(said.stderr, "");
}

#[test]
fn many_who_follow_outputs_keep_nobody_else_out() {
    let cluster = Cluster::of(1);
    let node = &cluster.nodes[0];
    node.ordu(["start", "talker", "--", "sh", "-c", "echo here; exec sleep 86400"])
        .ok();
    let follow = || {
        let mut stream = UnixStream::connect(&node.socket).unwrap();
        let request = r#"{"op":"logs","id":"talker","lines":null,"follow":true}"#;
        writeln!(stream, "{request}").unwrap();
        BufReader::new(stream)
    };
    let mut followers: Vec<_> = (0..300).map(|_| follow()).collect();
    let mut refused = 0;
    for follower in &mut followers {
        let mut line = String::new();
        follower.read_line(&mut line).unwrap();
        refused += usize::from(line.contains("others read output of children here already"));
    }
    assert_eq!(refused, 300 - 256);
    node.ordu(["stop", "talker"]).ok();
}

#[test]
fn a_new_key_is_told_to_programs_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.key");
    let told = ordu(["keygen", "--json", path.to_str().unwrap()]).ok().json();
    assert_eq!(told["file"], path.to_str().unwrap());
    assert_eq!(told["cluster"], "default");
    assert!(told["fingerprint"].is_string(), "{told}");
}

#[test]
fn without_an_agent_every_command_says_that_nobody_answers() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("ordu.sock");
    let socket = socket.to_str().unwrap();
    for command in ["ps", "count", "members"] {
        let said = ordu([command, "--socket", socket]);
        assert_eq!(said.code, 3, "{said:?}");
        assert!(said.stderr.contains("no agent answers at"), "{said:?}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut process = program()
        .args(["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(process.stdout.take());
    let said: Said = process.wait_with_output().unwrap().into();
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
}

/// What takes nothing that is written to it: a reader that has gone, and a disk that is full.
fn deaf_ends() -> [OwnedFd; 2] {
    let (reader, gone) = std::io::pipe().unwrap();
    drop(reader);
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    [gone.into(), full.into()]
}

fn said_with_stderr(mut command: Command, stderr: &OwnedFd) -> Said {
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command.stderr(stderr.try_clone().unwrap());
    command.output().unwrap().into()
}

#[test]
fn a_standard_error_that_takes_nothing_costs_what_is_said_there_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (bad, empty) = (at("bad.toml"), at("empty.toml"));
    std::fs::write(&bad, "[[child]]\nid = 7\n").unwrap();
    std::fs::write(&empty, "").unwrap();
    let nowhere = at("ordu.sock");
    for (words, code) in [
        (&["ps", "--socket", &nowhere][..], 3),
        (&["stop", "a", "b", "--socket", &nowhere], 3),
        (&["apply", "-f", &bad], 2),
        (&["apply", "-f", &empty, "--socket", &nowhere], 3),
        (&["remove", "n1", "--socket", &nowhere], 3),
        (&["demo", "web", "--listen", "203.0.113.1:1"], 1),
        (&["no-such-command"], 2),
        (&["ps", "--\u{202e}"], 2),
        (&["agent", "--config", &bad], 2),
    ] {
        for stderr in deaf_ends() {
            let mut command = program();
            command.args(words);
            assert_eq!(said_with_stderr(command, &stderr).code, code, "{words:?}");
        }
    }
    for (number, stderr) in deaf_ends().into_iter().enumerate() {
        let mut command = program();
        command.args(["keygen", "--json", &at(&format!("key{number}"))]);
        let said = said_with_stderr(command, &stderr).ok();
        assert!(said.json()["fingerprint"].is_string(), "{said:?}");
    }
}

#[test]
fn what_is_asked_for_and_cannot_be_written_is_a_failure_unless_its_reader_has_gone() {
    for words in [
        &["completions", "bash"][..],
        &["--help"],
        &["ps", "--help"],
        &["--version"],
    ] {
        let [gone, full] = deaf_ends();
        let said: Said = program().args(words).stdout(full).output().unwrap().into();
        assert_eq!(said.code, 1, "{words:?}: {said:?}");
        assert!(
            said.stderr.starts_with("ordu: standard output: No space left"),
            "{said:?}"
        );
        let said: Said = program().args(words).stdout(gone).output().unwrap().into();
        assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{words:?}");
    }
}

#[test]
fn an_agent_and_its_callers_work_though_their_standard_errors_take_nothing() {
    for deaf in deaf_ends() {
        let mut cluster = Cluster::empty();
        cluster.add_node().start_with_stderr(deaf.try_clone().unwrap());
        let node = &cluster.nodes[0];
        node.await_ready();
        let file = cluster.folder.path().join("children.toml");
        std::fs::write(&file, "[[child]]\nid = \"a\"\ncommand = [\"sleep\", \"86400\"]\n").unwrap();
        for words in [
            &["start", "b", "--", "sleep", "86400"][..],
            &["restart", "b"],
            &["stop", "b"],
            &["rm", "b"],
            &["apply", "-f", file.to_str().unwrap()],
            &["stop", "a"],
            &["export"],
            &["rm", "a"],
        ] {
            let mut command = program();
            command.env("ORDU_SOCKET", &node.socket).args(words);
            assert_eq!(said_with_stderr(command, &deaf).code, 0, "{words:?}");
        }
        assert_eq!(cluster.nodes[0].terminate(), Some(0));
    }
}

#[test]
fn another_user_is_denied() {
    if !root_or_skip("another user is denied", "becoming another user needs root") {
        return;
    }
    let cluster = Cluster::of(1);
    let nobody = |command: &mut Command| -> Said {
        use std::os::unix::process::CommandExt as _;
        command.uid(65_534).gid(65_534).output().unwrap().into()
    };
    // The binary may lie where only its owner can go; a copy lies where everybody can.
    let copy = std::env::temp_dir().join(format!("ordu-copy-{}", std::process::id()));
    std::fs::copy(env!("CARGO_BIN_EXE_ordu"), &copy).unwrap();
    let mut command = Command::new(&copy);
    command.args(["ps", "--socket"]).arg(&cluster.nodes[0].socket);
    let said = nobody(&mut command);
    std::fs::remove_file(&copy).unwrap();
    assert_eq!(said.code, 5, "{said:?}");
}

#[test]
fn a_second_agent_on_one_socket_is_refused_and_the_first_goes_on() {
    let mut cluster = Cluster::of(1);
    let socket = cluster.nodes[0].socket.clone();
    let second = cluster.add_node();
    second.socket = socket;
    let said = second.run();
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.stderr.contains("another agent listens there"), "{said:?}");
    cluster.nodes[0].ordu(["ps"]).ok();
}

#[test]
fn one_command_sees_to_several_children_and_ends_as_the_worst_of_them() {
    let cluster = Cluster::of(1);
    let node = &cluster.nodes[0];
    for id in ["a", "b", "c"] {
        cluster.start_child(node, id).ok();
    }
    let shown = node.ordu(["show", "--json", "c", "a"]).ok();
    let shown: Vec<serde_json::Value> = shown
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!([&shown[0]["id"], &shown[1]["id"]], ["c", "a"]);

    let said = node.ordu(["stop", "a", "nobody", "b"]);
    assert_eq!(said.code, 4, "{said:?}");
    assert_eq!(
        said.stderr,
        "\"a\" is stopped\nordu: child \"nobody\" not found in horde default\n\"b\" is stopped\n"
    );
    let said = node.ordu(["rm", "a", "b", "nobody", "c"]);
    assert_eq!(
        said.code, 1,
        "that one still runs is worse than that one is not there: {said:?}"
    );
    node.ordu(["restart", "c", "c"]).ok();
    node.ordu(["rm", "--force", "c"]).ok();
    assert_eq!(node.children().unwrap(), Vec::<serde_json::Value>::new());
}

#[test]
fn several_children_of_an_agent_that_is_not_there_are_complained_of_once() {
    let said = ordu(["stop", "--socket", "/nowhere/ordu.sock", "a", "b", "c"]);
    assert_eq!(said.code, 3, "{said:?}");
    assert_eq!(said.stderr.matches("no agent answers").count(), 1, "{said:?}");
}

#[test]
fn no_time_at_all_ends_with_6() {
    let cluster = Cluster::of(1);
    let node = &cluster.nodes[0];
    cluster.start_child(node, "a").ok();
    let path = cluster.folder.path().join("children.toml");
    std::fs::write(&path, "[[child]]\nid = \"c\"\ncommand = [\"sleep\", \"1\"]\n").unwrap();
    let path = path.to_str().unwrap();
    for command in [
        &["start", "b", "--timeout", "0s", "--", "sleep", "1"][..],
        &["stop", "a", "--timeout", "0s"],
        &["restart", "a", "--timeout", "0s"],
        &["rm", "a", "--force", "--timeout", "0s"],
        &["apply", "--timeout", "0s", "-f", path],
    ] {
        let said = node.ordu(command.iter().copied());
        assert_eq!(said.code, 6, "{command:?}: {said:?}");
    }
    cluster.await_one_each(&["a".to_owned()], Duration::from_secs(1));
}

#[test]
fn every_command_can_name_a_horde_and_knows_the_first_by_itself() {
    let mut cluster = Cluster::empty();
    cluster
        .add_node()
        .with_arg("--horde=web")
        .with_arg("--horde=jobs");
    cluster.start_all();
    let node = &cluster.nodes[0];
    cluster.start_child(node, "a").ok();
    let mark = format!("TEST_MARK={}", cluster.mark());
    let start = [
        "start", "a", "--horde", "jobs", "--env", &mark, "--", "sleep", "86400",
    ];
    node.ordu(start).ok();

    let of = |horde: &str| node.ordu(["ps", "--horde", horde, "--json"]).ok().json();
    assert_eq!(of("web"), node.ordu(["ps", "--json"]).ok().json());
    assert_eq!(
        (&of("web")[0]["horde"], &of("jobs")[0]["horde"]),
        (&"web".into(), &"jobs".into())
    );
    node.ordu(["rm", "--force", "a", "--horde", "jobs"]).ok();
    assert_eq!(of("jobs"), serde_json::json!([]));
    assert_eq!(of("web").as_array().unwrap().len(), 1);
    let said = node.ordu(["ps", "--horde", "else"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.stderr.contains("started with web, jobs"), "{said:?}");
}

#[test]
fn the_output_of_a_child_that_was_stopped_elsewhere_is_where_it_ran() {
    let cluster = Cluster::of(2);
    let command = ["start", "talker", "--node", "n1", "--", "sleep", "86400"];
    cluster.nodes[0].ordu(command).ok();
    cluster.nodes[0].ordu(["stop", "talker"]).ok();

    let said = eventually(
        Duration::from_secs(5),
        "the other knows that it is stopped",
        || {
            let shown = cluster.nodes[1].ordu(["show", "talker", "--json"]);
            if shown.stdout.contains("\"state\":\"stopped\"") {
                Ok(cluster.nodes[1].ordu(["logs", "talker"]))
            } else {
                Err(format!("{shown:?}"))
            }
        },
    )
    .0;

    assert_eq!(said.code, 1, "{said:?}");
    assert!(
        said.stderr.contains("child \"talker\" ran on n1 and is stopped"),
        "{said:?}"
    );
}

#[test]
fn whatever_is_asked_of_an_agent_that_stands_still_ends_with_6_after_the_time_that_is_given() {
    let cluster = Cluster::of(1);
    let node = &cluster.nodes[0];
    cluster.start_child(node, "a").ok();
    node.signal(Signal::STOP);
    for command in [
        &["ps"][..],
        &["show", "a"],
        &["count"],
        &["members"],
        &["export"],
        &["logs", "a"],
        &["logs", "a", "--follow"],
        &["start", "b", "--", "sleep", "1"],
        &["stop", "a"],
        &["restart", "a"],
        &["rm", "--force", "a"],
        &["remove", "n9"],
    ] {
        for time in ["0s", "200ms"] {
            let begun = Instant::now();
            let timed = [command[0], "--timeout", time];
            let said = node.ordu(timed.into_iter().chain(command[1..].iter().copied()));
            assert_eq!(said.code, 6, "{command:?}: {said:?}");
            assert!(
                begun.elapsed() < Duration::from_secs(8),
                "{command:?}: {:?}",
                begun.elapsed()
            );
        }
    }
    node.signal(Signal::CONT);
    node.ordu(["ps", "--timeout", "10s"]).ok();
    // One that says nothing is followed for as long as one likes once the agent has answered.
    let mut follower = program()
        .args(["logs", "a", "--follow", "--timeout", "300ms", "--socket"])
        .arg(&node.socket)
        .spawn()
        .unwrap();
    let held = catch_unwind(AssertUnwindSafe(|| {
        holds_for(Duration::from_secs(1), "it is followed", || {
            match follower.try_wait().unwrap() {
                None => Ok(()),
                Some(status) => Err(status.to_string()),
            }
        });
    }));
    let _ = follower.kill();
    let _ = follower.wait();
    held.unwrap();
}

#[test]
fn of_those_who_restart_or_remove_a_child_at_once_none_is_told_to_stop_it_first() {
    let cluster = Cluster::of(2);
    let sleep = ["start", "rr", "--", "sleep", "86400"];
    cluster.nodes[0].ordu(sleep).ok();
    let at_once = |commands: [&'static [&'static str]; 4]| -> Vec<Said> {
        std::thread::scope(|scope| {
            let run = |(number, args): (usize, &'static [&'static str])| {
                let node = &cluster.nodes[number % 2];
                scope.spawn(move || node.ordu(args.iter().copied()))
            };
            let under_way: Vec<_> = commands.into_iter().enumerate().map(run).collect();
            under_way.into_iter().map(|said| said.join().unwrap()).collect()
        })
    };
    for _ in 0..3 {
        let said = at_once([&["restart", "rr"]; 4]);
        assert!(said.iter().all(|said| said.code == 0), "{said:?}");
    }
    for _ in 0..3 {
        let restart: &[&str] = &["restart", "rr"];
        let said = at_once([&["rm", "--force", "rr"], restart, restart, restart]);
        assert_eq!(said[0].code, 0, "{said:?}");
        // It is gone, or was when they came.
        assert!(said.iter().all(|said| [0, 4].contains(&said.code)), "{said:?}");
        cluster.nodes[0].ordu(sleep).ok();
    }
}

#[test]
fn a_key_is_made_for_no_cluster_that_an_agent_would_refuse() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cluster.key");
    for name in ["", "a b", "\u{2800}"] {
        let said = ordu(["keygen", path.to_str().unwrap(), "--cluster", name]);
        assert_eq!(said.code, 2, "{name:?}: {said:?}");
        assert!(said.stderr.contains("cluster name"), "{said:?}");
        assert!(!path.exists(), "a key was made for {name:?}");
    }
}

/// A restart is a stop and a start; the agent that is asked for it leaves in between.
#[test]
fn a_restart_or_removal_that_a_leave_cuts_short_says_that_the_child_was_stopped() {
    for (command, undone) in [
        (&["restart", "slow"][..], "not started again"),
        (&["rm", "slow", "--force"], "not removed"),
    ] {
        let cluster = Cluster::of(2);
        let node = &cluster.nodes[0];
        let mark = format!("TEST_MARK={}", cluster.mark());
        let slow = "trap 'sleep 2; exit 0' TERM; echo ready; while :; do sleep 0.1; done";
        let start = [
            "start", "slow", "--node", "n1", "--env", &mark, "--", "sh", "-c", slow,
        ];
        node.ordu(start).ok();
        eventually(Duration::from_secs(10), "it takes its time to stop", || {
            let said = node.ordu(["logs", "slow", "-n", "1"]);
            (said.stdout == "ready\n")
                .then_some(())
                .ok_or(format!("{said:?}"))
        });
        let said = std::thread::scope(|scope| {
            let changed = scope.spawn(|| node.ordu(command.iter().copied()));
            eventually(Duration::from_secs(10), "it is being stopped", || {
                let shown = cluster.nodes[1].ordu(["show", "slow", "--json"]);
                let is_stopping = shown.code == 0 && shown.json()["stopping"] == true;
                is_stopping.then_some(()).ok_or(format!("{shown:?}"))
            });
            node.signal(Signal::TERM);
            changed.join().unwrap()
        });
        assert_eq!(said.code, 7, "{command:?}: {said:?}");
        assert!(said.stderr.contains("\"slow\" was stopped, and"), "{said:?}");
        assert!(said.stderr.contains(undone), "{said:?}");
    }
}
