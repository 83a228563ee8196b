//! Files of children.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::harness::{Cluster, Said, eventually, kill, ordu, ordu_with_input, program, transcript};
use crate::web::get;

fn ids(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

fn file(cluster: &Cluster, name: &str, text: &str) -> String {
    let path = cluster.folder.path().join(name);
    std::fs::write(&path, text.replace("@mark@", cluster.mark())).unwrap();
    path.to_str().unwrap().to_owned()
}

const CHILDREN: &str = r#"
[[child]]
id = "a"
command = ["sleep", "86400"]
env = { TEST_MARK = "@mark@" }

[[child]]
id = "b"
command = ["sleep", "86400"]
env = { TEST_MARK = "@mark@" }
"#;

#[test]
fn applying_adds_what_is_new_changes_what_differs_and_leaves_the_rest_alone() {
    let cluster = Cluster::of(1);
    let node = &cluster.nodes[0];
    let first = file(&cluster, "children.toml", CHILDREN);
    node.ordu(["apply", "-f", &first]).ok();
    cluster.await_one_each(&ids(&["a", "b"]), Duration::from_secs(2));
    let before = cluster.copies().one_each(&ids(&["a", "b"])).unwrap();

    let changed = CHILDREN.replacen("86400", "76543", 1) + "\n[[child]]\nid = \"c\"\n";
    let changed = changed + "command = [\"sleep\", \"86400\"]\nenv = { TEST_MARK = \"@mark@\" }\n";
    let second = file(&cluster, "children.toml", &changed);
    let dry = node.ordu(["apply", "-f", &second, "--dry-run"]).ok();
    assert_eq!(
        dry.stdout,
        "a\tchanged\tcommand\nb\tleft as it is\trunning\nc\tadded\t\n"
    );
    assert_eq!(
        cluster.copies().one_each(&ids(&["a", "b"])).as_ref(),
        Ok(&before),
        "a dry run did something"
    );

    let said = node.ordu(["apply", "-f", &second]).ok();
    assert_eq!(
        said.stderr,
        "\"a\" is changed in command and runs on n1\n\"b\" is as the file says, running\n\
         \"c\" is added and runs on n1\n"
    );
    let after = cluster.copies().one_each(&ids(&["a", "b", "c"])).unwrap();
    assert!(
        after["a"].epoch > before["a"].epoch,
        "{:?} then {:?}",
        before["a"],
        after["a"]
    );
    assert_eq!(after["b"], before["b"]);
}

#[test]
fn a_change_that_does_not_start_brings_back_the_child_of_before() {
    let cluster = Cluster::of(1);
    let node = &cluster.nodes[0];
    let good = file(&cluster, "children.toml", CHILDREN);
    node.ordu(["apply", "-f", &good]).ok();

    let broken = file(
        &cluster,
        "children.toml",
        &CHILDREN.replacen("\"sleep\"", "\"/no/such/program\"", 1),
    );
    let said = node.ordu(["apply", "-f", &broken]);

    assert_eq!(said.code, 7, "{said:?}");
    assert!(said.stderr.contains("No such file or directory"), "{said:?}");
    assert!(said.stderr.contains("the one before runs again"), "{said:?}");
    cluster.await_one_each(&ids(&["a", "b"]), Duration::from_secs(2));

    node.ordu(["stop", "a"]).ok();
    let said = node.ordu(["apply", "-f", &broken]);
    assert_eq!(said.code, 7, "{said:?}");
    assert!(
        said.stderr.contains("the one before is there again, stopped"),
        "{said:?}"
    );
    let stopped = node.ordu(["show", "a", "--json"]).ok().json();
    assert_eq!(stopped["state"], "stopped");
    assert_eq!(
        stopped["process"]["command"],
        serde_json::json!(["sleep", "86400"])
    );
}

#[test]
fn a_change_that_is_too_large_is_refused_before_anything_is_stopped() {
    let cluster = Cluster::of(1);
    let node = &cluster.nodes[0];
    node.ordu(["apply", "-f", &file(&cluster, "children.toml", CHILDREN)])
        .ok();
    cluster.await_one_each(&ids(&["a", "b"]), Duration::from_secs(2));
    let before = cluster.copies().one_each(&ids(&["a", "b"])).unwrap();

    let large = CHILDREN.replacen("86400", &"1".repeat(60_000), 1);
    let said = node.ordu(["apply", "-f", &file(&cluster, "large.toml", &large)]);

    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.stderr.contains("expected at most 49152"), "{said:?}");
    assert_eq!(cluster.copies().one_each(&ids(&["a", "b"])).as_ref(), Ok(&before));
}

