//! What a replica that was away still has of one that is gone for good.

use super::folding::{Node, have_equal_states, meet, members, nodes, put, remove};
use crate::ReplicaId;

const OLD: usize = 0;
const STAYS: usize = 1;
const SLEEPER: usize = 2;
const NEW: usize = 3;

const IDS: [ReplicaId; 4] = [ReplicaId(1), ReplicaId(2), ReplicaId(3), ReplicaId(4)];

/// A node sleeps; another dies, what it wrote is removed, and it is folded away by one that booted since and never
/// heard of the sleeper.
fn the_sleeper_wakes(has_noticed_the_death: bool) -> [Node; 4] {
    let mut nodes = nodes::<4>();
    let [old, stays, sleeper, new] = IDS;
    put(&mut nodes[OLD], 1, 7);
    for (one, two) in [(OLD, STAYS), (OLD, SLEEPER), (STAYS, SLEEPER)] {
        meet(&mut nodes, one, two);
    }
    nodes[SLEEPER].disconnect(stays);
    if has_noticed_the_death {
        nodes[SLEEPER].disconnect(old);
    }
    nodes[STAYS].disconnect(sleeper);
    nodes[STAYS].disconnect(old);
    members(&mut nodes[STAYS], &[sleeper, new]);
    remove(&mut nodes[STAYS], 1);
    members(&mut nodes[NEW], &[stays]);
    for _ in 0..3 {
        meet(&mut nodes, STAYS, NEW);
        members(&mut nodes[NEW], &[stays]);
    }
    assert_eq!(nodes[NEW].folded(), 1);
    assert_eq!(nodes[STAYS].folded(), 0, "the sleeper may still need it");

    meet(&mut nodes, SLEEPER, NEW);
    meet(&mut nodes, SLEEPER, STAYS);
    meet(&mut nodes, STAYS, NEW);
    nodes
}

#[test]
fn what_was_removed_stays_removed_though_a_sleeper_still_takes_its_writer_for_a_peer() {
    for has_noticed_the_death in [true, false] {
        let nodes = the_sleeper_wakes(has_noticed_the_death);
        for node in &nodes[STAYS..] {
            assert!(!node.map().contains_key(&1), "{:?} has it", node.id());
            assert_eq!(node.audits_failed(), 0);
        }
        assert!(have_equal_states(&nodes, &[STAYS, SLEEPER, NEW]));
    }
}

/// Who joins is told what was folded away: a sleeper may know of the ended one as much, and seem not to be behind.
#[test]
fn a_joiner_takes_nothing_from_a_sleeper_that_was_removed_meanwhile() {
    let mut nodes = nodes::<4>();
    let [old, _, sleeper, new] = IDS;
    put(&mut nodes[OLD], 1, 7);
    meet(&mut nodes, OLD, STAYS);
    meet(&mut nodes, OLD, SLEEPER);
    nodes[STAYS].remove_peer(old);
    for _ in 2..5 {
        nodes[STAYS].write(2, |unit| unit.remove(&1));
        put(&mut nodes[STAYS], 2, 7);
        nodes[STAYS].set_members([], [sleeper]);
        nodes[STAYS].collect();
    }
    assert_eq!(nodes[STAYS].folded(), 1);
    nodes[STAYS].set_members([new], [sleeper]);

    meet(&mut nodes, STAYS, NEW);
    meet(&mut nodes, SLEEPER, NEW);
    meet(&mut nodes, SLEEPER, STAYS);
    meet(&mut nodes, STAYS, NEW);

    for node in &nodes[STAYS..] {
        assert!(!node.map().contains_key(&1), "{:?} has it", node.id());
        assert_eq!(node.audits_failed(), 0);
    }
    assert!(have_equal_states(&nodes, &[STAYS, SLEEPER, NEW]));
}

/// What a replica wrote last may have reached one that sleeps, and nobody else.
#[test]
fn what_an_ended_replica_wrote_last_is_kept_by_the_one_that_has_it() {
    let mut nodes = nodes::<4>();
    let [old, stays, sleeper, _] = IDS;
    put(&mut nodes[OLD], 1, 7);
    meet(&mut nodes, OLD, STAYS);
    put(&mut nodes[STAYS], 1, 8);
    for (one, two) in [(OLD, STAYS), (OLD, SLEEPER), (STAYS, SLEEPER)] {
        meet(&mut nodes, one, two);
    }
    put(&mut nodes[OLD], 1, 9);
    nodes[STAYS].disconnect(old);
    nodes[STAYS].disconnect(sleeper);
    meet(&mut nodes, OLD, SLEEPER);
    nodes[SLEEPER].disconnect(old);

    members(&mut nodes[STAYS], &[sleeper]);
    members(&mut nodes[SLEEPER], &[stays]);
    meet(&mut nodes, SLEEPER, STAYS);

    for node in &nodes[STAYS..=SLEEPER] {
        assert_eq!(node.map().get(&1), Some(&9), "{:?}", node.id());
    }
    assert!(have_equal_states(&nodes, &[STAYS, SLEEPER]));
}
