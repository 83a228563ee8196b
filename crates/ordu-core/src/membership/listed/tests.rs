use core::time::Duration;

use alloc::vec::Vec;

use ordu_crdt::{Hlc, Replica, ReplicaId, Stamp};

use crate::in_tests::{ME, conn_of, exchange, meet, ready_node, replica_of, sent_to, settle};
use crate::membership::{Identity, Liveness, Standing};
use crate::node::Node;
use crate::registers::{Key, Member, MemberList, Status, Value};
use crate::wire::{Hello, Message, PROTOCOL, Refusal};
use crate::{ConnId, Event, ExitCause, Input, NodeId, NodeName, Output};

const N2: NodeId = NodeId(2);
const N3: NodeId = NodeId(3);
const NEWCOMER: NodeId = NodeId(9);
const CONN: ConnId = ConnId(9);

/// A ready node, `alpha`, that sees two others, `n2` and `n3`.
fn node() -> Node {
    let mut node = ready_node();
    meet(&mut node, N2);
    meet(&mut node, N3);
    node.members_changed = true;
    node.members_refresh();
    settle(&mut node);
    outputs(&mut node);
    node
}

fn names<const N: usize>(names: [&str; N]) -> Vec<NodeName> {
    names.map(|name| name.parse().unwrap()).into()
}

/// Set on a node at that time, in milliseconds.
fn list<const N: usize>(at: u64, by: NodeId, names: [&str; N]) -> MemberList {
    MemberList {
        set: stamp(at, by),
        by: "n2".parse().unwrap(),
        names: Some(self::names(names)),
    }
}

fn stamp(at: u64, by: NodeId) -> Stamp {
    Stamp {
        hlc: Hlc::new(at, 0),
        origin: ReplicaId(by.0),
    }
}

fn write(replica: &mut Replica<Key, Value>, at: u64, list: &MemberList) {
    let value = Value::encode(list);
    let (written, ()) = replica.write(at, |batch| {
        batch.put(Key::MemberList, value).unwrap();
    });
    assert!(written.is_some());
}

/// The map has this list now.
fn set(node: &mut Node, list: &MemberList) {
    node.write([(Key::MemberList, Some(Value::encode(list)))]);
}

fn outputs(node: &mut Node) -> Vec<Output> {
    core::iter::from_fn(|| node.poll_output()).collect()
}

fn hello(node: &Node) -> Hello {
    let identity = Identity {
        id: NEWCOMER,
        seniority: NEWCOMER,
        generation: 0,
        name: "n9".parse().unwrap(),
        addr: "127.0.0.1:9".parse().unwrap(),
    };
    Hello {
        dial: None,
        protocol: PROTOCOL,
        identity,
        was_admitted: false,
        listed: None,
        wall: node.now.wall,
        hlc: node.replica.hlc(),
    }
}

/// A newcomer, `n9`, connects; gives whether it is in.
fn connects(node: &mut Node, hello: Hello) -> bool {
    let addr = hello.identity.addr;
    node.connected(CONN, hello.identity.id, addr, None, Duration::ZERO);
    node.greeted(CONN, hello);
    node.links.used(NEWCOMER) == Some(CONN)
}

fn is_leaving(node: &Node) -> bool {
    matches!(node.standing, Standing::Leaving { .. })
}

#[test]
fn of_lists_that_were_set_in_a_split_the_later_counts_on_every_node_whichever_came_first() {
    let (earlier, later) = (list(5_000, ME, ["a", "n2"]), list(9_000, N2, ["b", "n3"]));
    for (here, there) in [(&earlier, &later), (&later, &earlier)] {
        let mut node = node();
        set(&mut node, here);
        // By an operation that is the last one in any case, as those are that are written anew for somebody.
        let mut n2 = replica_of(N2);
        write(&mut n2, 20_000, there);
        exchange(&mut node, &mut n2);
        assert_eq!(node.replica.map().siblings(&Key::MemberList).count(), 2);
        assert_eq!(node.list, Some(later.clone()));
        let said: Vec<Output> = outputs(&mut node);
        let published = { said.iter().rev() }.find_map(|output| match output {
            Output::MemberList { names } => Some(names.clone()),
            _ => None,
        });
        assert_eq!(published, Some(later.names.clone()));
        let told = |output: &&Output| matches!(output, Output::Event(Event::MembersListed { .. }));
        let news = if *here == earlier { 2 } else { 1 };
        assert_eq!(
            said.iter().filter(told).count(),
            news,
            "one that has lost is no news"
        );
    }
}

#[test]
fn of_lists_that_were_set_at_once_one_is_kept() {
    let mut node = node();
    let later = list(9_000, ME, ["alpha", "n3"]);
    set(&mut node, &later);
    let mut n2 = replica_of(N2);
    write(&mut n2, 5_000, &list(5_000, N2, ["alpha", "n2"]));
    exchange(&mut node, &mut n2);
    let count = |node: &Node| node.replica.map().siblings(&Key::MemberList).count();
    assert_eq!(count(&node), 2);
    node.settle_the_member_list();
    assert_eq!(count(&node), 1);
    assert_eq!(node.list, Some(later));
}

