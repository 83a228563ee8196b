//! What all peers together can cost, be they slow or hostile: no more than is allowed for all of them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;

use super::node::Node;
use super::raw_peer::RawPeer;
use crate::cluster_key::ClusterKey;
use crate::transport::error::ClosedReason;
use crate::transport::{Channel, Event, Limits};

#[tokio::test]
async fn what_all_peers_together_send_waits_in_bounded_memory_and_all_of_it_arrives() {
    const ROOM: usize = 200_000;
    let key = ClusterKey::generate().unwrap();
    let limits = Limits {
        all_receive_queues: ROOM,
        ..Limits::default()
    };
    let mut node = Node::start_with(&key, 1, limits);
    let mut peers = Vec::new();
    for id in 2..6 {
        let mut peer = Node::start(&key, id);
        peer.dial(node.addr());
        let conn = peer.expect_connected().await.conn;
        for _ in 0..40 {
            peer.send(conn, Channel::Bulk, &[7; 10_000]);
        }
        peers.push(peer);
    }
    for _ in &peers {
        node.expect_connected().await;
    }
    // Nobody takes what comes now, until there is no room for another frame.
    let room = Arc::clone(&node.transport.shared.frame_room);
    let full = async {
        while room.available_permits() >= 10_000 && node.transport.notes.ordered.len() < 160 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), full)
        .await
        .expect("the room is never full");
    let waiting = node.transport.notes.ordered.len();
    assert!(waiting * 10_000 <= ROOM, "{waiting} frames wait");
    assert_eq!(node.expect_frames(Channel::Bulk, 160).await.len(), 160);
}

#[tokio::test]
async fn datagrams_of_all_peers_together_that_the_loop_does_not_take_are_dropped_beyond_their_bound() {
    const ROOM: usize = 100_000;
    let key = ClusterKey::generate().unwrap();
    let limits = Limits {
        all_datagrams: ROOM,
        ..Limits::default()
    };
    let node = Node::start_with(&key, 1, limits);
    let mut peers = Vec::new();
    for _ in 0..2 {
        let peer = RawPeer::connect(&key, node.addr()).await;
        let control = peer.send_on_new_stream(&[1, 0, 0, 0, 1, 42]).await;
        for _ in 0..400 {
            let datagram = Bytes::from_static(&[0; 1000]);
            peer.connection.send_datagram_wait(datagram).await.unwrap();
        }
        let bulk = peer.send_on_new_stream(&[2, 0, 0, 0, 1, 43]).await;
        peers.push((peer, control, bulk));
    }
    // What was sent after them is there.
    let sent = async {
        while node.transport.notes.ordered.len() < 4 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), sent)
        .await
        .expect("the frames never come");
    // Beside them it is told of the two connections.
    let waiting = node.transport.notes.urgent.len() - 2;
    assert!(waiting * 1_000 <= ROOM, "{waiting} datagrams wait");
    assert!(waiting > 0, "none was kept");
}

/// A peer that has sent a megabyte on a connection whose node takes a frame or two of it, if it may send that much
/// without them.
async fn under_way(key: &ClusterKey, node: &mut Node, patience: Duration) -> Option<RawPeer> {
    let peer = RawPeer::connect(key, node.addr()).await;
    node.expect_connected().await;
    let mut stream = peer.send_on_new_stream(&[2]).await;
    let mut frame = vec![0, 0, 0x27, 0x10];
    frame.resize(4 + 10_000, 7);
    let sent = tokio::time::timeout(patience, stream.write_all(&frame.repeat(100))).await;
    sent.ok().map(|sent| {
        sent.unwrap();
        peer
    })
}

#[tokio::test]
async fn no_peer_has_more_under_way_than_its_share_from_its_first_byte_on() {
    let key = ClusterKey::generate().unwrap();
    for (all_windows, others) in [(0, 0), (1024 * 1024, 7)] {
        let limits = Limits {
            receive_queue: 0,
            all_windows,
            ..Limits::default()
        };
        let mut node = Node::start_with(&key, 1, limits);
        let mut idle = Vec::new();
        for _ in 0..others {
            idle.push(RawPeer::connect(&key, node.addr()).await);
            node.expect_connected().await;
        }
        let sent = under_way(&key, &mut node, Duration::from_millis(500)).await;
        assert!(sent.is_none(), "beside {others} others all of it is under way");
    }
}

#[tokio::test]
async fn a_peer_among_few_has_a_whole_window() {
    let key = ClusterKey::generate().unwrap();
    let limits = Limits {
        receive_queue: 0,
        ..Limits::default()
    };
    let mut node = Node::start_with(&key, 1, limits);
    let sent = under_way(&key, &mut node, Duration::from_secs(20)).await;
    assert!(sent.is_some(), "it may send no more than the least");
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_closed_before_all_queues_take_too_much_and_the_others_stay() {
    let key = ClusterKey::generate().unwrap();
    let limits = Limits {
        all_send_queues: 1_000_000,
        ..Limits::default()
    };
    let mut node = Node::start_with(&key, 1, limits);
    let mut good = Node::start(&key, 2);
    good.dial(node.addr());
    good.expect_connected().await;
    let to_good = node.expect_connected().await.conn;
    // Its QUIC takes what fits its windows; nobody reads it.
    let bad = RawPeer::connect(&key, node.addr()).await;
    let to_bad = node.expect_connected().await.conn;

    let mut sent = 0;
    let limit = loop {
        node.send(to_bad, Channel::Bulk, &vec![7; 50_000]);
        node.send(to_good, Channel::Control, b"beside it");
        sent += 1;
        let most = node.transport.shared.queued.load(Ordering::Relaxed);
        assert!(most < 1_200_000, "{most} bytes wait");
        tokio::task::yield_now().await;
        let closed = tokio::time::timeout(
            Duration::from_millis(1),
            node.expect("the end of the bad one", |event| match event {
                Event::Closed { conn, reason } if *conn == to_bad => Some(reason.clone()),
                _ => None,
            }),
        );
        match closed.await {
            Ok(ClosedReason::AllQueuesFull { limit }) => break limit,
            Ok(other) => panic!("closed for another reason: {other}"),
            Err(_) => assert!(sent < 1_000, "it is never closed"),
        }
    };
    assert_eq!(limit, 1_000_000);
    drop(bad);
    assert_eq!(good.expect_frames(Channel::Control, sent).await.len(), sent);
}