#[test]
fn what_became_of_each_child_is_told_to_programs_too() {
    let cluster = Cluster::of(1);
    let node = &cluster.nodes[0];
    let text = CHILDREN.replacen("\"sleep\"", "\"/no/such/program\"", 1);
    let path = file(&cluster, "children.toml", &text);
    let said = node.ordu(["apply", "--json", "-f", &path]);
    assert_eq!(said.code, 7, "{said:?}");
    let told = said.json();
    assert_eq!(
        (&told[0]["id"], &told[0]["outcome"]),
        (&"a".into(), &"failed".into())
    );
    let error = told[0]["error"].as_str().unwrap();
    assert!(error.contains("No such file or directory"), "{said:?}");
    let added = serde_json::json!({"id": "b", "outcome": "added", "parts": [], "node": "n1", "error": null});
    assert_eq!(told[1], added);
}

#[test]
fn every_problem_of_a_file_is_shown_with_its_line_and_nothing_is_applied() {
    let cluster = Cluster::of(1);
    let node = &cluster.nodes[0];
    let text = "[[child]]\nid = \"good\"\ncommand = [\"sleep\", \"1\"]\n\n[[child]]\nid = \"good\"\n\
                comand = [\"sleep\"]\nrestart = \"always\"\n";
    let path = file(&cluster, "bad.toml", text);
    insta::assert_snapshot!(transcript(node, &[&format!("apply -f {path}"), "ps --json"]));
}

#[test]
fn the_demonstration_is_a_good_file() {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/demo.toml");
    // With nobody to apply it to: a file with problems would say so first.
    let said = ordu([
        "apply",
        "--socket",
        "/nowhere/ordu.sock",
        "-f",
        demo.to_str().unwrap(),
    ]);
    assert_eq!(said.code, 3, "{said:?}");
}

#[test]
fn a_file_without_end_or_that_is_no_text_gets_one_error_with_its_line() {
    let cluster = Cluster::empty();
    let path = cluster.folder.path().join("children.toml");
    let path = path.to_str().unwrap();
    let apply = |path: &str| {
        let said = ordu(["apply", "-f", path, "--socket", "/nonexistent/ordu.sock"]);
        assert_eq!((said.code, said.stdout.as_str()), (2, ""), "{said:?}");
        assert!(said.stderr.len() < 3_000, "{} bytes", said.stderr.len());
        said.stderr
    };
    let of = |bytes: &[u8]| {
        std::fs::write(path, bytes).unwrap();
        apply(path)
    };

    let zeros = apply("/dev/zero");
    assert!(zeros.contains("/dev/zero:1: a byte that is 0"), "{zeros}");
    let long = of("# nothing\n".repeat(1_800_000).as_bytes());
    assert!(
        long.contains(&format!("{path}:419431: the file is longer than 4 MiB")),
        "{long}"
    );
    let deep = of(format!("a = 1\nb = {}", "[".repeat(20_000)).as_bytes());
    assert!(
        deep.contains(&format!("{path}:2: ")) && deep.contains("at most 80 deep"),
        "{deep}"
    );
    let bad = of(b"a = 1\nb = \"\xff\"\n");
    assert!(
        bad.contains(&format!("{path}:2: bytes that are no UTF-8")),
        "{bad}"
    );
    let nul = of(b"a = 1\nb = 1\nc = \"\0\"\n");
    assert!(nul.contains(&format!("{path}:3: a byte that is 0")), "{nul}");
    let command = format!(
        "[[child]]\nid = \"a\"\ncommand = [\"cat\", \"{}\"]\n",
        "x".repeat(1_000_000)
    );
    let command = of(command.as_bytes());
    assert!(
        command.contains(&format!("{path}:3: the command and its variables take")),
        "{command}"
    );
}

