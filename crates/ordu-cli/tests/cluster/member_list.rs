//! Who may be a member, where somebody says so.

use std::time::Duration;

use serde_json::json;

use crate::harness::{Cluster, eventually};

const LIMIT: Duration = Duration::from_secs(10);

#[test]
fn a_list_of_members_keeps_others_out_makes_who_is_dropped_leave_and_outlives_all_but_one() {
    let (mut cluster, ids) = Cluster::with_children(3, 9);

    let set = cluster.nodes[0]
        .ordu(["members", "set", "n2", "n1", "n4", "--json"])
        .ok();
    assert_eq!(set.json()["listed"], json!(["n1", "n2", "n4"]));
    assert_eq!(set.json()["left"], json!(["n3"]), "{set:?}");
    assert_eq!(set.json()["held_by"], json!(["n1", "n2"]), "{set:?}");
    assert_eq!(cluster.nodes[2].await_end(), Some(0), "it left");
    assert!(
        cluster.nodes[2]
            .log()
            .contains("this node is not on the list of members")
    );
    cluster.await_one_each(&ids, LIMIT);
    cluster.await_members(LIMIT);

    // It comes back, and is refused.
    let refused = cluster.nodes[2].run();
    assert_eq!(refused.code, 1, "{refused:?}");
    let why = "takes in those on its list of members only, and n3 is none of them: n1, n2, n4; have n3 put on it there \
               (`ordu members set`), or give this node one of these names";
    assert!(refused.stderr.contains(why), "{refused:?}");
    let log = cluster.nodes[0].log() + &cluster.nodes[1].log();
    assert!(
        log.contains("is not on the list of members that was set on n1: n1, n2, n4"),
        "{log}"
    );

    // One that is named is not.
    cluster.add_node();
    cluster.nodes[3].start();
    cluster.await_members(LIMIT);

    // All but one are killed and come back, and then that one.
    for again in [&[0, 1][..], &[3]] {
        for node in again {
            cluster.nodes[*node].kill();
        }
        for node in again {
            cluster.nodes[*node].start();
            cluster.nodes[*node].await_ready();
        }
        cluster.await_members(LIMIT);
    }
    for node in [0, 1, 3] {
        let node = &cluster.nodes[node];
        eventually(LIMIT, "it knows the list", || {
            let listed = node.ordu(["members", "listed", "--json"]).ok().json();
            (listed == json!({"listed": ["n1", "n2", "n4"]}))
                .then_some(())
                .ok_or_else(|| listed.to_string())
        });
    }
    let table = cluster.nodes[0].ordu(["members"]).ok().stdout;
    assert!(
        table
            .lines()
            .any(|line| line.starts_with("n4\talive\t") && line.ends_with("\tyes")),
        "{table}"
    );

    let cleared = cluster.nodes[1].ordu(["members", "clear", "--json"]).ok();
    assert_eq!(cleared.json()["listed"], json!(null));
    cluster.nodes[2].start();
    cluster.await_members(LIMIT);
    let members = cluster.nodes[2].ordu(["members", "--json"]).ok().json();
    assert_eq!(members[2]["listed"], json!(null), "{members}");
}

#[test]
fn a_list_that_cannot_be_right_is_refused_and_one_that_is_down_is_named() {
    let mut cluster = Cluster::of(3);
    for (list, why) in [
        (
            &["n1", "n2", "n1"][..],
            "n1 is on the list of members more than once",
        ),
        (
            &["n2", "n3"],
            "n1 is the node that was asked, and is not on the list of members",
        ),
        (&["n1", "a b"], "a b"),
        (&[], "<NAME>"),
    ] {
        let args = ["members", "set"].into_iter().chain(list.iter().copied());
        let said = cluster.nodes[0].ordu(args);
        assert_eq!(said.code, 2, "{said:?}");
        assert!(said.stderr.contains(why), "{said:?}");
    }
    let none = cluster.nodes[0].ordu(["members", "listed", "--json"]).ok();
    assert_eq!(none.json(), json!({"listed": null}));

    cluster.nodes[2].kill();
    cluster.await_members(LIMIT);
    let set = cluster.nodes[0].ordu(["members", "set", "n1", "n2"]).ok();
    let advice = "n3 is down, and leaves if it comes back; `ordu remove n3` if it never will";
    assert!(set.stderr.contains(advice), "{set:?}");
}
