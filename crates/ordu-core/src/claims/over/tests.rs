use core::time::Duration;

use ordu_crdt::{Dot, Replica, Stamp};

use crate::claims::{Copy, Phase, Step, StopWhy};
use crate::in_tests::{ME, claimed, exchange, life, meet, ready_node, replica_of, settle};
use crate::node::Node;
use crate::registers::{ChildKey, Claim, Deleted, Intent, Key, Value};
use crate::{NodeId, Token};

const N2: NodeId = NodeId(2);
const N3: NodeId = NodeId(3);

fn key() -> ChildKey {
    ChildKey::new("main".parse().unwrap(), "c".parse().unwrap())
}

fn node() -> Node {
    let mut node = ready_node();
    meet(&mut node, N2);
    meet(&mut node, N3);
    settle(&mut node);
    node
}

/// A life that its first operation creates.
fn born(map: &mut Replica<Key, Value>) -> Intent {
    let birth = map.next_stamp(1);
    let seq = map.vector().get(map.id()) + 1;
    let intent = Intent {
        born: Dot {
            origin: map.id(),
            seq,
        },
        ..life(birth)
    };
    put(map, &intent);
    intent
}

fn put(map: &mut Replica<Key, Value>, intent: &Intent) {
    map.write(1, |batch| {
        batch.put(Key::Intent(key()), Value::encode(intent)).unwrap();
    });
}

fn restart(map: &mut Replica<Key, Value>, intent: &Intent) {
    let run = map.next_stamp(1);
    put(
        map,
        &Intent {
            run,
            ..intent.clone()
        },
    );
}

/// Two replicas have the same.
fn meets(one: &mut Replica<Key, Value>, other: &mut Replica<Key, Value>) {
    one.add_peer(other.id());
    other.add_peer(one.id());
    one.sync_with(other.id());
    other.sync_with(one.id());
    let mut is_quiet = false;
    while !is_quiet {
        is_quiet = true;
        while let Some((to, message)) = one.poll_message() {
            if to == other.id() {
                other.handle(one.id(), message).unwrap();
                is_quiet = false;
            }
        }
        while let Some((to, message)) = other.poll_message() {
            if to == one.id() {
                one.handle(other.id(), message).unwrap();
                is_quiet = false;
            }
        }
    }
}

/// The child is deleted, and the mark of that is over, too.
fn delete_for_good(node: &mut Node) {
    let intent = node
        .children
        .get(&key())
        .unwrap()
        .claims
        .intent()
        .unwrap()
        .clone();
    node.write([(
        Key::Intent(key()),
        Some(Value::encode(&intent.over(Deleted::ByUser))),
    )]);
    node.write([(Key::Intent(key()), None), (Key::Claim(key()), None)]);
    assert!(intent_of(node).is_none());
}

fn intent_of(node: &Node) -> Option<&Intent> {
    node.children.get(&key())?.claims.intent()
}

fn is_alive(node: &Node) -> bool {
    intent_of(node).is_some_and(Intent::is_live)
}

#[test]
fn who_comes_back_after_long_brings_no_deleted_child_back() {
    let (mut node, mut n2, mut n3) = (node(), replica_of(N2), replica_of(N3));
    let intent = born(&mut n2);
    exchange(&mut node, &mut n2);
    meets(&mut n3, &mut n2);
    assert!(is_alive(&node));
    delete_for_good(&mut node);
    // n3 was away, knows nothing of it, and has the child started again.
    restart(&mut n3, &intent);
    exchange(&mut node, &mut n3);
    assert!(!is_alive(&node));
    assert_eq!(intent_of(&node).map(|mark| mark.deleted), Some(Deleted::ByUser));
}