#[test]
fn a_file_without_children_says_so() {
    let cluster = Cluster::of(1);
    let path = file(&cluster, "children.toml", "");
    let said = cluster.nodes[0].ordu(["apply", "-f", &path]).ok();
    assert!(said.stderr.contains("there is no [[child]] in it"), "{said:?}");
}

/// One child that runs this in a shell, counted by the cluster's mark.
fn script(id: &str, script: &str) -> String {
    format!(
        "[[child]]\nid = \"{id}\"\ncommand = [\"sh\", \"-c\", {script:?}]\nenv = {{ TEST_MARK = \"@mark@\" }}\n"
    )
}

#[test]
fn a_file_is_not_applied_until_its_children_have_come_up() {
    let cluster = Cluster::of(1);
    let node = &cluster.nodes[0];
    let text = script("good", "exec sleep 86400") + &script("bad", "exit 3");
    let path = file(&cluster, "children.toml", &text);

    let said = node.ordu(["apply", "-f", &path]);

    assert_eq!(said.code, 7, "{said:?}");
    assert!(
        said.stderr.contains("child \"bad\" has failed: exit code 3"),
        "{said:?}"
    );
    let told = node.ordu(["apply", "--json", "-f", &path]).json();
    let outcomes = [&told[0]["outcome"], &told[1]["outcome"]];
    assert_eq!(outcomes, ["unchanged", "failed"]);
}

#[test]
fn a_child_that_ends_again_and_again_has_not_come_up_in_time() {
    let cluster = Cluster::of(1);
    let node = &cluster.nodes[0];
    let text = script("restless", "sleep 0.3; exit 3") + "max_restarts = 1000\n";
    let path = file(&cluster, "children.toml", &text);

    let said = node.ordu(["apply", "--wait", "2s", "-f", &path]);

    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.stderr.contains("within 2s"), "{said:?}");
    node.ordu(["apply", "--wait", "0s", "-f", &path]).ok();
}

#[test]
fn a_child_that_may_finish_and_does_has_come_up() {
    let cluster = Cluster::of(1);
    let text = script("once", "exit 0") + "restart = \"transient\"\n";
    let path = file(&cluster, "children.toml", &text);
    cluster.nodes[0].ordu(["apply", "-f", &path]).ok();
}

#[test]
fn a_second_apply_tries_a_failed_child_again() {
    let cluster = Cluster::of(1);
    let node = &cluster.nodes[0];
    let needed = cluster.folder.path().join("needed");
    let look = format!("test -e {} && exec sleep 86400", needed.display());
    let path = file(&cluster, "children.toml", &script("a", &look));
    assert_eq!(node.ordu(["apply", "-f", &path]).code, 1);
    std::fs::write(&needed, "").unwrap();

    let plan = node.ordu(["apply", "-f", &path, "--dry-run"]).ok();
    let said = node.ordu(["apply", "-f", &path]).ok();

    assert!(plan.stdout.starts_with("a\tstarted again\t"), "{plan:?}");
    assert_eq!(said.stderr, "\"a\" had failed, is started again and runs on n1\n");
    cluster.await_one_each(&ids(&["a"]), Duration::from_secs(2));
}

#[test]
fn a_failed_child_that_a_user_stops_stays_stopped_until_it_is_restarted() {
    let cluster = Cluster::of(1);
    let node = &cluster.nodes[0];
    let path = file(&cluster, "children.toml", &script("a", "exit 3"));
    assert_eq!(node.ordu(["apply", "-f", &path]).code, 1);

    let said = node.ordu(["stop", "a"]).ok();

    assert_eq!(said.stderr, "\"a\" is stopped\n");
    let shown = node.ordu(["show", "a", "--json"]).ok().json();
    assert_eq!(
        (&shown["state"], &shown["reason"]),
        (&"stopped".into(), &"had failed: exit code 3".into())
    );
    let exported = node.ordu(["export"]).ok();
    assert_eq!(exported.stdout, "");
    assert_eq!(exported.stderr, "ordu: \"a\" is left out: it is stopped\n");
    let plan = node.ordu(["apply", "-f", &path, "--dry-run"]).ok();
    assert_eq!(plan.stdout, "a\tleft as it is\tstopped\n");
    let said = node.ordu(["apply", "-f", &path]).ok();
    assert_eq!(said.stderr, "\"a\" is as the file says, stopped\n");
    assert_eq!(
        node.ordu(["show", "a", "--json"]).ok().json()["epoch"],
        shown["epoch"]
    );
    node.ordu(["restart", "a"]).ok();
    assert!(node.ordu(["show", "a", "--json"]).ok().json()["epoch"].as_u64() > shown["epoch"].as_u64());
}

