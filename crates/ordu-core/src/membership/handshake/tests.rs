use alloc::vec::Vec;
use core::time::Duration;

use crate::in_tests::{ME, conn_of, meet, ready_node, remove, sent_to};
use crate::membership::Identity;
use crate::node::Node;
use crate::wire::{Hello, Message, PROTOCOL, Refusal};
use crate::{Channel, ConnId, DialId, Input, NodeId, Now, Output};

const PEER: NodeId = NodeId(9);
const CONN: ConnId = ConnId(9);
const OF_A_CLONE: ConnId = ConnId(10);

fn hello(node: &Node) -> Hello {
    let identity = Identity {
        id: PEER,
        seniority: PEER,
        generation: 0,
        name: "n9".parse().unwrap(),
        addr: "127.0.0.1:9".parse().unwrap(),
    };
    Hello {
        dial: None,
        protocol: PROTOCOL,
        identity,
        was_admitted: false,
        listed: None,
        wall: node.now.wall,
        hlc: node.replica.hlc(),
    }
}

fn dialled(node: &mut Node) {
    let addr = "127.0.0.1:9".parse().unwrap();
    node.connected(CONN, PEER, addr, None, Duration::ZERO);
}

#[test]
fn a_refused_connection_is_not_welcomed_by_a_greeting_that_comes_after() {
    let mut node = ready_node();
    dialled(&mut node);
    let foreign = Hello {
        dial: None,
        protocol: PROTOCOL + 1,
        ..hello(&node)
    };
    node.greeted(CONN, foreign);
    let sent = sent_to(&mut node, PEER);
    assert!(
        matches!(sent.last(), Some(Message::Refused(Refusal::Other { .. }))),
        "{sent:?}"
    );
    let greeting = hello(&node);
    node.greeted(CONN, greeting);
    assert_eq!(node.links.used(PEER), None);
    assert!(!node.roster.is_alive(PEER));
    assert!(node.poll_output().is_none(), "it was told once");
}

#[test]
fn a_node_that_has_ended_is_told_so_before_it_hears_of_anything_else_and_hands_over() {
    let mut node = ready_node();
    remove(&mut node, PEER, ME);
    dialled(&mut node);
    let evidence = node.roster.removals.evidence(PEER);
    let sent = sent_to(&mut node, PEER);
    assert_eq!(sent[0], Message::HandOver(evidence));
    assert!(matches!(sent[1], Message::Hello(_)));
    let greeting = hello(&node);
    node.greeted(CONN, greeting);
    node.members_refresh();
    assert!(node.replicating.contains(&PEER), "what only it has is taken");
    assert!(!node.roster.is_alive(PEER), "and nothing else comes of it");
}

#[test]
fn a_connected_node_that_is_removed_is_told_so_once() {
    let mut node = ready_node();
    meet(&mut node, PEER);
    node.members_refresh();
    sent_to(&mut node, PEER);
    remove(&mut node, PEER, ME);
    node.members_refresh();
    node.members_changed = true;
    node.members_refresh();
    let sent = sent_to(&mut node, PEER);
    let told = |message: &&Message| matches!(message, Message::HandOver(_));
    assert_eq!(sent.iter().filter(told).count(), 1);
}

#[test]
fn who_is_not_ready_itself_tells_nobody_that_it_has_ended() {
    let mut node = ready_node();
    remove(&mut node, PEER, NodeId(2));
    node.was_declared_down();
    node.members_refresh();
    dialled(&mut node);
    let sent = sent_to(&mut node, PEER);
    assert!(matches!(sent[..], [Message::Hello(_)]), "{sent:?}");
}

/// Another boot of the peer's name that had a higher id, since the machine's clock has been set back, and is down.
fn earlier_boot_with_a_higher_id(node: &Node) -> Identity {
    Identity {
        id: NodeId(90),
        seniority: NodeId(90),
        generation: 3,
        ..hello(node).identity
    }
}

fn is_told_to_outrank(sent: &[Message]) -> usize {
    let told = Message::Outrank {
        seniority: NodeId(90),
        generation: 3,
    };
    sent.iter().filter(|message| **message == told).count()
}

#[test]
fn a_peer_hears_of_a_boot_of_its_name_that_only_the_failure_detector_remembers() {
    let mut node = ready_node();
    let before = earlier_boot_with_a_higher_id(&node);
    node.swim.note_down(before, node.now.mono);
    dialled(&mut node);
    let greeting = hello(&node);
    node.greeted(CONN, greeting);
    assert_eq!(is_told_to_outrank(&sent_to(&mut node, PEER)), 1);
}