#[test]
fn a_restart_does_not_outlast_the_mark_that_was_seen_with_it() {
    let (mut node, mut n2, mut n3) = (node(), replica_of(N2), replica_of(N3));
    let mut n4 = replica_of(NodeId(4));
    let intent = born(&mut n2);
    exchange(&mut node, &mut n2);
    meets(&mut n3, &mut n2);
    restart(&mut n3, &intent);
    // n2 deletes it and forgets that, and has not heard of the restart, which this node has heard of first.
    put(&mut n2, &intent.over(Deleted::ByUser));
    meets(&mut n4, &mut n2);
    exchange(&mut node, &mut n3);
    assert!(is_alive(&node));
    exchange(&mut node, &mut n4);
    assert!(!is_alive(&node));
    n2.write(2, |batch| {
        batch.remove(&Key::Intent(key()));
    });
    meets(&mut n4, &mut n2);
    exchange(&mut node, &mut n4);
    assert_eq!(intent_of(&node).map(|mark| mark.deleted), Some(Deleted::ByUser));
}

#[test]
fn a_start_and_its_restart_that_come_together_are_alive() {
    let (mut node, mut n2, mut n3) = (node(), replica_of(N2), replica_of(N3));
    let intent = born(&mut n2);
    meets(&mut n3, &mut n2);
    restart(&mut n3, &intent);
    exchange(&mut node, &mut n3);
    assert!(is_alive(&node));
    // And one after the other.
    let again = intent_of(&node).unwrap().clone();
    restart(&mut n3, &again);
    exchange(&mut node, &mut n3);
    assert!(is_alive(&node));
}

#[test]
fn another_life_of_the_id_is_not_over_with_the_one_before() {
    let (mut node, mut n2) = (node(), replica_of(N2));
    born(&mut n2);
    exchange(&mut node, &mut n2);
    delete_for_good(&mut node);
    born(&mut n2);
    exchange(&mut node, &mut n2);
    assert!(is_alive(&node));
}

fn claim(intent: &Intent, owner: NodeId) -> Claim {
    Claim {
        born: intent.born,
        run: intent.run,
        ..claimed(intent.birth, Token { epoch: 9, owner })
    }
}

#[test]
fn the_owner_of_a_life_that_is_over_stops_the_copy_and_removes_the_claim() {
    let (mut node, mut n2) = (node(), replica_of(N2));
    let intent = born(&mut n2);
    exchange(&mut node, &mut n2);
    node.write([(Key::Claim(key()), Some(Value::encode(&claim(&intent, ME))))]);
    let copy = Copy {
        birth: intent.birth,
        run: intent.run,
        token: Token { epoch: 9, owner: ME },
        phase: Phase::Running { os_pid: None },
        unwritten: false,
        retried: false,
    };
    node.child_mut(&key()).claims.set_copy(Some(copy));
    let step = |node: &Node| node.children.get(&key()).unwrap().claims.next_step();
    assert_eq!(step(&node), None);
    node.write([(Key::Intent(key()), None)]);
    assert_eq!(step(&node), Some(Step::Stop(StopWhy::Deleted)));
    node.child_mut(&key()).claims.set_copy(None);
    node.reconcile_children();
    assert_eq!(node.replica.map().siblings(&Key::Claim(key())).count(), 0);
}

/// Another side of a split took the child over, which superseded the claim of this one, and removed its own with the life.
#[test]
fn a_copy_of_a_life_that_is_over_is_stopped_also_where_no_claim_is_left() {
    let (mut node, mut n2) = (node(), replica_of(N2));
    let intent = born(&mut n2);
    exchange(&mut node, &mut n2);
    node.write([(Key::Claim(key()), Some(Value::encode(&claim(&intent, ME))))]);
    let mut copy = Copy {
        birth: intent.birth,
        run: intent.run,
        token: Token { epoch: 9, owner: ME },
        phase: Phase::Running { os_pid: None },
        unwritten: false,
        retried: false,
    };
    node.child_mut(&key()).claims.set_copy(Some(copy.clone()));
    let step = |node: &Node| node.children.get(&key()).unwrap().claims.next_step();
    assert_eq!(step(&node), None);
    node.write([(Key::Intent(key()), None), (Key::Claim(key()), None)]);
    assert_eq!(step(&node), Some(Step::Stop(StopWhy::Deleted)));
    // One of the next life, of which no register speaks yet, is not.
    copy.unwritten = true;
    node.child_mut(&key()).claims.set_copy(Some(copy));
    assert_eq!(step(&node), None);
}