#[test]
fn a_child_that_is_being_stopped_is_shown_so_everywhere() {
    let mut cluster = Cluster::empty();
    let node = cluster.add_node();
    let http = format!("{}:7700", node.addr.ip());
    node.with_arg("--http").with_arg(&http);
    node.start();
    node.await_ready();
    let node = &cluster.nodes[0];
    let text =
        script("a", "trap '' TERM; echo ready; while :; do sleep 0.1; done") + "stop_timeout = \"1h\"\n";
    let path = file(&cluster, "children.toml", &text);
    node.ordu(["apply", "-f", &path]).ok();
    eventually(Duration::from_secs(5), "it ignores the stop signal", || {
        let said = node.ordu(["logs", "a"]);
        if said.stdout == "ready\n" {
            Ok(())
        } else {
            Err(format!("{said:?}"))
        }
    });
    let told = || {
        let row = node.children().unwrap().remove(0);
        let detail = node.ordu(["show", "a", "--json"]).ok().json();
        let web = |path: &str| -> serde_json::Value {
            serde_json::from_str(&get(&http, path, "localhost").1).unwrap()
        };
        [row, detail, web("/v1/children")[0].clone(), web("/v1/children/a")].map(|json| {
            (
                json["state"].as_str().map(str::to_owned),
                json["stopping"].as_bool(),
            )
        })
    };
    assert_eq!(
        told(),
        [(); 4].map(|()| (Some("running".to_owned()), Some(false)))
    );

    assert_eq!(node.ordu(["stop", "a", "--timeout", "1s"]).code, 7);

    assert_eq!(told(), [(); 4].map(|()| (Some("running".to_owned()), Some(true))));
    let listed = node.ordu(["ps"]).ok().stdout;
    assert_eq!(listed.split('\t').nth(2), Some("being stopped"), "{listed}");
    let shown = node.ordu(["show", "a"]).ok().stdout;
    assert!(shown.contains("\nstate         being stopped\n"), "{shown}");
    let said = node.ordu(["start", "a", "--", "sleep", "1"]);
    assert!(
        said.stderr
            .starts_with("ordu: child \"a\" is already present, being stopped;"),
        "{said:?}"
    );
    let said = node.ordu(["rm", "a"]);
    let expected = "ordu: child \"a\" is being stopped on n1; ask again when it has stopped\n";
    assert_eq!((said.code, said.stderr.as_str()), (1, expected));
}

#[test]
fn a_change_of_policy_alone_leaves_the_process_running() {
    let cluster = Cluster::of(2);
    let node = &cluster.nodes[0];
    node.ordu(["apply", "-f", &file(&cluster, "children.toml", CHILDREN)])
        .ok();
    cluster.await_one_each(&ids(&["a", "b"]), Duration::from_secs(2));
    let before = cluster.copies().one_each(&ids(&["a", "b"])).unwrap();
    let patient = "max_restarts = 9\nwithin = \"1m30s\"\nstop_timeout = \"1m\"\nrestart = \"transient\"\n";
    let path = file(&cluster, "children.toml", &(CHILDREN.to_owned() + patient));

    let plan = node.ordu(["apply", "-f", &path, "--dry-run"]).ok();
    let said = node.ordu(["apply", "-f", &path]).ok();

    let parts = "restart, stop_timeout, max_restarts, within";
    assert!(
        plan.stdout
            .ends_with(&format!("b\tchanged without a restart\t{parts}\n")),
        "{plan:?}"
    );
    assert!(
        said.stderr
            .ends_with(&format!("\"b\" is changed in {parts}, without a restart\n")),
        "{said:?}"
    );
    assert_eq!(cluster.copies().one_each(&ids(&["a", "b"])).as_ref(), Ok(&before));
    let shown = node.ordu(["show", "b", "--json"]).ok().json();
    let policy = [&shown["max_restarts"], &shown["within_ms"]];
    assert_eq!(policy, [9, 90_000]);
    assert_eq!(
        (&shown["stop_timeout"], &shown["restart"]),
        (&"1m".into(), &"transient".into())
    );
}

