//! The keeper: the process between an agent and its children.

use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{Cluster, eventually, holds_for, is_alive, kill, measured};
use crate::web::get;

#[test]
fn after_kill_9_of_the_keeper_its_children_end_and_are_started_again_once() {
    let (mut cluster, ids) = Cluster::with_children(2, 10);
    let before = cluster.copies().one_each(&ids).unwrap();
    let keeper = cluster.nodes[0].keeper().expect("an agent has a keeper");

    kill(keeper, Signal::KILL);
    let lost = |id: &String| before[id].node == "n1";
    let look = || {
        let now = cluster.copies().one_each(&ids)?;
        match ids.iter().find(|id| lost(id) && now[*id].pid == before[*id].pid) {
            Some(id) => Err(format!("the old copy of {id} is still there")),
            None => Ok(now),
        }
    };
    let (after, time) = eventually(Duration::from_secs(5), "all run again", look);
    measured("all run again after kill -9 of the keeper", time);

    for id in ids.iter().filter(|id| lost(id)) {
        assert!(!is_alive(before[id].pid), "{id}: the old copy lives");
        assert!(
            after[id].epoch > before[id].epoch,
            "{id}: {:?} then {:?}",
            before[id],
            after[id]
        );
    }
    assert!(cluster.nodes[0].runs(), "the agent ended with its keeper");
    let new = cluster.nodes[0].keeper().expect("there is a new keeper");
    assert_ne!(new, keeper);
    holds_for(Duration::from_secs(1), "one of each", || {
        cluster.copies().one_each(&ids).map(drop)
    });
    cluster.await_ps_agrees(&ids, Duration::from_secs(5));
}

#[test]
fn a_keeper_that_hangs_is_replaced_within_seconds_and_no_child_runs_twice() {
    let (cluster, mut ids) = Cluster::with_children(1, 5);
    let node = &cluster.nodes[0];
    let before = cluster.copies().one_each(&ids).unwrap();
    let keeper = node.keeper().expect("an agent has a keeper");

    kill(keeper, Signal::STOP);
    let look = || {
        let now = cluster.copies().one_each(&ids)?;
        match before.iter().find(|(id, copy)| now[*id].pid == copy.pid) {
            Some((id, _)) => Err(format!("the old copy of {id} is still there")),
            None => Ok(()),
        }
    };
    let ((), time) = eventually(Duration::from_secs(15), "all run under a new keeper", look);
    measured("all run again after SIGSTOP of the keeper", time);
    cluster.start_child(node, "late").ok();
    ids.push("late".to_owned());

    assert!(!is_alive(keeper), "the keeper that hung is there");
    for copy in before.values() {
        assert!(!is_alive(copy.pid), "{copy:?} lives");
    }
    holds_for(Duration::from_secs(1), "one of each", || {
        cluster.copies().one_each(&ids).map(drop)
    });
    cluster.await_ps_agrees(&ids, Duration::from_secs(5));
}

#[test]
fn a_start_under_way_when_the_keeper_hangs_is_made_by_the_next_keeper_and_once() {
    let (cluster, mut ids) = Cluster::with_children(1, 2);
    let node = &cluster.nodes[0];
    let keeper = node.keeper().expect("an agent has a keeper");

    kill(keeper, Signal::STOP);
    cluster.start_child(node, "late").ok();
    ids.push("late".to_owned());

    assert!(!is_alive(keeper), "the keeper that hung is there");
    cluster.await_one_each(&ids, Duration::from_secs(5));
    holds_for(Duration::from_secs(1), "one of each", || {
        cluster.copies().one_each(&ids).map(drop)
    });
}

#[test]
fn an_agent_outlives_a_kill_of_its_keeper_at_any_moment_of_its_boot() {
    let mut cluster = Cluster::of(1);
    for (round, millis) in [0, 1, 2, 5, 10, 30, 100].into_iter().enumerate() {
        let node = &mut cluster.nodes[0];
        node.kill();
        node.start();
        let (keeper, _) = eventually(Duration::from_secs(5), "it has a keeper", || {
            node.keeper().ok_or_else(|| "there is none".to_owned())
        });
        std::thread::sleep(Duration::from_millis(millis)); // The moment is the subject.
        kill(keeper, Signal::KILL);

        node.await_ready();

        assert!(node.runs());
        let node = &cluster.nodes[0];
        let id = format!("c{round}");
        cluster.start_child(node, &id).ok();
        cluster.await_one_each(&[id], Duration::from_secs(5));
    }
}

#[test]
fn the_children_of_a_killed_agent_that_is_alone_end_with_it() {
    let (mut cluster, ids) = Cluster::with_children(1, 5);
    let before = cluster.copies().one_each(&ids).unwrap();

    cluster.nodes[0].kill();

    let ((), time) = eventually(Duration::from_secs(2), "all are gone", || {
        match before.values().find(|copy| is_alive(copy.pid)) {
            Some(copy) => Err(format!("{copy:?} lives")),
            None => Ok(()),
        }
    });
    measured("children gone after kill -9 of their agent", time);
}

const WHY: &str = "no keeper of processes can be started";

#[test]
fn while_no_keeper_can_be_started_the_node_says_so_wherever_it_is_asked_and_logs_it_once() {
    let mut cluster = Cluster::empty();
    let node = cluster.add_node();
    let http = format!("{}:7700", node.addr.ip());
    node.with_arg("--http").with_arg(&http);
    cluster.start_all();
    let node = &cluster.nodes[0];
    let id = "c0".to_owned();
    cluster.start_child(node, &id).ok();
    // Where the next keeper's record would be written.
    let obstacle = node.data_dir().join("processes.new");
    std::fs::remove_file(&obstacle).unwrap();
    std::fs::create_dir(&obstacle).unwrap();

    kill(node.keeper().expect("an agent has a keeper"), Signal::KILL);
    eventually(Duration::from_secs(10), "it is told everywhere", || {
        let (status, ready) = get(&http, "/readyz", "localhost");
        let shown = node.ordu(["show", "c0", "--json"]).ok().json();
        let web = get(&http, "/v1/children/c0", "localhost").1;
        let metrics = get(&http, "/metrics", "localhost").1;
        let log = node.log();
        let is_told = status == 503
            && ready.contains(WHY)
            && shown["reason"]
                .as_str()
                .is_some_and(|reason| reason.contains(WHY))
            && web.contains(WHY)
            && metrics.contains("\nordu_keeper 0\n")
            && metrics.contains("\nordu_ready 0\n")
            && log.contains(WHY);
        if is_told {
            Ok(())
        } else {
            Err(format!("{status} {ready}\n{shown}\n{web}\n{metrics}\n{log}"))
        }
    });
    // It is tried twice a second.
    holds_for(Duration::from_secs(3), "it is logged once", || {
        match node.log().matches(WHY).count() {
            1 => Ok(()),
            times => Err(format!("{times} times")),
        }
    });

    std::fs::remove_dir(&obstacle).unwrap();
    cluster.await_one_each(&[id], Duration::from_secs(10));
    eventually(Duration::from_secs(5), "all is well again", || {
        let (ready, metrics) = (
            get(&http, "/readyz", "localhost"),
            get(&http, "/metrics", "localhost").1,
        );
        let shown = node.ordu(["show", "c0", "--json"]).ok().json();
        let is_well = ready == (200, "ready\n".to_owned())
            && metrics.contains("\nordu_keeper 1\n")
            && !shown["reason"].to_string().contains(WHY);
        is_well
            .then_some(())
            .ok_or_else(|| format!("{ready:?} {shown} {metrics}"))
    });
}
