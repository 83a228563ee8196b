//! Single stories of the protocol.

use std::vec::Vec;

use super::net::{Bulky, Net, Node, SMALL_FRAMES};
use crate::{Message, ReplicaId, Scope, SyncConfig, SyncError, planted::Bug};

/// A push to one peer lags behind; by the time it goes out, what it would bring was superseded by another.
pub(super) fn a_push_that_lags_behind_an_overwrite(bug: Option<Bug>) {
    let mut net = Net::with_bug(
        3,
        SyncConfig {
            window: 1,
            ..SMALL_FRAMES
        },
        bug,
    );
    net.round();
    // Both others are sent the first; the third gives no receipt yet, so it is not sent the second.
    net.write(0, &[(1, Some(1))]);
    net.deliver(0, 1, 0);
    net.deliver(1, 0, 0);
    net.write(0, &[(2, Some(2))]);
    net.deliver(0, 1, 0);
    net.write(1, &[(2, Some(3))]);
    net.deliver(1, 0, 0);
    net.deliver(1, 0, 0);
    net.check();
    // Now the third's receipt arrives, and the rest is pushed to it.
    net.deliver(0, 2, 0);
    net.deliver(2, 0, 0);
    net.check();
    net.deliver(0, 2, 0);
    net.check();
    net.settle();
}

#[test]
fn a_push_that_lags_behind_an_overwrite_is_complete() {
    a_push_that_lags_behind_an_overwrite(None);
}

#[test]
fn a_peer_that_never_answers_costs_a_bounded_number_of_messages() {
    let mut net = Net::with_bug(2, SMALL_FRAMES, None);
    net.round();
    let mut messages = 0;
    for turn in 0..500 {
        net.nodes[0].write(turn, |unit| unit.put(1, Bulky(1))).1.unwrap();
        while net.nodes[0].poll_message().is_some() {
            messages += 1;
        }
    }
    assert_eq!(messages, SMALL_FRAMES.window);
}

#[test]
fn a_replica_that_meets_its_own_future_is_told_to_end() {
    let mut net = Net::with_bug(2, SMALL_FRAMES, None);
    let own = net.nodes[0].id();
    let peer = net.nodes[1].id();
    let vector = [(own, 9)].into_iter().collect();
    let question = Message::Vector {
        round: 1,
        vector,
        rest: 0,
        ranges: Vec::new(),
    };
    let answer = net.nodes[0].handle(peer, question);
    assert!(matches!(
        answer,
        Err(SyncError::OwnIdElsewhere { written: 0, .. })
    ));
}

#[test]
fn messages_of_a_stranger_are_refused() {
    let mut net = Net::with_bug(2, SMALL_FRAMES, None);
    let stranger = ReplicaId(99);
    let answer = net.nodes[0].handle(stranger, Message::Match { round: 1 });
    assert_eq!(answer, Err(SyncError::UnknownPeer(stranger)));
}

#[test]
fn a_stuck_peer_holds_up_the_others_for_two_rounds_at_most() {
    let mut net = Net::with_bug(3, SMALL_FRAMES, None);
    net.write(2, &[(1, Some(1))]);
    // The first is asked and says nothing, ever.
    for _ in 0..3 {
        net.sync(0, 1);
        net.links.remove(&(0, 1));
        net.sync(0, 2);
        net.deliver(0, 2, 0);
        (0..3).for_each(|_| net.deliver(2, 0, 0));
    }
    assert!(net.nodes[0].map().contains_key(&1));
}

/// Found by the model: the sender of a full join took one itself, half-way through.
#[test]
fn a_full_join_through_a_replica_that_is_itself_joining_brings_nothing_back() {
    let mut net = Net::with_bug(
        3,
        SyncConfig {
            window: 1,
            ..SMALL_FRAMES
        },
        None,
    );
    net.write(1, &[(0, Some(0)), (1, Some(0))]);
    net.round();
    net.write(0, &[(0, Some(0)), (2, Some(0))]);
    net.drain();
    net.sync(0, 1);
    net.crash(2);
    net.sync(2, 0);
    net.deliver(2, 0, 0);
    net.leave(1);
    net.write(1, &[(2, None)]);
    net.settle();
}

/// Found by the model: a transfer of single operations was under way when its sender took a full join.
#[test]
fn a_transfer_that_a_full_join_overtakes_begins_anew() {
    let mut net = Net::with_bug(
        4,
        SyncConfig {
            window: 1,
            ..SMALL_FRAMES
        },
        None,
    );
    net.write(0, &[(2, Some(0))]);
    net.round();
    net.write(0, &[(0, Some(0)), (1, Some(0))]);
    net.leave(2);
    net.drain();
    net.write(3, &[(2, Some(0)), (1, Some(0))]);
    net.write(2, &[(2, None)]);
    net.leave(1);
    net.drain();
    net.come_back(2);
    net.write(1, &[(0, None)]);
    net.sync(0, 2);
    net.settle();
}