#[test]
fn a_newcomer_that_is_not_on_the_list_is_refused_and_both_sides_say_who_is() {
    let mut node = node();
    let list = list(5_000, N2, ["alpha", "n2", "n3"]);
    set(&mut node, &list);
    outputs(&mut node);
    let newcomer = hello(&node);
    assert!(!connects(&mut node, newcomer), "it was let in");
    let said = outputs(&mut node);
    let refusal = Refusal::NotListed {
        set: list.set,
        names: names(["alpha", "n2", "n3"]),
    };
    let bytes = Message::Refused(refusal).encode();
    let is_told =
        |output: &Output| matches!(output, Output::Send { conn: CONN, bytes: sent, .. } if *sent == bytes);
    assert!(said.iter().any(is_told), "{said:?}");
    let detail = said.iter().find_map(|output| match output {
        Output::Event(Event::PeerRefused { detail, .. }) => Some(detail.as_str()),
        _ => None,
    });
    assert_eq!(
        detail,
        Some("n9 at 127.0.0.1:9 is not on the list of members that was set on n2: alpha, n2, n3")
    );
}

#[test]
fn a_newcomer_is_let_in_where_its_name_is_on_the_list_or_no_list_counts() {
    let named = list(5_000, N2, ["alpha", "n9"]);
    let cleared = MemberList {
        names: None,
        ..named.clone()
    };
    for list in [Some(named), Some(cleared), None] {
        let mut node = node();
        if let Some(list) = &list {
            set(&mut node, list);
        }
        let newcomer = hello(&node);
        assert!(connects(&mut node, newcomer), "refused by {list:?}");
    }
}

#[test]
fn nobody_is_refused_by_a_list_that_was_a_member_or_goes_by_a_later_one() {
    let own = list(5_000, N2, ["alpha", "n2", "n3"]);
    let cases: [(bool, Option<u64>, bool); 4] = [
        (true, None, true),
        (false, Some(5_001), true),
        (false, Some(5_000), false),
        (false, Some(4_999), false),
    ];
    for (was_admitted, listed, is_in) in cases {
        let mut node = node();
        set(&mut node, &own);
        let newcomer = Hello {
            was_admitted,
            listed: listed.map(|at| stamp(at, N2)),
            ..hello(&node)
        };
        assert_eq!(connects(&mut node, newcomer), is_in, "{was_admitted} {listed:?}");
    }
    // One that had been let in when the list was set, and whose connection broke.
    let mut node = node();
    meet(&mut node, NEWCOMER);
    node.disconnected(conn_of(NEWCOMER));
    set(&mut node, &own);
    let newcomer = hello(&node);
    assert!(connects(&mut node, newcomer));
}

#[test]
fn a_node_says_when_the_list_was_set_that_it_goes_by() {
    let mut node = node();
    let list = list(5_000, N2, ["alpha"]);
    set(&mut node, &list);
    let addr = "127.0.0.1:9".parse().unwrap();
    node.connected(CONN, NEWCOMER, addr, None, Duration::ZERO);
    let said = sent_to(&mut node, NEWCOMER);
    let Some(Message::Hello(hello)) = said.first() else {
        panic!("{said:?}");
    };
    assert_eq!(hello.listed, Some(list.set));
}

#[test]
fn that_a_newcomer_is_refused_proves_all_the_same_that_the_one_before_it_is_dead() {
    let mut node = node();
    set(&mut node, &list(5_000, N3, ["alpha", "n3"]));
    let newcomer = Hello {
        identity: Identity {
            name: "n2".parse().unwrap(),
            addr: "127.0.0.1:2".parse().unwrap(),
            ..hello(&node).identity
        },
        ..hello(&node)
    };
    node.links.link_mut(conn_of(N2)).unwrap().lifeline_closed = true;
    assert!(!connects(&mut node, newcomer));
    assert!(!node.roster.is_alive(N2));
    assert!(node.proven.contains(&N2));
}

fn refused(node: &mut Node, at: u64) -> Option<Output> {
    let refusal = Refusal::NotListed {
        set: stamp(at, N2),
        names: names(["n2", "n3"]),
    };
    node.refused(conn_of(N2), refusal);
    let mut said = core::iter::from_fn(|| node.poll_output());
    said.find(|output| {
        matches!(
            output,
            Output::Exit { .. } | Output::Event(Event::PeerRefused { .. })
        )
    })
}

#[test]
fn who_is_refused_by_the_list_while_it_joins_ends_and_says_whom_the_list_names() {
    let mut node = node();
    node.standing = Standing::Joining { since: node.now.mono };
    let cause = ExitCause::NotListed {
        name: "alpha".parse().unwrap(),
        listed: names(["n2", "n3"]),
        addr: "127.0.0.1:2".parse().unwrap(),
    };
    assert_eq!(refused(&mut node, 5_000), Some(Output::Exit { cause }));
}