/// The peer waits here until the holder of its name is known to be dead, and says it once.
#[test]
fn a_node_takes_a_rank_above_an_earlier_boot_from_a_peer_that_is_not_let_in_yet() {
    let mut node = ready_node();
    dialled(&mut node);
    let told = Message::Outrank {
        seniority: NodeId(90),
        generation: 3,
    };
    let received = Input::Received {
        conn: CONN,
        channel: Channel::Control,
        bytes: told.encode(),
    };
    node.handle(node.now, received);
    assert!(node.swim.identity().rank() > (NodeId(90), 3));
}

#[test]
fn a_peer_hears_once_of_a_boot_of_its_name_that_others_told_of_later() {
    let mut node = ready_node();
    meet(&mut node, PEER);
    sent_to(&mut node, PEER);
    let before = earlier_boot_with_a_higher_id(&node);
    node.swim.note_down(before, node.now.mono);
    node.handle(node.now, Input::Timer);
    sent_to(&mut node, PEER);
    let mut packet = || {
        let packet = Input::Datagram {
            conn: conn_of(PEER),
            bytes: [0].into(),
        };
        node.handle(node.now, packet);
        is_told_to_outrank(&sent_to(&mut node, PEER))
    };
    assert_eq!([packet(), packet()], [1, 0], "it goes on saying that it is alive");
}

/// The peer dialled a connection, on which it goes on; the other one, which this node prefers, it does not know: a clone of it,
/// that is dead, greeted there.
fn preferring_one_that_a_clone_greeted_on() -> Node {
    let mut node = ready_node();
    dialled(&mut node);
    let greeting = hello(&node);
    node.greeted(CONN, greeting.clone());
    let (addr, dial) = ("127.0.0.1:8".parse().unwrap(), Some(DialId(1)));
    node.connected(OF_A_CLONE, PEER, addr, dial, Duration::ZERO);
    node.greeted(OF_A_CLONE, greeting);
    assert_eq!(node.links.used(PEER), Some(OF_A_CLONE));
    node
}

/// So many milliseconds later the peer says something on the connection that it goes on with. Whether the other was closed.
fn goes_on(node: &mut Node, millis: u64) -> bool {
    let now = Now {
        mono: node.now.mono + Duration::from_millis(millis),
        ..node.now
    };
    let packet = Input::Datagram {
        conn: CONN,
        bytes: [0].into(),
    };
    node.handle(now, packet);
    let outputs = core::iter::from_fn(|| node.poll_output());
    let closed = outputs.filter(|output| matches!(output, Output::Close { conn, .. } if *conn == OF_A_CLONE));
    closed.count() > 0
}

#[test]
fn a_connection_that_the_peer_does_not_know_gives_way_to_the_one_that_the_peer_goes_on_with() {
    let mut node = preferring_one_that_a_clone_greeted_on();
    let closed: Vec<bool> = (0..8).map(|_| goes_on(&mut node, 1_000)).collect();
    assert_eq!(closed.iter().position(|closed| *closed), Some(5), "{closed:?}");
    node.disconnected(OF_A_CLONE);
    assert_eq!(node.links.used(PEER), Some(CONN));
    let closed: Vec<bool> = (0..8).map(|_| goes_on(&mut node, 1_000)).collect();
    assert!(!closed.contains(&true), "both use the same now: {closed:?}");
}

#[test]
fn what_came_while_a_node_stood_still_closes_no_connection() {
    let mut node = preferring_one_that_a_clone_greeted_on();
    assert!(!goes_on(&mut node, 10_000));
    assert!(!goes_on(&mut node, 1));
}

#[test]
fn what_may_be_lost_on_a_connection_that_gave_way_is_asked_for_again() {
    for has_arrived in [false, true] {
        let mut node = preferring_one_that_a_clone_greeted_on();
        let outputs: Vec<_> = core::iter::from_fn(|| node.poll_output()).collect();
        let last = outputs.iter().rev().find_map(|output| match output {
            Output::Send {
                conn: CONN, bytes, ..
            } => Message::decode(bytes).ok(),
            _ => None,
        });
        let Some(Message::Ping(nonce)) = last else {
            panic!("the last thing sent on it is {last:?}");
        };
        if has_arrived {
            node.message(PEER, Message::Pong(nonce), Some(OF_A_CLONE));
        }
        node.now.mono = node.now.mono + Duration::from_secs(2);
        node.replicating.insert(PEER);
        node.disconnected(CONN);
        assert_eq!(node.replicating.contains(&PEER), has_arrived);
        let told = sent_to(&mut node, PEER);
        assert_eq!(told.contains(&Message::Lost), !has_arrived, "{told:?}");
    }
}