#[test]
fn a_changed_child_that_does_not_come_up_is_put_back_with_the_reason() {
    let cluster = Cluster::of(1);
    let node = &cluster.nodes[0];
    let path = file(&cluster, "children.toml", &script("a", "exec sleep 86400"));
    node.ordu(["apply", "-f", &path]).ok();
    let path = file(&cluster, "children.toml", &script("a", "exit 3"));

    let said = node.ordu(["apply", "-f", &path]);

    assert_eq!(said.code, 1, "{said:?}");
    assert!(
        said.stderr
            .contains("child \"a\" has failed: exit code 3; the one before runs again"),
        "{said:?}"
    );
    cluster.await_one_each(&ids(&["a"]), Duration::from_secs(2));
    let shown = node.ordu(["show", "a", "--json"]).ok().json();
    assert_eq!(shown["process"]["command"][2], "exec sleep 86400");
}

#[test]
fn a_file_can_come_through_standard_input() {
    let cluster = Cluster::of(1);
    let socket = cluster.nodes[0].socket.to_str().unwrap();
    let apply = ["apply", "--socket", socket, "-f", "-"];
    ordu_with_input(apply, &CHILDREN.replace("@mark@", cluster.mark())).ok();
    cluster.await_one_each(&ids(&["a", "b"]), Duration::from_secs(2));
    let said = ordu_with_input(apply, "[[child]]\n");
    assert!(said.stderr.contains("standard input:1"), "{said:?}");
}

#[test]
fn four_who_apply_one_file_at_once_all_hear_that_it_is_applied() {
    let cluster = Cluster::of(2);
    let all = ids(&["a", "b"]);
    for sleep in ["86400", "86401", "86402"] {
        let path = file(&cluster, "children.toml", &CHILDREN.replace("86400", sleep));
        let said: Vec<Said> = std::thread::scope(|scope| {
            let apply = |number: usize| {
                let (node, path) = (&cluster.nodes[number % 2], &path);
                scope.spawn(move || node.ordu(["apply", "-f", path]))
            };
            let under_way: Vec<_> = (0..4).map(apply).collect();
            under_way.into_iter().map(|apply| apply.join().unwrap()).collect()
        });
        assert!(said.iter().all(|said| said.code == 0), "{said:?}");
        cluster.await_one_each(&all, Duration::from_secs(2));
    }
}

#[test]
fn what_is_exported_changes_nothing_when_it_is_applied() {
    let cluster = Cluster::of(1);
    let node = &cluster.nodes[0];
    let text = CHILDREN.to_owned()
        + "cwd = \"/tmp\"\nstop_signal = \"SIGINT\"\nwithin = \"1m30s\"\nnode = \"n1\"\n"
        + &script("stopped", "exec sleep 86400");
    node.ordu(["apply", "-f", &file(&cluster, "children.toml", &text)])
        .ok();
    node.ordu(["stop", "stopped"]).ok();
    let before = cluster.copies().one_each(&ids(&["a", "b"])).unwrap();

    let exported = node.ordu(["export"]).ok();

    assert!(exported.stdout.contains(cluster.mark()), "{exported:?}");
    assert_eq!(exported.stderr, "ordu: \"stopped\" is left out: it is stopped\n");
    let socket = node.socket.to_str().unwrap();
    let applied = ordu_with_input(["apply", "--socket", socket, "-f", "-"], &exported.stdout).ok();
    let unchanged = "\"a\" is as the file says, running\n\"b\" is as the file says, running\n";
    assert_eq!(applied.stderr, unchanged);
    assert_eq!(cluster.copies().one_each(&ids(&["a", "b"])).as_ref(), Ok(&before));
}