#[test]
fn who_is_refused_by_the_list_and_is_ready_or_knows_a_later_one_goes_on() {
    let mut ready = node();
    let mut knows_better = node();
    set(&mut knows_better, &list(5_001, N3, ["alpha", "n3"]));
    knows_better.standing = Standing::Joining {
        since: knows_better.now.mono,
    };
    for node in [&mut ready, &mut knows_better] {
        let said = refused(node, 5_000);
        let Some(Output::Event(Event::PeerRefused { detail, .. })) = said else {
            panic!("{said:?}");
        };
        assert_eq!(
            detail,
            "this node is not on the peer's list of members: n2, n3; have it set there with alpha, or do not join it"
        );
    }
}

#[test]
fn who_is_not_on_the_list_any_more_leaves_and_says_so() {
    let mut node = node();
    set(&mut node, &list(5_000, N2, ["n2", "n3"]));
    outputs(&mut node);
    node.heed_the_member_list();
    assert!(is_leaving(&node));
    let said = outputs(&mut node);
    let told = Output::Event(Event::NotListed {
        names: names(["n2", "n3"]),
        by: "n2".parse().unwrap(),
    });
    assert!(said.contains(&told), "{said:?}");
}

#[test]
fn who_is_on_the_list_stays_and_so_does_everybody_where_it_was_cleared() {
    let named = list(5_000, N2, ["alpha", "n2"]);
    let cleared = MemberList {
        names: None,
        ..named.clone()
    };
    for list in [named, cleared] {
        let mut node = node();
        set(&mut node, &list);
        node.heed_the_member_list();
        assert_eq!(node.standing, Standing::Ready, "{list:?}");
    }
}

#[test]
fn nobody_leaves_by_a_list_of_which_no_ready_member_is_there() {
    let mut node = node();
    set(&mut node, &list(5_000, N2, ["n2"]));
    // It leaves by itself at this moment.
    let leaving = Member {
        name: "n2".parse().unwrap(),
        ..Member::of(&node.config, Status::Draining)
    };
    node.roster.set_member(N2, Some(leaving), node.now.mono);
    node.ready_changed = true;
    settle(&mut node);
    node.heed_the_member_list();
    assert_eq!(node.standing, Standing::Ready, "n3 is ready, and not on it");
    let ready = Member {
        name: "n2".parse().unwrap(),
        ..Member::of(&node.config, Status::Ready)
    };
    node.roster.set_member(N2, Some(ready), node.now.mono);
    settle(&mut node);
    node.heed_the_member_list();
    assert!(is_leaving(&node));
}

#[test]
fn who_wants_the_only_one_on_the_list_removed_stays_meanwhile() {
    let mut node = node();
    let request = crate::RequestId(1);
    node.removal_requested(request, Duration::from_secs(10), "n2".parse().unwrap());
    node.advance_removals();
    set(&mut node, &list(5_000, N2, ["n2"]));
    node.heed_the_member_list();
    assert_eq!(node.standing, Standing::Ready, "both would be gone");
}

#[test]
fn a_list_that_has_lost_makes_nobody_leave() {
    let mut node = node();
    set(&mut node, &list(9_000, ME, ["alpha", "n2"]));
    let mut n3 = replica_of(N3);
    write(&mut n3, 20_000, &list(5_000, N3, ["n2", "n3"]));
    exchange(&mut node, &mut n3);
    settle(&mut node);
    node.heed_the_member_list();
    assert_eq!(node.standing, Standing::Ready);
}

#[test]
fn nobody_leaves_by_a_list_before_it_has_heard_whoever_may_know_a_later_one() {
    let mut node = node();
    set(&mut node, &list(5_000, N2, ["n2"]));
    // The way to n3 is whole again, and n3 has not said yet what was written on its side.
    node.unfinished.exchanges = true;
    node.heed_the_member_list();
    assert_eq!(node.standing, Standing::Ready);
    node.unfinished.exchanges = false;
    node.heed_the_member_list();
    assert!(is_leaving(&node));
}

#[test]
fn who_was_let_in_unlisted_does_not_become_ready_and_leaves() {
    let mut node = node();
    node.standing = Standing::Joining { since: node.now.mono };
    let mut n2 = replica_of(N2);
    write(&mut n2, 5_000, &list(5_000, N2, ["n2", "n3"]));
    exchange(&mut node, &mut n2);
    assert!(node.has_synced_with(N2));
    node.refresh_standing();
    assert!(
        matches!(node.standing, Standing::Joining { .. }),
        "{:?}",
        node.standing
    );
    settle(&mut node);
    node.heed_the_member_list();
    assert!(is_leaving(&node));
}

#[test]
fn a_node_heeds_the_list_as_soon_as_the_map_has_it() {
    let mut node = ready_node();
    meet(&mut node, N2);
    exchange(&mut node, &mut replica_of(N2));
    settle(&mut node);
    set(&mut node, &list(5_000, N2, ["n2"]));
    node.roster.compared();
    node.handle(node.now, Input::Timer);
    assert!(is_leaving(&node), "{:?}", node.standing);
}

#[test]
fn who_is_down_is_not_removed_by_a_list() {
    let mut node = node();
    node.set_liveness(N3, Liveness::Down);
    set(&mut node, &list(5_000, N2, ["alpha", "n2"]));
    settle(&mut node);
    node.heed_the_member_list();
    assert!(!node.roster.removals.any_of(N3));
}