/// Memory failed: one replica lost an entry, another did not lose what was overwritten.
#[test]
fn states_that_differ_under_equal_vectors_are_found_and_repaired() {
    let mut net = Net::with_bug(3, SMALL_FRAMES, None);
    net.write(0, &[(1, Some(1)), (2, Some(2))]);
    net.write(1, &[(3, Some(3))]);
    net.round();
    net.check();
    let lost = net.nodes[2]
        .map
        .ops
        .iter()
        .find(|(_, op)| op.key == 2)
        .map(|(id, _)| id);
    net.nodes[2].map.forget(lost.unwrap());
    while net.nodes[2].poll_change().is_some() {}

    (0..2).for_each(|_| net.round());

    assert!(net.nodes.iter().any(|node| node.audits_failed() > 0));
    assert_eq!(net.nodes[2].map().get(&2), Some(&Bulky(2)));
    assert_eq!(net.nodes[2].map().fingerprint(), net.nodes[0].map().fingerprint());
    let failed: Vec<u64> = net.nodes.iter().map(Node::audits_failed).collect();
    net.round();
    assert_eq!(
        failed,
        net.nodes.iter().map(Node::audits_failed).collect::<Vec<_>>()
    );
}

#[test]
fn a_repair_of_many_frames_goes_on_while_both_sides_find_their_vectors_equal() {
    let mut net = Net::with_bug(2, SMALL_FRAMES, None);
    for key in 0..40 {
        net.write(0, &[(key, Some(1))]);
    }
    net.round();
    let lost = net.nodes[1].map.ops.iter().map(|(id, _)| id).next();
    net.nodes[1].map.forget(lost.unwrap());
    while net.nodes[1].poll_change().is_some() {}

    (0..3).for_each(|_| net.round());

    assert_eq!(net.nodes[1].map().fingerprint(), net.nodes[0].map().fingerprint());
    assert!(net.nodes.iter().all(|node| !node.is_catching_up()));
}

#[test]
fn a_peer_that_did_not_notice_that_it_was_added_again_is_pushed_to_at_once() {
    let mut net = Net::with_bug(2, SMALL_FRAMES, None);
    net.round();
    let peer = net.nodes[1].id();
    net.nodes[0].remove_peer(peer);
    net.write(1, &[(5, Some(5))]);
    net.drain();
    net.nodes[0].add_peer(peer);
    net.sync(0, 1);
    net.drain();
    net.write(0, &[(7, Some(7))]);
    net.drain();
    assert!(net.nodes[1].map().contains_key(&7));
}

#[test]
fn a_peer_that_was_added_again_is_pushed_to_at_once_though_removes_were_collected() {
    let mut net = Net::with_bug(2, SMALL_FRAMES, None);
    net.write(0, &[(1, Some(1))]);
    net.write(0, &[(1, None)]);
    for _ in 0..3 {
        net.round();
        net.check();
    }
    assert!(!net.nodes[0].floor().is_empty());
    let peer = net.nodes[1].id();
    net.nodes[0].remove_peer(peer);
    net.nodes[0].add_peer(peer);
    net.write(1, &[(5, Some(5))]);
    net.sync(0, 1);
    net.drain();
    net.write(0, &[(7, Some(7))]);
    net.drain();
    assert!(net.nodes[1].map().contains_key(&7));
}

/// It is not certain then that the peer covers what was collected of others: neither is it told, nor may it be taken for so.
#[test]
fn a_peer_that_was_equal_before_something_arrived_is_pushed_to_though_removes_were_collected() {
    let mut net = Net::with_bug(3, SMALL_FRAMES, None);
    net.write(2, &[(1, Some(1))]);
    net.write(2, &[(1, None)]);
    for _ in 0..3 {
        net.round();
        net.check();
    }
    assert!(!net.nodes[0].floor().is_empty());
    let peer = net.nodes[1].id();
    net.nodes[0].remove_peer(peer);
    net.nodes[0].add_peer(peer);
    net.sync(0, 1);
    net.deliver(0, 1, 0);
    net.write(2, &[(5, Some(5))]);
    net.deliver(2, 0, 0);
    assert!(net.nodes[0].map().contains_key(&5));
    net.deliver(1, 0, 0);
    net.drain();
    net.write(0, &[(7, Some(7))]);
    net.drain();
    assert!(net.nodes[1].map().contains_key(&7));
}

