//! Removes and contexts are forgotten once everybody knows, and nothing returns.

use super::net::{Bulky, Net, SMALL_FRAMES};

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
