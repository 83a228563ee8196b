//! What strangers and peers that break the rules can do: nothing.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use quinn::Endpoint;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

use super::node::{Node, Pair};
use super::raw_peer::RawPeer;
use crate::cluster_key::{ClusterKey, SERVER_NAME};
use crate::transport::error::{ClosedReason, Refusal};
use crate::transport::frame::MAX_FRAME;
use crate::transport::{Channel, Event, Limits, quic};

/// A generator of bytes that is the same on every run.
struct Noise(u64);

impl Noise {
    fn byte(&mut self) -> u8 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0.to_be_bytes()[0]
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.byte()).collect()
    }
}

async fn protocol_error(node: &mut Node) -> String {
    node.expect(
        "a connection closed for breaking the protocol",
        |event| match event {
            Event::Closed {
                reason: ClosedReason::Protocol(what),
                ..
            } => Some(what.clone()),
            _ => None,
        },
    )
    .await
}

async fn expect_works(node: &mut Node, key: &ClusterKey) {
    let mut peer = Node::start(key, 1000);
    peer.dial(node.addr());
    let conn = peer.expect_connected().await.conn;
    peer.send(conn, Channel::Control, b"still here");
    assert_eq!(node.expect_frames(Channel::Control, 1).await, [b"still here"]);
}

#[tokio::test]
async fn random_bytes_on_both_ports_crash_nothing() {
    let key = ClusterKey::generate().unwrap();
    let mut node = Node::start(&key, 1);
    let mut noise = Noise(1);
    let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for round in 0..2_000 {
        let len = 1 + usize::from(noise.byte()) * 6;
        let mut packet = noise.bytes(len);
        if round % 2 == 0 {
            // As the first packet of QUIC version 1 begins, so that more than its first byte is looked at.
            packet.splice(..1, [0xc3, 0, 0, 0, 1, 8]);
            packet.resize(1200, 0);
        }
        udp.send_to(&packet, node.addr()).await.unwrap();
    }
    for round in 0..40 {
        let mut tcp = TcpStream::connect(node.addr()).await.unwrap();
        // The node may have hung up on the first 32.
        let _ = tcp.write_all(&noise.bytes(round * 25)).await;
    }
    expect_works(&mut node, &key).await;
}

#[tokio::test]
async fn random_bytes_on_the_streams_of_a_peer_cost_it_its_connection_and_nothing_else() {
    let key = ClusterKey::generate().unwrap();
    let mut node = Node::start(&key, 1);
    let mut noise = Noise(2);
    for round in 0..50 {
        let peer = RawPeer::connect(&key, node.addr()).await;
        let mut bytes = noise.bytes(2000);
        if round % 2 == 0 {
            bytes[0] = 1;
            // More than any frame has, so that the end is certain.
            bytes[1] = 0xff;
        } else {
            bytes[0] = 3 + bytes[0] % 200;
        }
        let _stream = peer.send_on_new_stream(&bytes).await;
        protocol_error(&mut node).await;
    }
    expect_works(&mut node, &key).await;
}

#[tokio::test]
async fn a_frame_longer_than_the_limit_is_refused_at_its_length() {
    let key = ClusterKey::generate().unwrap();
    let mut node = Node::start(&key, 1);
    let peer = RawPeer::connect(&key, node.addr()).await;
    let announced = u32::try_from(MAX_FRAME + 1).unwrap();
    let mut bytes = vec![1];
    bytes.extend(announced.to_be_bytes());
    let _stream = peer.send_on_new_stream(&bytes).await;

    let what = protocol_error(&mut node).await;
    assert_eq!(
        what,
        format!("expected a frame of at most {MAX_FRAME} bytes, got one of {announced}")
    );
    let told = peer.connection.closed().await.to_string();
    assert!(told.contains("got one of 65537"), "{told}");
}

#[tokio::test]
async fn a_frame_longer_than_the_limit_is_not_sent() {
    let Pair { mut one, to_two, .. } = Pair::connect().await;
    one.send(to_two, Channel::Bulk, &vec![0; MAX_FRAME + 1]);

    let reason = one
        .expect("the end", |event| match event {
            Event::Closed {
                reason: ClosedReason::Local(reason),
                ..
            } => Some(reason.clone()),
            _ => None,
        })
        .await;
    assert!(
        reason.contains("a frame of 65537 bytes was to be sent"),
        "{reason}"
    );
}

#[tokio::test]
async fn a_second_stream_of_a_channel_breaks_the_protocol() {
    let key = ClusterKey::generate().unwrap();
    let mut node = Node::start(&key, 1);
    let peer = RawPeer::connect(&key, node.addr()).await;
    let _first = peer.send_on_new_stream(&[2]).await;
    let _second = peer.send_on_new_stream(&[2]).await;

    assert_eq!(protocol_error(&mut node).await, "a second stream of channel Bulk");
}

