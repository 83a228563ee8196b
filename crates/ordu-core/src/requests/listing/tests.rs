use core::time::Duration;

use alloc::vec::Vec;

use ordu_crdt::{Hlc, ReplicaId, Stamp};

use crate::in_tests::{meet, ready_node, settle};
use crate::membership::{Identity, Liveness, Standing};
use crate::node::Node;
use crate::registers::{Key, Member, MemberList, Status, Value};
use crate::{Answer, CallError, Input, NodeId, NodeName, Output, RequestId};

const N2: NodeId = NodeId(2);
const N3: NodeId = NodeId(3);

/// A ready node, `alpha`, that sees another, `n2`.
fn node() -> Node {
    let mut node = ready_node();
    meet(&mut node, N2);
    settle(&mut node);
    node
}

fn names<const N: usize>(names: [&str; N]) -> Vec<NodeName> {
    names.map(|name| name.parse().unwrap()).into()
}

fn set<const N: usize>(node: &mut Node, names: [&str; N]) {
    let names = self::names(names);
    node.listing_requested(RequestId(1), Duration::from_secs(10), Some(names));
    node.advance_listings();
}

fn reply(node: &mut Node) -> Option<Result<Answer, CallError>> {
    core::iter::from_fn(|| node.poll_output()).find_map(|output| match output {
        Output::Reply { result, .. } => Some(result),
        _ => None,
    })
}

/// Others hold all that is here.
fn held_by(node: &mut Node, peers: &[NodeId]) {
    for peer in peers {
        node.replicating.insert(*peer);
        node.replica.add_peer(peer.replica());
        let held = node.replica.seen().collect();
        let ack = ordu_crdt::Message::Ack { serial: 1, held };
        node.sync_received(*peer, ack).unwrap();
    }
}

fn is_over(node: &mut Node) -> Option<Result<Answer, CallError>> {
    node.now.mono = node.now.mono + Duration::from_secs(10);
    node.advance_listings();
    reply(node)
}

#[track_caller]
fn is_refused<const N: usize>(names: [&str; N], why: &str) {
    let mut node = node();
    set(&mut node, names);
    assert_eq!(reply(&mut node), Some(Err(CallError::Invalid(why.into()))));
    assert_eq!(node.list, None);
}

#[test]
fn a_list_without_a_name_is_refused() {
    is_refused(
        [],
        "the list of members has no name on it; expected that of each node that may be a member, alpha among them; \
         to let everybody in again, clear the list",
    );
}

#[test]
fn a_list_with_a_name_on_it_twice_is_refused_and_says_which() {
    is_refused(
        ["n3", "alpha", "n2", "n3", "n2", "n3"],
        "n2, n3 is on the list of members more than once; expected each name once",
    );
}

#[test]
fn a_list_without_the_node_that_was_asked_is_refused() {
    is_refused(
        ["n2", "n3"],
        "alpha is the node that was asked, and is not on the list of members: put it there, or ask one that is",
    );
}

#[test]
fn a_list_that_is_too_long_is_refused_and_the_longest_fits() {
    let most = MemberList::MOST;
    for (count, is_fine) in [(most, true), (most + 1, false)] {
        let mut node = node();
        let others = (1..count).map(|n| alloc::format!("{n:063}").parse().unwrap());
        let names: Vec<NodeName> = others.chain(["alpha".parse().unwrap()]).collect();
        node.listing_requested(RequestId(1), Duration::from_secs(10), Some(names));
        node.advance_listings();
        let refused = CallError::Invalid("the list of members has 251 names; expected at most 250".into());
        let expected = (!is_fine).then_some(Err(refused));
        assert_eq!(reply(&mut node), expected);
        assert_eq!(node.list.is_some(), is_fine);
    }
}

#[test]
fn a_list_is_set_once_another_holds_it_too() {
    let mut node = node();
    set(&mut node, ["n4", "n2", "alpha"]);
    assert_eq!(reply(&mut node), None, "n2 does not hold it yet");
    let list = node.list.clone().unwrap();
    assert_eq!(list.names, Some(names(["alpha", "n2", "n4"])));
    assert_eq!(list.by, node.config.name);
    held_by(&mut node, &[N2]);
    node.advance_listings();
    let answer = Answer::MembersSet {
        held_by: names(["alpha", "n2"]),
        left: Vec::new(),
        down: Vec::new(),
    };
    assert_eq!(reply(&mut node), Some(Ok(answer)));
}

#[test]
fn a_list_that_nobody_else_holds_is_not_confirmed() {
    let mut node = node();
    set(&mut node, ["alpha", "n2"]);
    let over = is_over(&mut node);
    assert!(matches!(over, Some(Err(CallError::Unknown { .. }))), "{over:?}");
}

#[test]
fn the_same_list_once_more_changes_nothing() {
    let mut node = node();
    set(&mut node, ["alpha", "n2"]);
    held_by(&mut node, &[N2]);
    node.advance_listings();
    reply(&mut node);
    let (before, list) = (node.next_dot(), node.list.clone());
    set(&mut node, ["n2", "alpha"]);
    assert!(matches!(reply(&mut node), Some(Ok(Answer::MembersSet { .. }))));
    assert_eq!((node.next_dot(), node.list.clone()), (before, list));
}

