//! One node with real processes.

use ordu::{CallError, ChildSpec, ChildState, Exited, Restart, Started, Stopped};

use crate::world::{OPEN_FILES, World, horde, running, temporary, until};

crate::trials![
    a_started_child_runs_and_is_told_who_it_is,
    a_program_that_does_not_exist_answers_with_the_error_of_the_operating_system,
    a_working_directory_that_does_not_exist_is_named,
    a_killed_child_comes_back_with_a_higher_epoch,
    a_child_that_ends_well_is_finished_when_it_is_transient,
    a_temporary_child_is_gone_after_its_end,
    a_stopped_child_keeps_its_spec_until_it_is_deleted,
    a_child_that_ignores_the_stop_signal_is_killed,
    a_child_gets_the_stop_signal_of_its_spec,
    a_child_has_the_limit_of_open_files_that_the_node_was_started_with,
    leaving_ends_every_process,
    dropping_the_last_handle_ends_every_process,
];

async fn a_started_child_runs_and_is_told_who_it_is() {
    let world = World::new();
    let node = world.node("n1", &[]).await;

    let started = horde(&node).start_child("web/1", world.sleeper()).await.unwrap();

    let Started::Running(acknowledged) = started else {
        panic!("{started:?}")
    };
    assert_eq!(acknowledged.held_by, [node.name().clone()]);
    let child = horde(&node).lookup("web/1").unwrap();
    assert_eq!(child, acknowledged.child);
    assert_eq!(child.state, ChildState::Running);
    world.until_ids(&["web/1"]).await;
    let processes = world.processes();
    let [process] = &processes[..] else {
        panic!("{processes:?}")
    };
    assert_eq!(Some(process.pid), child.os_pid);
    assert_eq!(process.env["ORDU_ID"], "web/1");
    assert_eq!(process.env["ORDU_NODE"], "n1");
    assert_eq!(process.env["ORDU_EPOCH"], child.epoch().to_string());
    assert_eq!(process.env["ORDU_FENCE"], child.token.unwrap().to_string());
    assert!(process.env.contains_key("PATH"));
    assert!(process.env.contains_key("ORDU_MARK"));
    assert_eq!(process.env.len(), 7, "{process:?}");
    let counts = horde(&node).count_children();
    assert_eq!(
        (counts.specs, counts.active, counts.workers, counts.supervisors),
        (1, 1, 1, 0)
    );
}

async fn a_program_that_does_not_exist_answers_with_the_error_of_the_operating_system() {
    let world = World::new();
    let node = world.node("n1", &[]).await;

    let error = horde(&node)
        .start_child("a", world.process(["/no/such/program"]))
        .await
        .unwrap_err();

    let CallError::StartFailed { error, .. } = error else {
        panic!("{error}")
    };
    assert!(error.contains("No such file or directory"), "{error}");
    assert_eq!(horde(&node).lookup("a"), None);
    assert_eq!(horde(&node).count_children().specs, 0);
}

async fn a_working_directory_that_does_not_exist_is_named() {
    let world = World::new();
    let node = world.node("n1", &[]).await;
    let spec = ordu::ProcessSpec::new(["true"])
        .cwd("/no/such/directory")
        .child_spec();

    let error = horde(&node).start_child("a", spec).await.unwrap_err();

    assert!(error.to_string().contains("/no/such/directory"), "{error}");
}

async fn a_killed_child_comes_back_with_a_higher_epoch() {
    let world = World::new();
    let node = world.node("n1", &[]).await;
    let started = horde(&node).start_child("a", world.sleeper()).await.unwrap();
    let before = started.child().unwrap().clone();

    send("KILL", before.os_pid.unwrap());

    until("it runs again", &node, || {
        horde(&node).lookup("a").is_some_and(|child| {
            child.state == ChildState::Running && child.os_pid.is_some_and(|pid| Some(pid) != before.os_pid)
        })
    })
    .await;
    let after = horde(&node).lookup("a").unwrap();
    assert!(after.token > before.token, "{before:?} {after:?}");
    assert_eq!(after.restarts, 1);
    world.until_ids(&["a"]).await;
    assert_eq!(world.processes()[0].env["ORDU_EPOCH"], after.epoch().to_string());
}

async fn a_child_that_ends_well_is_finished_when_it_is_transient() {
    let world = World::new();
    let node = world.node("n1", &[]).await;
    let go = world.dir.path().join("go");
    let script = format!("until [ -e {} ]; do sleep 0.01; done", go.display());
    let spec = ChildSpec {
        restart: Restart::Transient,
        ..world.shell(&script)
    };
    horde(&node).start_child("a", spec).await.unwrap();

    std::fs::write(go, "").unwrap();

    until("it is gone", &node, || horde(&node).lookup("a").is_none()).await;
    assert_eq!(world.processes(), []);
}