#[tokio::test]
async fn a_stream_that_ends_inside_a_frame_or_is_reset_breaks_the_protocol() {
    let key = ClusterKey::generate().unwrap();
    let mut node = Node::start(&key, 1);
    let peer = RawPeer::connect(&key, node.addr()).await;
    let mut stream = peer.send_on_new_stream(&[1, 0, 0, 0, 10, 1, 2, 3]).await;
    stream.finish().unwrap();
    assert_eq!(protocol_error(&mut node).await, "a stream ended inside a frame");

    let peer = RawPeer::connect(&key, node.addr()).await;
    let mut stream = peer.send_on_new_stream(&[1, 0, 0, 0, 10, 1, 2, 3]).await;
    node.expect_connected().await;
    stream.reset(quinn::VarInt::from_u32(7)).unwrap();
    let what = protocol_error(&mut node).await;
    // The reset may overtake the first byte.
    assert!(
        ["a stream was reset", "stream ended before it began"].contains(&what.as_str()),
        "{what}"
    );
}

#[tokio::test]
async fn a_flood_of_datagrams_that_the_loop_does_not_take_is_dropped_beyond_its_bound() {
    let key = ClusterKey::generate().unwrap();
    let mut node = Node::start(&key, 1);
    let peer = RawPeer::connect(&key, node.addr()).await;
    let _control = peer.send_on_new_stream(&[1, 0, 0, 0, 1, 42]).await;
    for _ in 0..4_000 {
        peer.connection
            .send_datagram_wait(Bytes::from_static(&[0; 1000]))
            .await
            .unwrap();
    }
    let _bulk = peer.send_on_new_stream(&[2, 0, 0, 0, 1, 43]).await;

    // What the loop has not taken is bounded on either side of QUIC; the rest of four megabytes is lost.
    node.expect_frames(Channel::Control, 1).await;
    node.expect_frames(Channel::Bulk, 1).await;
    let mut kept = 0;
    while node.has_seen(|event| matches!(event, Event::Datagram { .. })) {
        node.expect("a datagram", |event| {
            matches!(event, Event::Datagram { .. }).then_some(())
        })
        .await;
        kept += 1;
    }
    assert!(kept < 2_000, "{kept} of 4,000 were kept");
    expect_works(&mut node, &key).await;
}

#[tokio::test]
async fn a_tcp_stranger_is_read_for_its_proof_and_no_longer_than_the_timeout() {
    let key = ClusterKey::generate().unwrap();
    let limits = Limits {
        proof_timeout: Duration::from_millis(50),
        ..Limits::default()
    };
    let mut node = Node::start_with(&key, 1, limits);
    for (sent, got) in [(10, 10), (32, 32)] {
        let mut tcp = TcpStream::connect(node.addr()).await.unwrap();
        tcp.write_all(&vec![7; sent]).await.unwrap();
        // Hung up on without an answer.
        assert_eq!(tcp.read(&mut [0; 8]).await.unwrap_or(0), 0);

        let what = node
            .expect("a refused stranger", |event| match event {
                Event::StrangerRefused { what, .. } => Some(what.clone()),
                _ => None,
            })
            .await;
        assert_eq!(what, Refusal::Lifeline { got });
    }
}

#[tokio::test]
async fn tcp_strangers_beyond_the_bound_are_hung_up_on_at_once() {
    let key = ClusterKey::generate().unwrap();
    let limits = Limits {
        unproven_lifelines: 2,
        proof_timeout: Duration::from_mins(10),
        ..Limits::default()
    };
    let mut node = Node::start_with(&key, 1, limits);
    let mut silent = Vec::new();
    for _ in 0..2 {
        silent.push(TcpStream::connect(node.addr()).await.unwrap());
    }
    let mut third = TcpStream::connect(node.addr()).await.unwrap();
    assert_eq!(third.read(&mut [0; 8]).await.unwrap_or(0), 0);
    node.expect("a refused stranger", |event| {
        matches!(
            event,
            Event::StrangerRefused {
                what: Refusal::TooManyLifelines,
                ..
            }
        )
        .then_some(())
    })
    .await;
}

#[tokio::test]
async fn unfinished_handshakes_of_strangers_keep_a_peer_out_for_their_time_at_most() {
    let key = ClusterKey::generate().unwrap();
    let stranger = ClusterKey::generate().unwrap().credentials("test", 5).unwrap();
    let limits = Limits {
        handshakes: 4,
        handshake_timeout: Duration::from_millis(100),
        ..Limits::default()
    };
    let mut node = Node::start_with(&key, 1, limits);
    let first_packet = Arc::new(quic::client_config(&stranger).unwrap());
    // Each sends its first packet, and its runtime ends before it can send another.
    for _ in 0..8 {
        let (config, addr) = ((*first_packet).clone(), node.addr());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let endpoint = Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
                let connecting = endpoint.connect_with(config, addr, SERVER_NAME).unwrap();
                let _ = tokio::time::timeout(Duration::from_millis(1), connecting).await;
            });
        });
    }
    // As the core does: dial again and again. Those who came first may keep it out for their time, not longer.
    let mut peer = Node::start(&key, 2);
    peer.dial(node.addr());
    while peer.dial_ended().await.is_err() {
        peer.dial(node.addr());
    }
    assert_eq!(node.expect_connected().await.peer, 2);
}
