//! Origins that have ended are folded away; nothing that anybody holds goes with them (S1.5).

use std::vec::Vec;

use crate::{Replica, ReplicaId, SyncConfig, planted::Bug};

pub(super) type Node = Replica<u8, u8>;

pub(super) fn nodes<const N: usize>() -> [Node; N] {
    core::array::from_fn(|at| Node::new(ReplicaId(at as u128 + 1), SyncConfig::default()))
}

/// Carries what two of them say to each other; what they say to others is lost.
fn carry(nodes: &mut [Node], one: usize, two: usize) {
    let pairs = [(one, two), (two, one)].map(|(from, to)| (from, to, nodes[to].id()));
    let mut is_quiet = false;
    let mut carried = 0;
    while !core::mem::replace(&mut is_quiet, true) {
        for (from, to, peer) in pairs {
            let id = nodes[from].id();
            while let Some((addressee, message)) = nodes[from].poll_message() {
                is_quiet = false;
                carried += 1;
                assert!(carried < 10_000, "they repair each other without end");
                if addressee == peer {
                    nodes[to].handle(id, message).unwrap();
                }
            }
            while nodes[from].poll_change().is_some() {}
        }
    }
}

/// Rounds between two of them, as peers of each other.
pub(super) fn meet(nodes: &mut [Node], one: usize, two: usize) {
    let (first, second) = (nodes[one].id(), nodes[two].id());
    for _ in 0..3 {
        nodes[one].add_peer(second);
        nodes[two].add_peer(first);
        nodes[one].sync_with(second);
        nodes[two].sync_with(first);
        carry(nodes, one, two);
    }
}

pub(super) fn put(node: &mut Node, key: u8, value: u8) {
    node.write(1, |unit| unit.put(key, value)).1.unwrap();
    while node.poll_change().is_some() {}
}

pub(super) fn remove(node: &mut Node, key: u8) {
    assert!(node.write(1, |unit| unit.remove(&key)).1);
    while node.poll_change().is_some() {}
}

/// Those are the members, met or not; all others have ended.
pub(super) fn members(node: &mut Node, members: &[ReplicaId]) {
    node.set_members(members.iter().copied(), []);
    for _ in 0..3 {
        node.collect();
    }
}

pub(super) fn have_equal_states(nodes: &[Node], of: &[usize]) -> bool {
    of.windows(2).all(|pair| {
        let (one, two) = (&nodes[pair[0]], &nodes[pair[1]]);
        one.digest() == two.digest() && one.map().fingerprint() == two.map().fingerprint()
    })
}

/// One that was never met holds more of an ended origin than was folded away.
#[test]
fn who_holds_more_of_a_folded_origin_keeps_it_and_gives_it_back() {
    const ENDED: usize = 0;
    const THIRD: usize = 1;
    const NEWCOMER: usize = 2;
    const FOURTH: usize = 3;
    let mut nodes = nodes::<4>();
    let [ended, third, newcomer, _] = [1, 2, 3, 4].map(ReplicaId);
    put(&mut nodes[ENDED], 1, 1);
    put(&mut nodes[ENDED], 2, 2);
    meet(&mut nodes, ENDED, THIRD);
    // These reach the fourth alone.
    put(&mut nodes[ENDED], 3, 3);
    put(&mut nodes[ENDED], 4, 4);
    meet(&mut nodes, ENDED, FOURTH);
    // What it wrote before is of no use any more.
    for key in [1, 2] {
        remove(&mut nodes[THIRD], key);
    }
    nodes[THIRD].disconnect(ended);
    members(&mut nodes[THIRD], &[newcomer]);
    meet(&mut nodes, THIRD, NEWCOMER);
    members(&mut nodes[NEWCOMER], &[third]);
    assert_eq!(nodes[NEWCOMER].folded(), 1);
    meet(&mut nodes, THIRD, NEWCOMER);

    meet(&mut nodes, NEWCOMER, FOURTH);
    meet(&mut nodes, NEWCOMER, THIRD);

    for at in [NEWCOMER, FOURTH, THIRD] {
        assert_eq!(nodes[at].map().get(&4), Some(&4), "{:?}", nodes[at].id());
        assert!(!nodes[at].map().contains_key(&1), "{:?}", nodes[at].id());
    }
    meet(&mut nodes, FOURTH, THIRD);
    assert!(have_equal_states(&nodes, &[NEWCOMER, FOURTH, THIRD]));
}