async fn a_temporary_child_is_gone_after_its_end() {
    let world = World::new();
    let node = world.node("n1", &[]).await;
    let started = horde(&node)
        .start_child("a", temporary(world.sleeper()))
        .await
        .unwrap();

    send("KILL", started.child().unwrap().os_pid.unwrap());

    until("it is gone", &node, || horde(&node).lookup("a").is_none()).await;
    assert_eq!(world.processes(), []);
}

async fn a_stopped_child_keeps_its_spec_until_it_is_deleted() {
    let world = World::new();
    let node = world.node("n1", &[]).await;
    let horde = horde(&node);
    let first = horde.start_child("a", world.sleeper()).await.unwrap();

    assert!(matches!(
        horde.delete_child("a").await,
        Err(CallError::Running(_))
    ));
    assert_eq!(horde.terminate_child("a").await.unwrap(), Stopped::Confirmed);
    assert_eq!(world.processes(), []);
    assert_eq!(horde.lookup("a").unwrap().state, ChildState::Stopped);
    assert!(matches!(
        horde.start_child("a", world.sleeper()).await,
        Err(CallError::AlreadyPresent(_))
    ));

    let again = horde.restart_child("a").await.unwrap();
    assert!(again.child().unwrap().token > first.child().unwrap().token);
    world.until_ids(&["a"]).await;
    assert!(matches!(
        horde.start_child("a", world.sleeper()).await,
        Err(CallError::AlreadyStarted(_))
    ));

    horde.terminate_child("a").await.unwrap();
    horde.delete_child("a").await.unwrap();
    assert_eq!(horde.lookup("a"), None);
    assert!(matches!(
        horde.restart_child("a").await,
        Err(CallError::NotFound { .. })
    ));
}

async fn a_child_that_ignores_the_stop_signal_is_killed() {
    let world = World::new();
    let node = world.node("n1", &[]).await;
    let ready = world.dir.path().join("ready");
    let script = format!("trap '' TERM; : > {}; while :; do sleep 1; done", ready.display());
    let spec = ChildSpec {
        shutdown: ordu::Shutdown::Timeout(std::time::Duration::from_millis(200)),
        ..world.shell(&script)
    };
    horde(&node).start_child("a", spec).await.unwrap();
    world.until_processes("it is deaf", |_| ready.exists()).await;

    assert_eq!(
        horde(&node).terminate_child("a").await.unwrap(),
        Stopped::Confirmed
    );

    assert_eq!(world.processes(), []);
}

async fn a_child_gets_the_stop_signal_of_its_spec() {
    let world = World::new();
    let node = world.node("n1", &[]).await;
    let (ready, got) = (world.dir.path().join("ready"), world.dir.path().join("got"));
    let script = format!(
        "trap ': > {}; exit 0' USR1; : > {}; while :; do sleep 0.01; done",
        got.display(),
        ready.display()
    );
    let process = ordu::ProcessSpec::new(["sh", "-c", &script]).stop_signal("SIGUSR1");
    horde(&node).start_child("a", process.child_spec()).await.unwrap();
    world.until_processes("it listens", |_| ready.exists()).await;

    horde(&node).terminate_child("a").await.unwrap();

    assert!(got.exists());
}

async fn a_child_has_the_limit_of_open_files_that_the_node_was_started_with() {
    let world = World::new();
    let nodes = [world.node("n1", &[]).await, world.node("n2", &[]).await];
    for node in &nodes {
        let started = horde(node)
            .start_child("a", temporary(world.shell("ulimit -Sn")))
            .await;
        started.unwrap();
        let line = horde(node).log("a").unwrap().follow(1).next().await.unwrap();
        assert!(line.parse::<u64>().unwrap() <= OPEN_FILES, "{line}");
    }
    let own = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    assert_eq!(own.current, own.maximum, "the node has not raised its own");
}

async fn leaving_ends_every_process() {
    let world = World::new();
    let node = world.node("n1", &[]).await;
    for id in ["a", "b", "c"] {
        horde(&node).start_child(id, world.sleeper()).await.unwrap();
    }
    assert_eq!(running(&node), 3);

    assert_eq!(node.leave().await, Exited::Left);

    assert_eq!(world.processes(), []);
    assert_eq!(
        horde(&node).start_child("d", world.sleeper()).await,
        Err(CallError::Leaving)
    );
}

async fn dropping_the_last_handle_ends_every_process() {
    let world = World::new();
    let node = world.node("n1", &[]).await;
    let horde = horde(&node);
    horde.start_child("a", world.sleeper()).await.unwrap();
    drop(node);
    assert_eq!(
        horde.lookup("a").unwrap().state,
        ChildState::Running,
        "a horde is a handle, too"
    );

    drop(horde);

    world.until_processes("nothing runs", <[_]>::is_empty).await;
}

/// As an operator would: from outside.
pub(crate) fn send(signal: &str, pid: u32) {
    let status = std::process::Command::new("kill")
        .args([&format!("-{signal}"), &pid.to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}