#[test]
fn a_caller_that_sees_no_progress_has_the_next_peer_asked_at_once() {
    let mut net = Net::with_bug(3, SMALL_FRAMES, None);
    net.write(2, &[(1, Some(1))]);
    net.sync(0, 1);
    net.links.remove(&(0, 1));
    net.sync(0, 2);
    let stuck = net.nodes[0].pull_progress();
    net.drain();
    assert!(stuck.is_some() && net.nodes[0].pull_progress() == stuck);
    assert!(!net.nodes[0].map().contains_key(&1));
    net.nodes[0].give_up_pull();
    net.drain();
    assert!(net.nodes[0].map().contains_key(&1));
}

#[test]
fn a_match_that_comes_after_a_newer_round_began_still_answers_the_request() {
    let mut net = Net::with_bug(2, SMALL_FRAMES, None);
    net.write(0, &[(1, Some(1))]);
    (0..2).for_each(|_| net.round());
    let peer = net.nodes[1].id();
    let node = &mut net.nodes[0];
    // The peer seems to differ, so it is asked for what is missing; before it answers, a round begins.
    let (round, digest, fingerprint) = (77, 1, 1);
    node.handle(
        peer,
        Message::Probe {
            round,
            digest,
            fingerprint,
        },
    )
    .unwrap();
    let Some((_, Message::Vector { round, .. })) = node.poll_message() else {
        panic!("a probe that differs is answered with a vector")
    };
    node.sync_with(peer);
    node.handle(peer, Message::Match { round }).unwrap();
    assert_eq!(node.pull_progress(), None);
}

/// Transfers of what was missing and pushes may travel on streams of their own, so a push could overtake the end of a
/// transfer and void it.
#[test]
fn a_push_waits_until_the_transfer_before_it_has_arrived() {
    let mut net = Net::with_bug(2, SMALL_FRAMES, None);
    for key in 0..4 {
        net.write(0, &[(key, Some(1))]);
    }
    net.sync(1, 0);
    net.deliver(1, 0, 0);
    assert!(net.links[&(0, 1)].len() > 1, "the transfer has several chunks");

    net.write(0, &[(9, Some(1))]);

    let is_push = |message: &Message<_, _>| matches!(message, Message::Chunk(chunk) if matches!(chunk.scope, Scope::Own { .. }));
    assert!(!net.links[&(0, 1)].iter().any(is_push));
    net.drain();
    assert_eq!(
        net.nodes[0].vector(),
        net.nodes[1].vector(),
        "and then it is sent"
    );
}

/// Another had its id, and gave the receipt (S1.6).
#[test]
fn what_a_peer_says_that_it_has_takes_the_place_of_what_was_acknowledged_in_its_name() {
    let mut net = Net::with_bug(2, SMALL_FRAMES, None);
    net.write(0, &[(1, Some(1))]);
    net.round();
    let (own, peer) = (net.nodes[0].id(), net.nodes[1].id());
    net.write(0, &[(2, Some(2))]);
    net.links.remove(&(0, 1));
    let (serial, held) = (u64::MAX, std::vec![(own, 2)]);
    net.nodes[0].handle(peer, Message::Ack { serial, held }).unwrap();
    net.write(0, &[(3, Some(3))]);
    net.drain();
    net.check();
    assert!(net.nodes[1].map().contains_key(&2) && net.nodes[1].map().contains_key(&3));
}

#[test]
fn a_newcomer_under_the_id_of_a_peer_is_sent_what_that_one_wrote_and_meets_its_own_id_by_that() {
    let mut net = Net::with_bug(2, SMALL_FRAMES, None);
    (0..2).for_each(|key| net.write(1, &[(key, Some(1))]));
    net.round();
    let (own, peer) = (net.nodes[0].id(), net.nodes[1].id());
    net.disconnect(1);
    net.write(0, &[(2, Some(2))]);
    let mut clone = Node::new(peer, SMALL_FRAMES);
    clone.write(1, |unit| unit.put(3, Bulky(3))).1.unwrap();
    clone.add_peer(own);
    clone.sync_with(own);
    net.nodes[0].add_peer(peer);
    let (_, question) = clone.poll_message().unwrap();
    net.nodes[0].handle(peer, question).unwrap();
    let answers: Vec<_> = core::iter::from_fn(|| net.nodes[0].poll_message()).collect();
    // What is sent on a stream of its own may come first.
    let sent = { answers.into_iter() }.filter(|(_, answer)| matches!(answer, Message::Chunk(_)));
    let mut outcomes = sent.map(|(_, chunk)| clone.handle(own, chunk));
    assert!(outcomes.any(|outcome| matches!(outcome, Err(SyncError::OwnIdElsewhere { .. }))));
}