#[test]
fn a_remove_of_what_was_not_seen_yet_is_not_over_when_the_origin_is_folded() {
    a_remove_of_what_was_not_seen_yet(None);
}

/// A remove may name what its holder has never seen.
pub(super) fn a_remove_of_what_was_not_seen_yet(bug: Option<Bug>) {
    const FIRST: usize = 0;
    const SECOND: usize = 1;
    const THIRD: usize = 2;
    const FOURTH: usize = 3;
    let mut nodes = nodes::<4>();
    let [_, second, third, fourth] = [1, 2, 3, 4].map(ReplicaId);
    for node in &mut nodes {
        node.map.planted.bug = bug;
    }
    meet(&mut nodes, FIRST, SECOND);
    put(&mut nodes[THIRD], 1, 1);
    put(&mut nodes[THIRD], 1, 2);
    meet(&mut nodes, THIRD, FIRST);
    put(&mut nodes[THIRD], 9, 9);
    meet(&mut nodes, THIRD, FOURTH);
    meet(&mut nodes, FOURTH, SECOND);
    // The remove of what the fourth holds is all that reaches the first, as it happens.
    remove(&mut nodes[SECOND], 9);
    carry(&mut nodes, SECOND, FIRST);
    assert_eq!(nodes[FIRST].vector().get(third), 2);
    assert_eq!(nodes[FIRST].vector().get(second), 1);

    nodes[FIRST].disconnect(third);
    nodes[FIRST].disconnect(second);
    members(&mut nodes[FIRST], &[second, fourth]);
    meet(&mut nodes, FIRST, FOURTH);
    meet(&mut nodes, FIRST, SECOND);
    meet(&mut nodes, FOURTH, SECOND);

    for at in [FIRST, SECOND, FOURTH] {
        // Who has seen the same holds the same before any repair.
        assert_eq!(nodes[at].audits_failed(), 0, "states differ");
        assert!(
            !nodes[at].map().contains_key(&9),
            "{:?} has what was removed",
            nodes[at].id()
        );
    }
    assert!(have_equal_states(&nodes, &[FIRST, SECOND, FOURTH]));
}

/// What was collected of an origin stays collected when the origin is folded, however many others were since.
#[test]
fn a_fold_is_a_floor() {
    const WRITER: usize = 0;
    const ENDED: usize = 1;
    const STAYS: usize = 2;
    const SLEEPER: usize = 3;
    const NEWCOMER: usize = 4;
    let mut nodes = nodes::<5>();
    let [writer, ended, stays, sleeper, newcomer] = [1, 2, 3, 4, 5].map(ReplicaId);
    put(&mut nodes[WRITER], 5, 5);
    put(&mut nodes[ENDED], 6, 6);
    for (one, two) in [(WRITER, ENDED), (WRITER, STAYS), (ENDED, STAYS), (STAYS, SLEEPER)] {
        meet(&mut nodes, one, two);
    }
    nodes[STAYS].remove_peer(sleeper);
    nodes[WRITER].remove_peer(sleeper);
    remove(&mut nodes[ENDED], 6);
    remove(&mut nodes[ENDED], 5);
    for (one, two) in [
        (ENDED, STAYS),
        (STAYS, WRITER),
        (ENDED, WRITER),
        (STAYS, WRITER),
        (ENDED, STAYS),
    ] {
        meet(&mut nodes, one, two);
    }
    nodes[STAYS].remove_peer(writer);
    nodes[STAYS].remove_peer(ended);
    members(&mut nodes[STAYS], &[newcomer]);
    assert_eq!(nodes[STAYS].map().retained(), 0);
    for boot in 100..400 {
        let mut other = [core::mem::replace(
            &mut nodes[STAYS],
            Node::new(stays, SyncConfig::default()),
        )]
        .into_iter()
        .chain([Node::new(ReplicaId(boot), SyncConfig::default())])
        .collect::<Vec<_>>();
        put(&mut other[1], 7, 7);
        meet(&mut other, 0, 1);
        remove(&mut other[0], 7);
        other[0].remove_peer(ReplicaId(boot));
        members(&mut other[0], &[newcomer]);
        nodes[STAYS] = other.swap_remove(0);
    }
    meet(&mut nodes, STAYS, NEWCOMER);

    meet(&mut nodes, SLEEPER, NEWCOMER);
    meet(&mut nodes, SLEEPER, STAYS);
    meet(&mut nodes, STAYS, NEWCOMER);

    for at in [STAYS, SLEEPER, NEWCOMER] {
        assert!(!nodes[at].map().contains_key(&5), "{:?}", nodes[at].id());
    }
    assert!(have_equal_states(&nodes, &[STAYS, SLEEPER, NEWCOMER]));
}

