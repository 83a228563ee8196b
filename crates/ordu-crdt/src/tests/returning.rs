//! What a replica that was away still has of one that is gone for good.

use crate::{Replica, ReplicaId, SyncConfig};

type Node = Replica<u8, u8>;

const OLD: usize = 0;
const STAYS: usize = 1;
const SLEEPER: usize = 2;
const NEW: usize = 3;

/// Rounds between two of them; what they say to others is lost.
fn meet(nodes: &mut [Node; 4], one: usize, two: usize) {
    let pairs = [(one, two), (two, one)].map(|(from, to)| (from, to, nodes[to].id()));
    for _ in 0..3 {
        for (from, _, peer) in pairs {
            nodes[from].add_peer(peer);
            nodes[from].sync_with(peer);
        }
        let mut is_quiet = false;
        while !core::mem::replace(&mut is_quiet, true) {
            for (from, to, peer) in pairs {
                let id = nodes[from].id();
                while let Some((addressee, message)) = nodes[from].poll_message() {
                    is_quiet = false;
                    if addressee == peer {
                        nodes[to].handle(id, message).unwrap();
                    }
                }
                while nodes[from].poll_change().is_some() {}
            }
        }
    }
}

/// A node sleeps; another dies and is buried, what it wrote is removed. One that booted since, and never knew the
/// sleeper, has forgotten all that; one that did know it has not.
fn the_sleeper_wakes(has_noticed_the_death: bool) -> [Node; 4] {
    let mut nodes = [1, 2, 3, 4].map(|id| Node::new(ReplicaId(id), SyncConfig::default()));
    let [old, stays, sleeper, _] = [1, 2, 3, 4].map(ReplicaId);
    nodes[OLD].write(1, |unit| unit.put(1, 7)).1.unwrap();
    for (one, two) in [(OLD, STAYS), (OLD, SLEEPER), (STAYS, SLEEPER)] {
        meet(&mut nodes, one, two);
    }
    nodes[SLEEPER].disconnect(stays);
    if has_noticed_the_death {
        nodes[SLEEPER].disconnect(old);
    }
    nodes[STAYS].disconnect(sleeper);
    nodes[STAYS].retire(old);
    nodes[STAYS].write(2, |unit| unit.remove(&1));
    nodes[NEW].retire(old);
    (0..3).for_each(|_| meet(&mut nodes, STAYS, NEW));
    assert!(nodes[NEW].is_retired(old));
    assert!(!nodes[STAYS].is_retired(old), "the sleeper may still need it");

    meet(&mut nodes, SLEEPER, NEW);
    meet(&mut nodes, SLEEPER, STAYS);
    nodes
}

#[test]
fn what_a_sleeper_has_of_a_retired_replica_goes_though_it_still_takes_it_for_a_peer() {
    for has_noticed_the_death in [true, false] {
        let nodes = the_sleeper_wakes(has_noticed_the_death);
        for node in &nodes[STAYS..] {
            assert!(!node.map().contains_key(&1), "{:?} has it", node.id());
            assert_eq!(node.audits_failed(), 0);
        }
    }
}

/// Who joins is told who was retired: a sleeper may know the retired one well enough to seem not to be behind.
#[test]
fn a_joiner_takes_nothing_of_a_retired_replica_from_a_sleeper() {
    let mut nodes = [1, 2, 3, 4].map(|id| Node::new(ReplicaId(id), SyncConfig::default()));
    let old = nodes[OLD].id();
    nodes[OLD].write(1, |unit| unit.put(1, 7)).1.unwrap();
    meet(&mut nodes, OLD, STAYS);
    meet(&mut nodes, OLD, SLEEPER);
    nodes[STAYS].retire(old);
    for now in 2..5 {
        nodes[STAYS].write(now, |unit| unit.remove(&1));
        nodes[STAYS].write(now, |unit| unit.put(2, 7)).1.unwrap();
        while nodes[STAYS].poll_change().is_some() {}
        nodes[STAYS].collect();
    }
    assert!(nodes[STAYS].is_retired(old));

    meet(&mut nodes, STAYS, NEW);
    meet(&mut nodes, SLEEPER, NEW);
    meet(&mut nodes, SLEEPER, STAYS);
    meet(&mut nodes, STAYS, NEW);

    for node in &nodes[STAYS..] {
        assert!(!node.map().contains_key(&1), "{:?} has it", node.id());
        assert_eq!(node.audits_failed(), 0);
    }
}

/// What a replica wrote last may have reached one that sleeps, and nobody else.
#[test]
fn no_replica_is_retired_before_everybody_has_said_what_he_has_of_it() {
    let mut nodes = [1, 2, 3, 4].map(|id| Node::new(ReplicaId(id), SyncConfig::default()));
    let [old, _, sleeper, _] = [1, 2, 3, 4].map(ReplicaId);
    nodes[OLD].write(1, |unit| unit.put(1, 7)).1.unwrap();
    meet(&mut nodes, OLD, STAYS);
    nodes[STAYS].write(2, |unit| unit.put(1, 8)).1.unwrap();
    for (one, two) in [(OLD, STAYS), (OLD, SLEEPER), (STAYS, SLEEPER)] {
        meet(&mut nodes, one, two);
    }
    nodes[OLD].write(3, |unit| unit.put(1, 9)).1.unwrap();
    nodes[STAYS].disconnect(old);
    nodes[STAYS].disconnect(sleeper);
    meet(&mut nodes, OLD, SLEEPER);

    nodes[STAYS].retire(old);
    nodes[STAYS].collect();
    assert!(!nodes[STAYS].is_retired(old), "the sleeper has more of it");

    nodes[SLEEPER].retire(old);
    meet(&mut nodes, SLEEPER, STAYS);
    for node in &nodes[STAYS..=SLEEPER] {
        assert_eq!(node.map().get(&1), Some(&9), "{:?}", node.id());
    }
}
