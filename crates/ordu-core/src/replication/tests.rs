use alloc::vec::Vec;

use ordu_crdt::Message as SyncMessage;

use crate::in_tests::{ME, child_decided_by, claimed, exchange, ready_node, replica_of, settle};
use crate::membership::Standing;
use crate::node::Node;
use crate::registers::{Claim, ClaimState, Key, Member, Status, Value};
use crate::{Config, Event, Input, NodeId, Now, Output, Time, Token, WallTime};

const PEER: NodeId = NodeId(7);

/// A node that exchanges its map with one peer.
fn node() -> Node {
    let mut node = Node::new(Config::plain(), NodeId(1), 1);
    let now = Now {
        mono: Time(1),
        wall: WallTime(1_000_000),
    };
    node.handle(now, Input::Timer);
    node.replica.add_peer(PEER.replica());
    node.replicating.insert(PEER);
    while node.poll_output().is_some() {}
    node
}

fn events(node: &mut Node) -> Vec<Event> {
    core::iter::from_fn(|| node.poll_output())
        .filter_map(|output| match output {
            Output::Event(event) => Some(event),
            _ => None,
        })
        .collect()
}

/// The peer asks whether it holds the same.
fn probe(node: &mut Node, fingerprint: u64) {
    let digest = node.state_digest().unwrap().vector;
    let probe = SyncMessage::Probe {
        round: 1,
        digest,
        fingerprint,
    };
    node.sync_received(PEER, probe).unwrap();
}

#[test]
fn a_peer_that_holds_another_state_under_an_equal_vector_raises_an_alarm_each_time() {
    let mut node = node();
    let here = node.state_digest().unwrap();
    for times in [1, 2] {
        probe(&mut node, !here.fingerprint);
        let name = node.name_of(PEER);
        let alarm = Event::AuditFailed {
            peer: PEER,
            name,
            times,
        };
        assert_eq!(events(&mut node), [alarm]);
    }
}

#[test]
fn a_peer_that_holds_the_same_raises_none() {
    let mut node = node();
    let here = node.state_digest().unwrap();
    probe(&mut node, here.fingerprint);
    assert_eq!(events(&mut node), []);
}

#[test]
fn what_is_written_changes_both_numbers_of_the_digest() {
    let mut node = node();
    let before = node.state_digest().unwrap();
    node.write_member(Status::Draining);
    let after = node.state_digest().unwrap();
    assert_ne!(before.vector, after.vector);
    assert_ne!(before.fingerprint, after.fingerprint);
}

#[test]
fn a_peer_that_was_a_newcomer_too_is_asked_again_once_it_is_ready() {
    let mut node = node();
    node.standing = Standing::Joining { since: Time(1) };
    let says = |node: &mut Node, status| {
        let member = Value::encode(&Member::of(&node.config, status));
        node.write([(Key::Member(PEER), Some(member))]);
    };
    says(&mut node, Status::Joining);
    let tells_nothing = |node: &mut Node, round| {
        let message = SyncMessage::UpToDate { round };
        node.sync_received(PEER, message).unwrap();
    };
    node.replica.sync_with(PEER.replica());
    tells_nothing(&mut node, 1);
    assert!(node.has_synced_with(PEER));
    says(&mut node, Status::Ready);
    assert!(!node.has_synced_with(PEER), "what it knew as a newcomer counts");
    tells_nothing(&mut node, 2);
    assert!(node.has_synced_with(PEER));
}

#[test]
fn of_two_claims_of_one_rank_the_one_that_was_written_last_counts_in_whatever_order_they_come() {
    for starting_comes_first in [true, false] {
        let mut node = ready_node();
        settle(&mut node);
        let key = child_decided_by(&node, ME);
        let (birth, owner) = (node.stamp(), NodeId(9));
        let claim = claimed(birth, Token { epoch: 5, owner });
        // Who took the owner for ended wrote anew what that had written first.
        let mut written = [(7, 1, ClaimState::Starting), (9, 2, ClaimState::Running)];
        if !starting_comes_first {
            written.reverse();
        }
        for (writer, at, state) in written {
            let mut replica = replica_of(NodeId(writer));
            let claim = Claim {
                state,
                ..claim.clone()
            };
            replica.write(at, |batch| {
                batch.put(Key::Claim(key.clone()), Value::encode(&claim)).unwrap();
            });
            exchange(&mut node, &mut replica);
            node.replicating.remove(&NodeId(writer));
            node.replica.remove_peer(replica.id());
        }
        let claims = &node.children.get(&key).unwrap().claims;
        assert_eq!(claims.siblings().len(), 2);
        assert_eq!(claims.winner().unwrap().state, ClaimState::Running);
    }
}