/// A frame lists some hundred origins here, as many thousand at most; a cluster may have known any number.
#[test]
fn more_origins_than_a_frame_can_list_are_no_obstacle() {
    const ORIGINS: u128 = 500;
    let config = SyncConfig {
        frame_bytes: 4 << 10,
        window: 2,
        collected_at_once: 1_024,
    };
    let mut nodes = [1, 2, 3].map(|id| Node::new(ReplicaId(id), config));
    for origin in 100..100 + ORIGINS {
        let first = core::mem::replace(&mut nodes[0], Node::new(ReplicaId(1), config));
        let mut pair = [first, Node::new(ReplicaId(origin), config)];
        put(&mut pair[1], u8::try_from(origin % 200).unwrap(), 7);
        meet(&mut pair, 0, 1);
        let [mut first, _] = pair;
        first.remove_peer(ReplicaId(origin));
        nodes[0] = first;
    }
    meet(&mut nodes, 0, 1);
    assert!(have_equal_states(&nodes, &[0, 1]));
    // From then on both write, and go on to be equal.
    for turn in 0..5 {
        put(&mut nodes[0], 201, turn);
        put(&mut nodes[1], 202, turn);
        meet(&mut nodes, 0, 1);
        assert!(have_equal_states(&nodes, &[0, 1]));
    }
    // All of them end; nothing of them is held but under these two hundred keys.
    for key in 0..200 {
        remove(&mut nodes[0], key);
    }
    let [one, two, three] = [1, 2, 3].map(ReplicaId);
    meet(&mut nodes, 0, 1);
    for _ in 0..3 {
        members(&mut nodes[0], &[two]);
        members(&mut nodes[1], &[one]);
        meet(&mut nodes, 0, 1);
    }
    assert!(nodes[..2].iter().all(|node| node.folded() == 500));
    assert!(nodes[..2].iter().all(|node| node.vector().len() == 2));
    // A newcomer learns of all of them.
    members(&mut nodes[0], &[two, three]);
    meet(&mut nodes, 0, 2);
    assert_eq!(nodes[2].folded(), 500);
    assert!(have_equal_states(&nodes, &[0, 1, 2]));
    assert_eq!(nodes[2].map().len(), 2);
}

/// A newcomer is sent all there is while it writes; nothing says by itself that it has that, and its folds with it.
#[test]
fn a_peer_that_was_sent_all_there_is_is_pushed_to_without_another_round() {
    const OLD: usize = 0;
    const ENDED: usize = 1;
    const NEW: usize = 2;
    let mut nodes = nodes::<3>();
    let [old, ended, new] = [1, 2, 3].map(ReplicaId);
    put(&mut nodes[ENDED], 1, 1);
    meet(&mut nodes, OLD, ENDED);
    remove(&mut nodes[OLD], 1);
    nodes[OLD].disconnect(ended);
    members(&mut nodes[OLD], &[]);
    assert_eq!(nodes[OLD].folded(), 1);

    put(&mut nodes[NEW], 2, 2);
    nodes[OLD].add_peer(new);
    nodes[NEW].add_peer(old);
    nodes[NEW].sync_with(old);
    let (_, question) = nodes[NEW].poll_message().unwrap();
    nodes[OLD].handle(new, question).unwrap();
    let all_there_is: Vec<_> = core::iter::from_fn(|| nodes[OLD].poll_message()).collect();
    // It answers what it was asked; then it writes, and then it gets all that the other has.
    let mut answers = Vec::new();
    for (_, message) in all_there_is {
        nodes[NEW].handle(old, message).unwrap();
        if answers.is_empty() {
            answers.extend(core::iter::from_fn(|| nodes[NEW].poll_message()));
            put(&mut nodes[NEW], 3, 3);
        }
    }
    for (_, message) in answers {
        nodes[OLD].handle(new, message).unwrap();
    }
    carry(&mut nodes, OLD, NEW);
    assert!(have_equal_states(&nodes, &[OLD, NEW]));

    put(&mut nodes[OLD], 4, 4);
    carry(&mut nodes, OLD, NEW);

    assert_eq!(nodes[NEW].map().get(&4), Some(&4));
}

