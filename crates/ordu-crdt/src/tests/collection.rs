//! Removes and contexts are forgotten once everybody knows, and nothing returns.

use super::net::{Bulky, Net, SMALL_FRAMES};
use crate::{Replica, ReplicaId, SyncConfig};

/// The schedule behind S1.5: what superseded a put is itself collected while a replica is away that still has it.
#[test]
fn a_removed_child_stays_removed_after_a_long_partition() {
    let mut net = Net::with_bug(3, SMALL_FRAMES, None);
    net.write(0, &[(1, Some(7)), (2, Some(8))]);
    net.round();
    net.leave(2);
    net.write(1, &[(1, None)]);
    (0..3).for_each(|_| net.round());
    // A remove that was not told yet is kept until it is.
    net.check();
    net.round();
    assert_eq!(
        net.nodes[0].map().retained(),
        1,
        "the remove is stable among those that are left"
    );

    net.come_back(2);
    net.settle();

    assert!(net.nodes.iter().all(|node| !node.map().contains_key(&1)));
    assert!(net.nodes.iter().all(|node| node.map().contains_key(&2)));
}

#[test]
fn a_put_that_was_written_far_away_survives_the_return() {
    let mut net = Net::with_bug(3, SMALL_FRAMES, None);
    net.write(0, &[(1, Some(7))]);
    net.round();
    net.leave(2);
    net.write(1, &[(1, None)]);
    (0..3).for_each(|_| net.round());
    net.write(2, &[(1, Some(9))]);

    net.come_back(2);
    net.settle();

    assert!(net.nodes.iter().all(|node| node.map().get(&1) == Some(&Bulky(9))));
}

#[test]
fn removes_wait_for_a_member_that_cannot_be_reached() {
    let mut net = Net::with_bug(3, SMALL_FRAMES, None);
    net.write(0, &[(1, Some(7))]);
    net.round();
    net.disconnect(2);
    net.write(1, &[(1, None)]);
    for _ in 0..3 {
        net.check();
        net.round();
    }
    assert_eq!(net.nodes[0].map().retained(), 1);
    assert!(net.nodes[0].floor().is_empty());

    net.come_back(2);
    for _ in 0..3 {
        net.check();
        net.round();
    }

    assert!(net.nodes.iter().all(|node| node.map().retained() == 0));
}

#[test]
fn removes_of_a_replica_without_peers_are_forgotten_at_once() {
    let mut net = Net::with_bug(1, SMALL_FRAMES, None);
    for key in 0..100 {
        net.write(0, &[(key, Some(1))]);
        net.check();
        net.write(0, &[(key, None)]);
        net.check();
    }
    net.write(0, &[(1, Some(1))]);
    assert!(net.nodes[0].map().retained() <= 2);
}

#[test]
fn overwrites_from_everywhere_leave_one_operation_a_key() {
    let mut net = Net::with_bug(3, SMALL_FRAMES, None);
    net.round();
    for turn in 0..300_u16 {
        net.write(usize::from(turn) % 3, &[(1, Some(turn))]);
        net.drain();
    }
    (0..3).for_each(|_| net.round());
    for node in &net.nodes {
        assert_eq!(node.map().retained(), 1);
    }
}

/// Each boot is a new replica that writes and dies; the others fold it away.
#[test]
fn a_thousand_boots_leave_nothing_behind_but_their_ids() {
    let mut net = Net::with_bug(3, SMALL_FRAMES, None);
    net.round();
    for boot in 0..1_000_u16 {
        let old = net.nodes[2].id();
        net.nodes[2].write(u64::from(boot), |unit| {
            unit.put(1, Bulky(boot)).unwrap();
            unit.put(2, Bulky(boot)).unwrap();
            unit.remove(&3);
        });
        net.drain();
        net.nodes[0].write(u64::from(boot), |unit| {
            unit.put(2, Bulky(boot)).unwrap();
            unit.put(3, Bulky(boot)).unwrap();
        });
        net.drain();
        net.crash(2);
        net.tell_who_has_ended();
        net.ignore_changes();
        net.round();
        net.nodes[0].adopt(old, 100);
        (0..2).for_each(|_| net.round());
    }
    (0..4).for_each(|_| net.round());
    for node in &net.nodes {
        assert!(node.vector().len() <= 3, "{:?}", node.vector());
        assert!(node.floor().len() <= 3);
        assert_eq!(node.map().retained(), 3);
        assert!(node.map().origins.len() <= 16, "{}", node.map().origins.len());
        assert_eq!(node.map().get(&1), Some(&Bulky(999)));
        assert!(node.folded() <= 1_000);
        let kept: usize = node.peers.values().map(|peer| peer.acknowledged.len()).sum();
        assert!(kept <= 3 * 3);
    }
}

