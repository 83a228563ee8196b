use core::time::Duration;

use crate::in_tests::{conn_of, meet, ready_node, sent_to};
use crate::membership::Identity;
use crate::node::Node;
use crate::wire::{Hello, Message, PROTOCOL, Refusal};
use crate::{ConnId, NodeId, Output};

const PEER: NodeId = NodeId(9);
const CONN: ConnId = ConnId(9);

fn dialled_by_one_that_was_removed() -> Node {
    let mut node = ready_node();
    node.roster.set_removed(PEER, true, node.now.mono);
    let addr = "127.0.0.1:9".parse().unwrap();
    node.connected(CONN, PEER, addr, None, Duration::ZERO);
    node
}

#[test]
fn a_refused_connection_is_not_welcomed_by_a_greeting_that_comes_after() {
    let mut node = dialled_by_one_that_was_removed();
    assert_eq!(sent_to(&mut node, PEER), [Message::Refused(Refusal::Removed)]);
    let identity = Identity {
        id: PEER,
        seniority: PEER,
        generation: 0,
        name: "n9".parse().unwrap(),
        addr: "127.0.0.1:9".parse().unwrap(),
    };
    let hello = Hello {
        protocol: PROTOCOL,
        identity,
        wall: node.now.wall,
        hlc: node.replica.hlc(),
    };
    node.greeted(CONN, hello);
    assert_eq!(node.links.used(PEER), None);
    assert!(!node.roster.is_alive(PEER));
    assert!(node.poll_output().is_none(), "it was told once");
}

#[test]
fn a_connected_node_that_is_removed_is_told_so_and_parted_with() {
    let mut node = ready_node();
    meet(&mut node, PEER);
    node.roster.set_removed(PEER, true, node.now.mono);
    node.members_changed = true;
    node.members_refresh();
    let (mut told, mut closed) = (0, 0);
    while let Some(output) = node.poll_output() {
        match output {
            Output::Send { conn, bytes, .. } if conn == conn_of(PEER) => {
                told += usize::from(Message::decode(&bytes) == Ok(Message::Refused(Refusal::Removed)));
            }
            Output::Close { conn, .. } => closed += usize::from(conn == conn_of(PEER)),
            _ => {}
        }
    }
    assert_eq!((told, closed), (1, 1));
}
