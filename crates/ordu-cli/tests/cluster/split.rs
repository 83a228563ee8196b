//! A network that falls apart: three nodes in namespaces of their own, on one switch.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::harness::{Cluster, Network, eventually, holds_for, measured};

#[test]
fn three_nodes_split_from_each_other_for_30_s_are_one_cluster_again_with_one_of_each_within_2_s() {
    let Some(network) = Network::new_or_skip(3, "a split of all three nodes") else {
        return;
    };
    let mut cluster = network.cluster();
    cluster.start_all();
    let ids = start_through_all(&cluster, 10);

    network.unplug_all();
    std::thread::sleep(Duration::from_secs(30)); // The split is the subject.
    all_run_everywhere(&cluster, ids.len());

    network.plug_all();
    let time = cluster.await_one_each(&ids, Duration::from_secs(2));
    measured("one of each after the heal", time);
    cluster.await_members(Duration::from_secs(2).saturating_sub(time));
    cluster.await_ps_agrees(&ids, Duration::from_secs(5));
    holds_for(Duration::from_secs(2), "one of each", || {
        cluster.copies().one_each(&ids).map(drop)
    });
}

/// Children `c0`, `c1`, … started through all nodes in turn, each running once.
fn start_through_all(cluster: &Cluster, children: usize) -> Vec<String> {
    let ids: Vec<String> = (0..children).map(|number| format!("c{number}")).collect();
    for (id, node) in ids.iter().zip(cluster.nodes.iter().cycle()) {
        cluster.start_child(node, id).ok();
    }
    cluster.await_one_each(&ids, Duration::from_secs(5));
    ids
}

/// Every node runs a copy of each of so many children.
fn all_run_everywhere(cluster: &Cluster, children: usize) {
    let apart = cluster.copies();
    println!("copies during the split: {:?}", apart.per_node());
    for node in &cluster.nodes {
        let copies = apart.per_node().get(node.name.as_str()).copied();
        assert_eq!(copies, Some(children), "{} runs not all", node.name);
    }
}

/// What was acknowledged, of each child: whether it is to run, or was stopped, or was deleted and is in no list.
type Acknowledged = BTreeMap<String, &'static str>;

/// Who is missed is written off after the shortest time there is, long before the network is whole again: nothing waits for
/// it then, and what was deleted meanwhile leaves no trace on its side (S2.1, S2.4).
#[test]
fn a_split_of_20_s_that_outlasts_forget_after_of_5_s_is_whole_again_with_each_child_once_and_nothing_lost() {
    let Some(network) = Network::with_rules_or_skip(3, "a split that outlasts forget_after") else {
        return;
    };
    let mut cluster = network.cluster();
    let settings = cluster.folder.path().join("agent.toml");
    std::fs::write(&settings, "[timing]\nforget_after = \"5s\"\n").unwrap();
    for node in &mut cluster.nodes {
        node.with_arg(&format!("--config={}", settings.display()));
    }
    cluster.start_all();
    let ids = start_through_all(&cluster, 12);
    let mut acknowledged: Acknowledged = ids.iter().map(|id| (id.clone(), "running")).collect();

    network.cut_all();
    let split = std::time::Instant::now();
    for node in &cluster.nodes {
        eventually(Duration::from_secs(10), "it is alone and runs all", || {
            let alive = node.alive_members()?;
            let running = cluster.copies().per_node().get(node.name.as_str()).copied();
            if alive == [node.name.as_str()] && running == Some(ids.len()) {
                Ok(())
            } else {
                Err(format!("{} sees {alive:?} and runs {running:?}", node.name))
            }
        });
    }
    // Of each side, right away and when all is written off: what it starts, deletes, stops and starts anew.
    change_on_all_sides(&cluster, &mut acknowledged, 0);
    std::thread::sleep(Duration::from_secs(18).saturating_sub(split.elapsed())); // The split is the subject.
    change_on_all_sides(&cluster, &mut acknowledged, 3);
    std::thread::sleep(Duration::from_secs(20).saturating_sub(split.elapsed()));
    println!("copies during the split: {:?}", cluster.copies().per_node());

    network.mend_all();
    let look = || whole_again(&cluster, &acknowledged);
    let time = eventually(Duration::from_secs(10), "all is as acknowledged", look).1;
    measured("all is as acknowledged after the heal", time);
    cluster.await_members(Duration::from_secs(10).saturating_sub(time));
    holds_for(Duration::from_secs(7), "all is as acknowledged", look);
}

/// Each side starts a child, deletes one, stops one and restarts one.
fn change_on_all_sides(cluster: &Cluster, acknowledged: &mut Acknowledged, from: usize) {
    for (number, node) in (from..).zip(&cluster.nodes) {
        let started = format!("s{number}");
        cluster.start_child(node, &started).ok();
        acknowledged.insert(started, "running");
        // Six children for each half of the split, two of each side.
        let (first, second) = (format!("c{}", number * 2), format!("c{}", number * 2 + 1));
        node.ordu(["rm", "--force", &first]).ok();
        acknowledged.remove(&first);
        if number % 2 == 0 {
            node.ordu(["stop", &second]).ok();
            acknowledged.insert(second, "stopped");
        } else {
            node.ordu(["restart", &second]).ok();
        }
    }
}

/// What runs, and what every node lists, is what was acknowledged.
fn whole_again(cluster: &Cluster, acknowledged: &Acknowledged) -> Result<(), String> {
    let running = acknowledged.iter().filter(|(_, state)| **state == "running");
    let running: Vec<String> = running.map(|(id, _)| id.clone()).collect();
    cluster.copies().one_each(&running)?;
    for node in &cluster.nodes {
        let listed: BTreeMap<String, String> = node
            .children()?
            .iter()
            .map(|child| (word(&child["id"]), word(&child["state"])))
            .collect();
        let agrees = listed.len() == acknowledged.len()
            && listed
                .iter()
                .all(|(id, state)| acknowledged.get(id) == Some(&state.as_str()));
        if !agrees {
            return Err(format!(
                "{} lists {listed:?}, acknowledged was {acknowledged:?}",
                node.name
            ));
        }
    }
    Ok(())
}

fn word(value: &serde_json::Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