#[test]
fn what_a_returning_replica_has_of_an_ended_one_goes_if_it_was_removed_meanwhile() {
    let mut net = Net::with_bug(3, SMALL_FRAMES, None);
    net.write(2, &[(1, Some(7)), (2, Some(8))]);
    net.round();
    net.leave(1);
    net.write(0, &[(1, None)]);
    net.crash(2);
    for _ in 0..4 {
        net.tell_who_has_ended();
        net.round();
        net.check();
    }
    assert_eq!(net.nodes[2].folded(), 0, "a value of it is still held");

    net.come_back(1);
    net.settle();

    assert!(net.nodes.iter().all(|node| !node.map().contains_key(&1)));
    assert!(net.nodes.iter().all(|node| node.map().contains_key(&2)));
}

#[test]
fn the_floor_of_a_returning_replica_is_within_reach_of_those_that_folded() {
    let mut net = Net::with_bug(3, SMALL_FRAMES, None);
    net.write(2, &[(1, Some(7))]);
    net.write(2, &[(1, None)]);
    for _ in 0..3 {
        net.round();
        net.check();
    }
    let old = net.nodes[2].id();
    assert!(net.nodes[1].floor().get(old) > 0);
    net.leave(1);
    net.crash(2);
    for _ in 0..4 {
        net.tell_who_has_ended();
        net.ignore_changes();
        net.round();
    }
    assert_eq!(net.nodes[0].folded(), 1);
    // Collected on both sides, so that each needs a full join from the other.
    for at in [0, 1] {
        net.write(at, &[(2, Some(1))]);
        net.write(at, &[(2, None)]);
        net.ignore_changes();
        net.round();
    }

    net.come_back(1);
    (0..4).for_each(|_| net.round());

    net.check_floors();
    net.write(0, &[(3, Some(3))]);
    net.drain();
    assert_eq!(
        net.nodes[1].map().get(&3),
        Some(&Bulky(3)),
        "it was not pushed to"
    );
}

#[test]
fn a_replica_that_was_declared_gone_loses_nothing_when_it_returns() {
    let mut net = Net::with_bug(2, SMALL_FRAMES, None);
    net.write(1, &[(1, Some(7))]);
    net.round();
    let gone = net.nodes[1].id();
    net.write(0, &[(1, Some(8))]);
    net.drain();
    net.leave(1);
    net.nodes[0].set_members([], []);
    net.check();
    net.write(0, &[(2, Some(8))]);
    net.nodes[0].collect();
    assert_eq!(net.nodes[0].folded(), 1);
    net.write(1, &[(3, Some(9))]);

    net.nodes[0].set_members([gone], []);
    net.come_back(1);
    net.settle();

    for (key, value) in [(1, 8), (2, 8), (3, 9)] {
        assert!(
            net.nodes
                .iter()
                .all(|node| node.map().get(&key) == Some(&Bulky(value)))
        );
    }
}

/// A member is down while many keys come and go; once it has seen them the memory is given back.
#[test]
fn a_flood_of_removes_leaves_no_memory_behind() {
    const KEYS: u32 = 20_000;
    let mut nodes = [1, 2].map(|id| Replica::<u32, u8>::new(ReplicaId(id), SyncConfig::default()));
    let [one, two] = [1, 2].map(ReplicaId);
    nodes[0].set_members([two], []);
    for key in 0..KEYS {
        nodes[0].write(1, |unit| unit.put(key, 1)).1.unwrap();
        nodes[0].write(1, |unit| unit.remove(&key));
        while nodes[0].poll_change().is_some() {}
    }
    assert_eq!(nodes[0].map().retained(), KEYS as usize);
    let reserved = nodes[0].map.reserved();
    assert!(reserved >= KEYS as usize);

    nodes[0].add_peer(two);
    nodes[1].add_peer(one);
    for _ in 0..40 {
        nodes[0].sync_with(two);
        nodes[1].sync_with(one);
        loop {
            let mut is_quiet = true;
            for (from, to) in [(0, 1), (1, 0)] {
                while let Some((_, message)) = nodes[from].poll_message() {
                    let id = nodes[from].id();
                    nodes[to].handle(id, message).unwrap();
                    is_quiet = false;
                }
                while nodes[from].poll_change().is_some() {}
            }
            if is_quiet {
                break;
            }
        }
    }

    for node in &nodes {
        assert_eq!(node.map().retained(), 0);
        let reserved = node.map.reserved();
        assert!(reserved < 10_000, "room for {reserved}");
    }
}