#[test]
fn a_list_is_done_with_once_whoever_is_not_on_it_has_left_and_says_who_is_down() {
    let mut node = node();
    for peer in [N3, NodeId(4), NodeId(5)] {
        meet(&mut node, peer);
    }
    node.set_liveness(NodeId(4), Liveness::Down);
    node.set_liveness(NodeId(5), Liveness::Down);
    // An earlier boot of n3, of which nobody has written down that it has ended.
    let earlier = Identity {
        id: NodeId(6),
        ..node.roster.get(N3).unwrap().identity.clone()
    };
    node.roster.hear(earlier, node.now.mono);
    node.set_liveness(NodeId(6), Liveness::Down);
    settle(&mut node);
    set(&mut node, ["alpha", "n2", "n5"]);
    held_by(&mut node, &[N2, N3]);
    node.advance_listings();
    assert_eq!(reply(&mut node), None, "n3 lives");
    let left = Member {
        name: "n3".parse().unwrap(),
        ..Member::of(&node.config, Status::Left)
    };
    node.roster.set_member(N3, Some(left), node.now.mono);
    node.set_liveness(N3, Liveness::Down);
    node.advance_listings();
    let Some(Ok(Answer::MembersSet { left, down, .. })) = reply(&mut node) else {
        panic!("it was not answered");
    };
    assert_eq!((left, down), (names(["n3"]), names(["n4"])));
}

#[test]
fn who_leaves_because_of_a_list_is_none_of_those_that_hold_it() {
    let mut node = node();
    meet(&mut node, N3);
    settle(&mut node);
    set(&mut node, ["alpha", "n2"]);
    held_by(&mut node, &[N3]);
    let left = Member {
        name: "n3".parse().unwrap(),
        ..Member::of(&node.config, Status::Left)
    };
    node.roster.set_member(N3, Some(left), node.now.mono);
    node.set_liveness(N3, Liveness::Down);
    node.advance_listings();
    assert_eq!(reply(&mut node), None, "nobody else has it");
    held_by(&mut node, &[N2]);
    node.advance_listings();
    let Some(Ok(Answer::MembersSet { held_by, .. })) = reply(&mut node) else {
        panic!("it was not answered");
    };
    assert_eq!(held_by, names(["alpha", "n2"]));
}

#[test]
fn a_list_that_somebody_does_not_heed_in_time_says_who() {
    let mut node = node();
    meet(&mut node, N3);
    settle(&mut node);
    set(&mut node, ["alpha", "n2"]);
    held_by(&mut node, &[N2]);
    let detail = "the list is set; not on it, alive, and not gone yet: n3".into();
    assert_eq!(is_over(&mut node), Some(Err(CallError::Unknown { detail })));
}

#[test]
fn a_list_that_was_replaced_by_another_meanwhile_says_so() {
    let mut node = node();
    set(&mut node, ["alpha", "n2"]);
    let hlc = Hlc(node.replica.hlc().0 + 1);
    let newer = MemberList {
        set: Stamp {
            hlc,
            origin: ReplicaId(N2.0),
        },
        by: "n2".parse().unwrap(),
        names: Some(names(["n2"])),
    };
    node.write([(Key::MemberList, Some(Value::encode(&newer)))]);
    node.advance_listings();
    let detail = "the list was set, and then another on n2 since".into();
    assert_eq!(reply(&mut node), Some(Err(CallError::Unknown { detail })));
}

#[test]
fn a_list_is_cleared_and_nobody_waits_for_anybody() {
    let mut node = node();
    set(&mut node, ["alpha"]);
    reply(&mut node);
    node.listing.clear();
    node.listing_requested(RequestId(2), Duration::from_secs(10), None);
    node.advance_listings();
    held_by(&mut node, &[N2]);
    node.advance_listings();
    assert!(matches!(reply(&mut node), Some(Ok(Answer::MembersSet { .. }))));
    assert_eq!(node.list.as_ref().unwrap().names, None);
}

#[test]
fn who_leaves_sets_no_list() {
    let mut node = node();
    node.begin_leaving();
    set(&mut node, ["alpha"]);
    assert_eq!(reply(&mut node), Some(Err(CallError::Leaving)));
}

#[test]
fn a_call_that_sets_a_list_is_answered_when_its_time_is_up() {
    let mut node = node();
    // It takes nothing in hand before it has caught up.
    node.standing = Standing::CatchingUp { since: node.now.mono };
    let input = Input::SetMembers {
        request: RequestId(1),
        timeout: Duration::from_secs(2),
        names: Some(names(["alpha", "n2"])),
    };
    node.handle(node.now, input);
    let mut now = node.now;
    while let Some(deadline) = node.next_deadline().filter(|at| at.0 <= now.mono.0 + 3_000_000) {
        now.mono = deadline.max(node.now.mono);
        node.handle(now, Input::Timer);
        if let Some(result) = reply(&mut node) {
            assert!(matches!(result, Err(CallError::NotReady { .. })), "{result:?}");
            assert_eq!(node.list, None);
            return;
        }
    }
    panic!("it was not answered");
}