#[test]
fn without_any_time_no_child_is_tried_and_that_is_said_once() {
    let cluster = Cluster::of(1);
    let node = &cluster.nodes[0];
    let path = file(&cluster, "children.toml", CHILDREN);

    let said = node.ordu(["apply", "--timeout", "0s", "--json", "-f", &path]);

    assert_eq!(said.code, 6, "{said:?}");
    assert_eq!(said.stderr.lines().count(), 1, "{said:?}");
    assert!(said.stderr.contains("not tried: a, b"), "{said:?}");
    let told = said.json();
    let outcomes = [&told[0]["outcome"], &told[1]["outcome"]];
    assert_eq!(outcomes, ["untried", "untried"]);
    assert_eq!(node.children().unwrap(), Vec::<serde_json::Value>::new());
}

#[test]
fn what_was_replaced_for_a_while_is_not_called_nothing() {
    let cluster = Cluster::of(1);
    let node = &cluster.nodes[0];
    let path = file(&cluster, "children.toml", &script("a", "exec sleep 86400"));
    node.ordu(["apply", "-f", &path]).ok();
    let path = file(&cluster, "children.toml", &script("a", "exit 3"));

    let said = node.ordu(["apply", "-f", &path]);

    assert_eq!(said.code, 1, "{said:?}");
    assert!(!said.stderr.contains("nothing was applied"), "{said:?}");
    assert!(
        said.stderr.contains("none of its children is as it says"),
        "{said:?}"
    );
}

#[test]
fn a_change_of_a_child_that_is_stopped_or_about_to_be_says_so() {
    let cluster = Cluster::of(1);
    let node = &cluster.nodes[0];
    let text =
        script("a", "trap '' TERM; echo ready; while :; do sleep 0.1; done") + "stop_timeout = \"1h\"\n";
    node.ordu(["apply", "-f", &file(&cluster, "children.toml", &text)])
        .ok();
    eventually(Duration::from_secs(5), "it ignores the stop signal", || {
        let said = node.ordu(["logs", "a"]);
        if said.stdout == "ready\n" {
            Ok(())
        } else {
            Err(format!("{said:?}"))
        }
    });
    assert_eq!(node.ordu(["stop", "a", "--timeout", "1s"]).code, 7);
    let change = |restarts: u32| {
        let text = format!("{text}max_restarts = {restarts}\n");
        let path = file(&cluster, "children.toml", &text);
        node.ordu(["apply", "-f", &path]).ok().stderr
    };

    let stopping = change(8);
    // The others of its family come and go.
    let leader = node.ordu(["show", "a", "--json"]).ok().json()["os_pid"].as_u64();
    kill(leader.unwrap().try_into().unwrap(), Signal::KILL);
    eventually(Duration::from_secs(5), "it is stopped", || {
        let shown = node.ordu(["show", "a", "--json"]).ok().json();
        if shown["state"] == "stopped" && cluster.copies().0.is_empty() {
            Ok(())
        } else {
            Err(shown.to_string())
        }
    });
    let stopped = change(9);

    let changed = "\"a\" is changed in max_restarts, without a restart";
    assert_eq!(stopping, format!("{changed}; it is being stopped\n"));
    assert_eq!(stopped, format!("{changed}; it stays stopped\n"));
}

#[test]
fn a_file_that_nobody_writes_is_waited_for_no_longer_than_the_time_that_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("children.toml");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let path = path.to_str().unwrap();
    // Somebody holds the other end of standard input and says nothing.
    for source in [path, "-"] {
        let mut process = program()
            .args(["apply", "--timeout", "300ms", "-f", source])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut process_ended = || match process.try_wait().unwrap() {
            Some(status) => Ok(status),
            None => Err(format!("{source} is still read")),
        };
        let status = catch_unwind(AssertUnwindSafe(|| {
            eventually(Duration::from_secs(5), "it ends", &mut process_ended)
        }));
        let _ = process.kill();
        let said = process.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&said.stderr);
        assert_eq!(status.unwrap().0.code(), Some(6), "{stderr}");
        assert!(
            stderr.contains("nobody has written all of it within 300ms"),
            "{stderr}"
        );
    }
}

