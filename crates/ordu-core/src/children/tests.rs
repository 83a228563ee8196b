use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use ordu_supervisor::decisions::{ExitReason, Notice, Restart};

use crate::in_tests::{
    child_decided_by, claimed, exchange, life, meet, ready_node, replica_of, sent_to, settle, spec,
};
use crate::node::Node;
use crate::registers::{ChildKey, Deleted, Key, Value};
use crate::wire::{ClaimNotice, Message, Place, PlaceError};
use crate::{ChildSpec, NodeId, Time, Token};

const N2: NodeId = NodeId(2);
const N3: NodeId = NodeId(3);

/// A node that starts a child for n2.
fn starts_for_n2() -> (Node, ChildKey) {
    starts(spec())
}

fn starts(spec: Arc<ChildSpec>) -> (Node, ChildKey) {
    let mut node = ready_node();
    meet(&mut node, N2);
    meet(&mut node, N3);
    settle(&mut node);
    let key = child_decided_by(&node, N2);
    let birth = node.stamp();
    let place = Place {
        placement: 1,
        lowest: 0,
        child: key.clone(),
        timeout: Duration::from_secs(9),
        epoch: 0,
        what: ClaimNotice::Birth {
            birth,
            retried: false,
            spec,
        },
    };
    node.place_here(N2, place, None);
    node.drain_supervisor();
    assert!(node.copy_of(&key).is_some());
    (node, key)
}

fn answered(node: &mut Node) -> Vec<Result<(), PlaceError>> {
    let answers = sent_to(node, N2).into_iter().filter_map(|message| match message {
        Message::Placed(placed) => Some(placed.result.map(drop)),
        _ => None,
    });
    answers.collect()
}

#[test]
fn a_first_start_that_does_not_return_and_does_not_die_is_answered() {
    let (mut node, key) = starts_for_n2();
    node.noticed(&key, Notice::Zombie);
    assert_eq!(answered(&mut node), [Err(PlaceError::Stuck)]);
    // It dies after all, and says nothing of what was claimed meanwhile.
    node.noticed(&key, Notice::StartFailed(ExitReason::Killed));
    assert_eq!(answered(&mut node), []);
    assert!(node.copy_of(&key).is_none());
    assert_eq!(node.child_mut(&key).attempts, 0);
}

#[test]
fn a_first_start_that_gives_way_is_answered_before_it_has_stopped() {
    let (mut node, key) = starts_for_n2();
    let mut other = replica_of(N3);
    let birth = node.stamp();
    let token = Token { epoch: 7, owner: N3 };
    other.write(1, |batch| {
        let (intent, claim) = (Value::encode(&life(birth)), Value::encode(&claimed(birth, token)));
        batch.put(Key::Intent(key.clone()), intent).unwrap();
        batch.put(Key::Claim(key.clone()), claim).unwrap();
    });
    exchange(&mut node, &mut other);
    sent_to(&mut node, N2);
    node.noticed(&key, Notice::Running);
    assert_eq!(answered(&mut node), [Err(PlaceError::Busy)]);
    assert!(node.copy_of(&key).is_some(), "it takes its time");
}

#[test]
fn children_that_came_and_went_leave_no_room_behind() {
    let mut node = ready_node();
    let key = |n| ChildKey::new("main".parse().unwrap(), alloc::format!("c{n}").parse().unwrap());
    // As many as fill a table to the brim: what a removal leaves in a full one counts against its capacity.
    let keys: Vec<ChildKey> = (0..14_336).map(key).collect();
    for key in &keys {
        node.child_mut(key);
    }
    assert!(node.children.slots() >= keys.len());
    for key in &keys {
        node.forget_if_empty(key);
    }
    assert!(node.children.all.is_empty());
    assert!(node.children.slots() < 500, "{} are left", node.children.slots());
}

#[test]
fn a_child_that_is_forgotten_and_a_call_that_is_over_are_waited_for_no_more() {
    let mut node = ready_node();
    let key = ChildKey::new("main".parse().unwrap(), "c".parse().unwrap());
    node.child_mut(&key);
    for at in [7, 5, 5, 6] {
        node.children.wake_at(Time(at), &key);
    }
    node.children.call_waits(Time(4), &key);
    assert_eq!(node.children.next_deadline(), Some(Time(4)));
    node.children.call_is_over(Time(4), &key);
    assert_eq!(node.children.next_deadline(), Some(Time(5)));
    node.children.run_timers(Time(5));
    assert_eq!(node.children.take_touched(), core::slice::from_ref(&key));
    assert_eq!(node.children.get(&key).unwrap().wakes, [Time(7), Time(6)]);
    node.forget_if_empty(&key);
    assert_eq!(node.children.next_deadline(), None);
}

/// It may have to stay: a removal that it goes by can turn out to be void.
#[test]
fn what_runs_once_and_was_stopped_because_its_node_was_to_end_is_lost_also_if_that_stays() {
    let spec = ChildSpec {
        restart: Restart::Temporary,
        ..ChildSpec::clone(&spec())
    };
    let (mut node, key) = starts(Arc::new(spec));
    node.noticed(&key, Notice::Running);
    node.begin_leaving();
    node.reconcile_children();
    let (ordered, exit) = (ExitReason::Shutdown, ExitReason::Shutdown);
    node.noticed(&key, Notice::Stopped { ordered, exit });
    let intent = node.children.get(&key).unwrap().claims.intent().unwrap();
    assert_eq!(intent.deleted, Deleted::Lost);
}
