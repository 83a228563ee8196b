//! Agents that are recorded, and what the simulator makes of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ordu_core::Output;
use ordu_sim::{ReplayEnd, Replayed, Step, replay};

use crate::harness::{Cluster, eventually};

/// How many children the recorded node was told to start, and how its recording ends.
fn starts(file: &Path) -> (usize, Replayed) {
    let bytes = std::fs::read(file).unwrap();
    let mut starts = 0;
    let replayed = replay(&bytes, None, &mut |step| {
        starts += usize::from(matches!(step, Step::Output(Output::StartChild { .. })));
    });
    let replayed = replayed.unwrap();
    println!(
        "{}: {} bytes, {} inputs, {} outputs, {starts} starts over {:?}: {:?}",
        file.display(),
        bytes.len(),
        replayed.inputs,
        replayed.outputs,
        replayed.length,
        replayed.outcome
    );
    (starts, replayed)
}

/// The recordings in a directory, in the order of the boots, whose times begin their ids.
fn recordings(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// How each recording in a directory replays, by the name of its node; every answer must be the same.
fn replayed(directory: &Path) -> BTreeMap<String, Vec<ReplayEnd>> {
    let mut all: BTreeMap<String, Vec<ReplayEnd>> = BTreeMap::new();
    for file in recordings(directory) {
        let name = file.file_name().unwrap().to_str().unwrap();
        let (_, replayed) = starts(&file);
        let end = replayed.outcome.unwrap_or_else(|different| {
            panic!("{name}: at input #{} the node {different}", replayed.inputs);
        });
        let node = name.split('-').next().unwrap();
        all.entry(node.to_owned()).or_default().push(end);
    }
    all
}

#[test]
fn what_three_agents_recorded_replays_to_the_same_answers_and_the_same_states() {
    let mut cluster = Cluster::empty();
    let directory = cluster.folder.path().join("recordings");
    std::fs::create_dir(&directory).unwrap();
    for _ in 0..3 {
        let node = cluster.add_node();
        node.with_arg("--record").with_arg(directory.to_str().unwrap());
    }
    cluster.start_all();
    let mut ids: Vec<String> = (0..9).map(|number| format!("c{number}")).collect();
    for (id, node) in ids.iter().zip(cluster.nodes.iter().cycle()) {
        cluster.start_child(node, id).ok();
    }
    cluster.await_one_each(&ids, Duration::from_secs(5));

    // What a killed agent has not written yet is lost.
    eventually(
        Duration::from_secs(10),
        "a start of a child on n2 is in its recording",
        || {
            let of_n2 = |file: &&PathBuf| file.file_name().unwrap().to_string_lossy().starts_with("n2-");
            match starts(recordings(&directory).iter().find(of_n2).unwrap()) {
                (0, _) => Err("none yet".to_owned()),
                (starts, _) => Ok(starts),
            }
        },
    );
    cluster.nodes[1].kill();
    cluster.await_one_each(&ids, Duration::from_secs(5));
    cluster.nodes[1].start();
    cluster.nodes[1].await_ready();
    cluster.await_members(Duration::from_secs(10));
    cluster.start_child(&cluster.nodes[1], "later").ok();
    cluster.nodes[0].ordu(["stop", "c0"]).ok();
    ids.remove(0);
    ids.push("later".into());
    cluster.await_one_each(&ids, Duration::from_secs(5));
    for node in [2, 0, 1] {
        assert_eq!(cluster.nodes[node].terminate(), Some(0));
    }

    let ends = replayed(&directory);
    assert_eq!(ends["n1"], [ReplayEnd::Ended]);
    assert_eq!(ends["n3"], [ReplayEnd::Ended]);
    let [killed, left] = ends["n2"][..] else {
        panic!("n2 was started twice: {ends:?}")
    };
    assert!(
        matches!(killed, ReplayEnd::Killed | ReplayEnd::Unanswered | ReplayEnd::Cut),
        "{killed:?}"
    );
    assert_eq!(left, ReplayEnd::Ended);
}

#[test]
fn a_recording_that_is_there_already_is_not_overwritten() {
    let mut cluster = Cluster::empty();
    let file = cluster.folder.path().join("n1.rec");
    std::fs::write(&file, "the only trace of a bug").unwrap();
    let node = cluster.add_node();
    node.with_arg("--record").with_arg(file.to_str().unwrap());

    let said = node.run();

    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.stderr.contains("there already"), "{said:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "the only trace of a bug");
}