#[test]
fn the_time_that_is_given_is_for_all_children_of_a_file_together() {
    let cluster = Cluster::of(1);
    let node = &cluster.nodes[0];
    let all = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let text = |end: &str| -> String {
        let stubborn = format!("trap '' TERM; echo ready; while :; do sleep 0.1; done{end}");
        let child = |id: &&str| script(id, &stubborn) + "stop_timeout = \"1h\"\n";
        all.iter().map(child).collect()
    };
    node.ordu(["apply", "-f", &file(&cluster, "children.toml", &text(""))])
        .ok();
    eventually(Duration::from_secs(5), "it ignores the stop signal", || {
        let said = node.ordu(["logs", "a"]);
        if said.stdout == "ready\n" {
            Ok(())
        } else {
            Err(format!("{said:?}"))
        }
    });

    let path = file(&cluster, "children.toml", &text("; true"));
    let begin = Instant::now();
    let said = node.ordu(["apply", "--timeout", "1s", "-f", &path]);
    let time = begin.elapsed();

    assert!(time < Duration::from_secs(4), "{time:?}: {said:?}");
    assert_eq!(said.code, 6, "{said:?}");
    // How many stops fit in is a matter of the machine.
    assert!(
        said.stderr.ends_with("g, h; the time that was given is over\n"),
        "{said:?}"
    );
}

#[test]
fn a_change_or_a_restart_that_outlasts_the_time_that_is_given_is_seen_to_its_end() {
    let cluster = Cluster::of(1);
    let node = &cluster.nodes[0];
    let text = |end: &str| {
        let stubborn = format!("trap '' TERM; echo ready; while :; do sleep 0.1; done{end}");
        script("a", &stubborn) + "stop_timeout = \"4s\"\n"
    };
    let path = file(&cluster, "children.toml", &text(""));
    node.ordu(["apply", "-f", &path]).ok();
    let shown = || node.ordu(["show", "a", "--json"]).ok().json();
    let is_ready = || {
        eventually(Duration::from_secs(10), "it ignores the stop signal", || {
            let said = node.ordu(["logs", "a", "-n", "1"]);
            if said.stdout == "ready\n" && shown()["state"] == "running" {
                Ok(())
            } else {
                Err(format!("{said:?}"))
            }
        });
    };
    let path = file(&cluster, "children.toml", &text("; true"));
    for command in [
        &["restart", "a", "--timeout", "1s"][..],
        &["apply", "-f", &path, "--timeout", "1s"],
    ] {
        is_ready();
        let before = shown();

        let said = node.ordu(command.iter().copied());

        assert_eq!(said.code, 6, "{command:?}: {said:?}");
        eventually(Duration::from_secs(15), "it runs again", || {
            let now = node.ordu(["show", "a", "--json"]);
            if now.code == 0 && now.json()["state"] == "running" && now.json()["epoch"] != before["epoch"] {
                Ok(())
            } else {
                Err(format!("{command:?}: {now:?}"))
            }
        });
    }
    assert_eq!(
        shown()["process"]["command"][2],
        "trap '' TERM; echo ready; while :; do sleep 0.1; done; true"
    );
}

#[test]
fn an_agent_that_hangs_is_asked_to_apply_for_no_longer_than_the_time_that_is_given() {
    let cluster = Cluster::of(1);
    let node = &cluster.nodes[0];
    let path = file(&cluster, "children.toml", CHILDREN);
    node.signal(Signal::STOP);

    let times = [&["apply"][..], &["apply", "--dry-run"]].map(|words| {
        let begin = Instant::now();
        let said = node.ordu([words, &["--timeout", "1s", "-f", &path]].concat());
        (begin.elapsed(), said)
    });
    node.signal(Signal::CONT);

    for (time, said) in times {
        assert!(time < Duration::from_secs(4), "{time:?}: {said:?}");
        assert_eq!(said.code, 6, "{said:?}");
    }
    assert_eq!(node.children().unwrap(), Vec::<serde_json::Value>::new());
}