#[test]
fn an_intent_that_a_full_join_drops_takes_its_claim_along() {
    let (mut node, mut n2, mut n3) = (node(), replica_of(N2), replica_of(N3));
    let intent = born(&mut n2);
    meets(&mut n3, &mut n2);
    exchange(&mut node, &mut n2);
    // n2 deletes the child and forgets it, and this node, long away, owns it still.
    let own = claim(&intent, ME);
    node.write([(Key::Claim(key()), Some(Value::encode(&own)))]);
    n2.remove_peer(n3.id());
    n2.remove_peer(ME.replica());
    n2.write(2, |batch| batch.remove(&Key::Intent(key())));
    while n2.poll_change().is_some() {}
    n2.collect();
    assert!(
        n2.floor().get(n2.id()) > 1,
        "who does not cover it takes a full join"
    );
    n2.add_peer(ME.replica());
    exchange(&mut node, &mut n2);
    node.reconcile_children();
    assert!(intent_of(&node).is_none());
    assert_eq!(node.replica.map().siblings(&Key::Claim(key())).count(), 0);
}

#[test]
fn two_that_each_wrote_a_life_anew_both_have_it() {
    let (mut node, mut n2, mut n3) = (node(), replica_of(N2), replica_of(N3));
    let intent = born(&mut n3);
    exchange(&mut node, &mut n3);
    meets(&mut n2, &mut n3);
    restart(&mut n2, &intent);
    // Something was collected there, too, so that a full join comes of it.
    n2.remove_peer(n3.id());
    n2.remove_peer(ME.replica());
    let other = Key::Member(N3);
    n2.write(2, |batch| batch.put(other.clone(), Value::encode(&0)).unwrap());
    n2.write(2, |batch| batch.remove(&other));
    while n2.poll_change().is_some() {}
    n2.collect();
    n2.add_peer(ME.replica());
    let run = node.stamp();
    node.write([(Key::Intent(key()), Some(Value::encode(&Intent { run, ..intent })))]);
    exchange(&mut node, &mut n2);
    assert!(is_alive(&node));
}

#[test]
fn a_claim_whose_birth_has_not_come_is_not_over() {
    let (mut node, mut n2) = (node(), replica_of(N2));
    let stamp: Stamp = node.stamp();
    let intent = Intent {
        birth: stamp,
        born: Dot {
            origin: N3.replica(),
            seq: 1,
        },
        ..born(&mut replica_of(N3))
    };
    n2.write(1, |batch| {
        batch
            .put(Key::Claim(key()), Value::encode(&claim(&intent, N2)))
            .unwrap();
    });
    exchange(&mut node, &mut n2);
    node.reconcile_children();
    assert_eq!(node.replica.map().siblings(&Key::Claim(key())).count(), 1);
}

#[test]
fn the_decider_removes_the_claim_of_a_life_that_is_over_and_has_no_owner() {
    let (mut node, mut n3) = (node(), replica_of(N3));
    let intent = born(&mut n3);
    n3.write(1, |batch| {
        batch
            .put(Key::Claim(key()), Value::encode(&claim(&intent, N3)))
            .unwrap();
    });
    exchange(&mut node, &mut n3);
    node.write([(Key::Intent(key()), None)]);
    node.reconcile_children();
    assert_eq!(
        node.replica.map().siblings(&Key::Claim(key())).count(),
        1,
        "n3 is to do it"
    );
    node.set_liveness(N3, crate::membership::Liveness::Down);
    settle(&mut node);
    for _ in 0..20 {
        node.now.mono = node.now.mono + Duration::from_millis(200);
        node.children.touch(&key());
        node.reconcile_children();
    }
    assert_eq!(node.replica.map().siblings(&Key::Claim(key())).count(), 0);
}
