//! Members that are taken out of the cluster by hand.

use std::time::Duration;

use crate::harness::{Cluster, eventually};

const LIMIT: Duration = Duration::from_secs(10);

/// What a node thinks of the member of that name.
fn state(cluster: &Cluster, seen_by: usize, of: &str) -> Option<String> {
    let members = cluster.nodes[seen_by].ordu(["members", "--json"]).ok().json();
    let mut members = members.as_array().into_iter().flatten();
    let member = members.find(|member| member["name"] == of)?;
    member["state"].as_str().map(str::to_owned)
}

fn await_state(cluster: &Cluster, of: &str, state: &str) {
    eventually(LIMIT, &format!("{of} is {state}"), || {
        match self::state(cluster, 0, of) {
            Some(seen) if seen == state => Ok(()),
            seen => Err(format!("it is {seen:?}")),
        }
    });
}

#[test]
fn a_member_whose_machine_is_gone_is_removed_by_hand_and_nothing_else_removes_it() {
    let mut cluster = Cluster::of(3);
    let gone = cluster.nodes[2].name.clone();
    cluster.nodes[2].kill();
    await_state(&cluster, &gone, "down");

    let said = cluster.nodes[1].ordu(["remove", &gone, "--json"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(said.json()["removed"], true);
    assert_eq!(
        said.json()["held_by"].as_array().map(Vec::len),
        Some(2),
        "{said:?}"
    );
    await_state(&cluster, &gone, "removed");

    let unknown = cluster.nodes[1].ordu(["remove", "nobody"]);
    assert_eq!(unknown.code, 4, "{unknown:?}");
    assert!(unknown.stderr.contains(&cluster.nodes[0].name), "{unknown:?}");
    let itself = cluster.nodes[1].name.clone();
    let itself = cluster.nodes[1].ordu(["remove", &itself]);
    assert_eq!(itself.code, 2, "{itself:?}");
}

#[test]
fn a_member_that_lives_leaves_before_it_is_removed_and_its_children_run_elsewhere() {
    let (mut cluster, ids) = Cluster::with_children(3, 9);
    let living = cluster.nodes[2].name.clone();
    let said = cluster.nodes[0].ordu(["remove", &living]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(cluster.nodes[2].await_end(), Some(0), "it left");
    cluster.await_one_each(&ids, LIMIT);
}
