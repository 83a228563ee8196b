use core::time::Duration;

use alloc::vec::Vec;

use crate::in_tests::{meet, ready_node, sent_to, settle};
use crate::membership::{Liveness, Standing};
use crate::node::Node;
use crate::registers::{Member, Status, Why};
use crate::wire::Message;
use crate::{Answer, CallError, Input, NodeId, NodeName, Output, RequestId};

const N2: NodeId = NodeId(2);

/// A ready node that sees another.
fn node() -> Node {
    let mut node = ready_node();
    meet(&mut node, N2);
    settle(&mut node);
    node
}

fn remove(node: &mut Node, name: &str) {
    let name = NodeName::new(name).unwrap();
    node.removal_requested(RequestId(1), Duration::from_secs(10), name);
    node.advance_removals();
}

fn reply(node: &mut Node) -> Option<Result<Answer, CallError>> {
    core::iter::from_fn(|| node.poll_output()).find_map(|output| match output {
        Output::Reply { result, .. } => Some(result),
        _ => None,
    })
}

#[test]
fn a_member_that_is_down_is_removed_for_good() {
    let mut node = node();
    node.set_liveness(N2, Liveness::Down);
    settle(&mut node);
    remove(&mut node, "n2");
    assert!(node.roster.removals.ends(N2));
    assert_eq!(node.roster.removals.evidence(N2)[0].why, Why::ByHand);
    let held_by: Vec<NodeName> = [node.config.name.clone()].into();
    assert_eq!(reply(&mut node), Some(Ok(Answer::Removed { held_by })));
    // It is so already.
    remove(&mut node, "n2");
    assert!(matches!(reply(&mut node), Some(Ok(Answer::Removed { .. }))));
}

#[test]
fn a_member_that_lives_is_told_to_leave_and_is_removed_when_it_has() {
    let mut node = node();
    remove(&mut node, "n2");
    assert!(sent_to(&mut node, N2).contains(&Message::Leave));
    assert!(!node.roster.removals.any_of(N2));
    let left = Member {
        name: "n2".parse().unwrap(),
        ..Member::of(&node.config, Status::Left)
    };
    node.roster.set_member(N2, Some(left), node.now.mono);
    node.set_liveness(N2, Liveness::Down);
    node.advance_removals();
    assert!(matches!(reply(&mut node), Some(Ok(Answer::Removed { .. }))));
    assert!(!node.roster.removals.any_of(N2), "it said itself that it left");
}

#[test]
fn a_member_that_goes_down_while_it_leaves_is_removed_all_the_same() {
    let mut node = node();
    remove(&mut node, "n2");
    sent_to(&mut node, N2);
    node.set_liveness(N2, Liveness::Down);
    settle(&mut node);
    node.advance_removals();
    assert!(node.roster.removals.ends(N2));
}

#[test]
fn a_removal_that_nobody_else_holds_is_not_confirmed() {
    let mut node = node();
    let n3 = NodeId(3);
    meet(&mut node, n3);
    node.set_liveness(N2, Liveness::Down);
    settle(&mut node);
    remove(&mut node, "n2");
    assert_eq!(reply(&mut node), None, "n3 does not hold it yet");
    node.now.mono = node.now.mono + Duration::from_secs(10);
    node.advance_removals();
    assert!(matches!(reply(&mut node), Some(Err(CallError::Unknown { .. }))));
}

#[test]
fn a_name_that_no_member_bears_is_refused_with_those_there_are() {
    let mut node = node();
    remove(&mut node, "n7");
    let Some(Err(CallError::NoSuchMember { name, known })) = reply(&mut node) else {
        panic!("it was not refused");
    };
    assert_eq!(name.as_str(), "n7");
    let known: Vec<&str> = known.iter().map(NodeName::as_str).collect();
    assert_eq!(known, ["alpha", "n2"]);
}

#[test]
fn a_node_does_not_remove_itself() {
    let mut node = node();
    remove(&mut node, "alpha");
    assert!(matches!(reply(&mut node), Some(Err(CallError::Invalid(_)))));
}

#[test]
fn who_is_told_to_leave_by_another_leaves() {
    let mut node = node();
    node.message(N2, Message::Leave, None);
    assert!(matches!(node.standing, Standing::Leaving { .. }));
}

#[test]
fn the_last_that_is_ready_does_not_leave_because_another_is_to_remove_it() {
    let mut node = node();
    let leaving = Member {
        name: "n2".parse().unwrap(),
        ..Member::of(&node.config, Status::Draining)
    };
    node.roster.set_member(N2, Some(leaving), node.now.mono);
    node.message(N2, Message::Leave, None);
    assert_eq!(node.standing, Standing::Ready);
}

#[test]
fn of_two_that_are_asked_to_remove_each_other_at_once_one_stays() {
    let mut node = node();
    remove(&mut node, "n2");
    node.message(N2, Message::Leave, None);
    assert_eq!(node.standing, Standing::Ready, "n2 has the higher id, and goes");
}

#[test]
fn a_call_that_removes_a_member_is_answered_when_its_time_is_up() {
    let mut node = node();
    // It takes nothing in hand before it has caught up.
    node.standing = Standing::CatchingUp { since: node.now.mono };
    let name = NodeName::new("n2").unwrap();
    let input = Input::Remove {
        request: RequestId(1),
        timeout: Duration::from_secs(2),
        name,
    };
    node.handle(node.now, input);
    let mut now = node.now;
    while let Some(deadline) = node.next_deadline().filter(|at| at.0 <= now.mono.0 + 3_000_000) {
        now.mono = deadline.max(node.now.mono);
        node.handle(now, Input::Timer);
        if let Some(result) = reply(&mut node) {
            assert!(matches!(result, Err(CallError::NotReady { .. })), "{result:?}");
            return;
        }
    }
    panic!("it was not answered");
}

#[test]
fn who_may_not_have_heard_that_it_is_to_leave_is_told_again() {
    let mut node = node();
    remove(&mut node, "n2");
    let is_told = |node: &mut Node| sent_to(node, N2).contains(&Message::Leave);
    assert!(is_told(&mut node));
    node.advance_removals();
    assert!(!is_told(&mut node));
    node.message(N2, Message::Lost, None);
    node.advance_removals();
    assert!(is_told(&mut node));
}