/// A child that crashes again and again is written again and again, faster than its claims are acknowledged.
#[test]
fn a_key_that_is_written_faster_than_it_is_acknowledged_keeps_no_origin_from_being_folded() {
    const ENDED: usize = 0;
    const WRITER: usize = 1;
    const PEER: usize = 2;
    let mut nodes = nodes::<3>();
    let [ended, writer, peer] = [1, 2, 3].map(ReplicaId);
    put(&mut nodes[ENDED], 1, 1);
    meet(&mut nodes, ENDED, WRITER);
    meet(&mut nodes, ENDED, PEER);
    for node in [WRITER, PEER] {
        nodes[node].disconnect(ended);
    }
    for (node, other) in [(WRITER, peer), (PEER, writer)] {
        nodes[node].add_peer(other);
        nodes[node].set_members([other], []);
    }
    for value in 2..6 {
        put(&mut nodes[WRITER], 1, value);
        for (from, to) in [(WRITER, PEER), (PEER, WRITER), (WRITER, PEER)] {
            let (id, other) = (nodes[from].id(), nodes[to].id());
            nodes[from].sync_with(other);
            while let Some((addressee, message)) = nodes[from].poll_message() {
                if addressee == other {
                    // It has been written again before the answer comes.
                    put(&mut nodes[WRITER], 1, value);
                    nodes[to].handle(id, message).unwrap();
                }
            }
        }
    }
    assert_eq!([nodes[WRITER].folded(), nodes[PEER].folded()], [1, 1]);
    meet(&mut nodes, WRITER, PEER);
    assert!(have_equal_states(&nodes, &[WRITER, PEER]));
    // Who was away since the first of them joins in full.
    meet(&mut nodes, WRITER, ENDED);
    assert!(have_equal_states(&nodes, &[WRITER, ENDED]));
    assert_eq!(nodes[ENDED].map().get(&1), Some(&5));
    assert_eq!(nodes[ENDED].map().siblings(&1).count(), 1);
}

/// What is written again names more than what was written before, which everybody has: that must reach who missed it.
#[test]
fn what_was_superseded_since_is_named_until_everybody_has_that() {
    what_was_superseded_since(None);
}

/// Two write a key that a third has of one of them, and that one writes over both.
pub(super) fn what_was_superseded_since(bug: Option<Bug>) {
    const WRITER: usize = 0;
    const PEER: usize = 1;
    const THIRD: usize = 2;
    const OTHER: usize = 3;
    let mut nodes = nodes::<4>();
    let [writer, _, third, other] = [1, 2, 3, 4].map(ReplicaId);
    for node in &mut nodes {
        node.map.planted.bug = bug;
    }
    put(&mut nodes[WRITER], 1, 1);
    for (one, two) in [(WRITER, PEER), (WRITER, THIRD), (PEER, THIRD)] {
        meet(&mut nodes, one, two);
    }
    // Two of them hear of what the other wrote of the same key, and one writes over both.
    put(&mut nodes[OTHER], 1, 2);
    for at in [THIRD, WRITER] {
        meet(&mut nodes, OTHER, at);
        nodes[at].disconnect(other);
    }
    assert_eq!(nodes[THIRD].map().siblings(&1).count(), 2);
    put(&mut nodes[WRITER], 1, 3);
    nodes[WRITER].disconnect(third);
    meet(&mut nodes, WRITER, PEER);
    members(&mut nodes[PEER], &[writer, third]);
    meet(&mut nodes, PEER, THIRD);
    assert_eq!(nodes[THIRD].map().siblings(&1).count(), 1, "it is superseded");
    assert!(have_equal_states(&nodes, &[PEER, THIRD]));
}
