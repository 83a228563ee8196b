use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command as Program, Stdio};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::node::{Node, PATIENCE, Pair};
use super::raw_peer::RawPeer;
use crate::cluster_key::ClusterKey;
use crate::transport::lifeline::{ACK, BYE, proof_of};
use crate::transport::{Command, ConnId, Event, ProbeOutcome};

async fn lifeline_up(node: &mut Node) -> ConnId {
    node.expect("a lifeline", |event| match event {
        Event::LifelineUp { conn, .. } => Some(*conn),
        _ => None,
    })
    .await
}

async fn lifeline_closed(node: &mut Node) -> (ConnId, u128) {
    node.expect("a broken lifeline", |event| match event {
        Event::LifelineClosed { conn, peer, .. } => Some((*conn, *peer)),
        _ => None,
    })
    .await
}

/// Takes the next call and knows its connection.
async fn accept(listener: &TcpListener) -> TcpStream {
    let called = tokio::time::timeout(PATIENCE, listener.accept()).await;
    let (mut lifeline, _) = called.expect("nobody calls").unwrap();
    lifeline.read_exact(&mut [0; 32]).await.unwrap();
    lifeline.write_all(&[ACK]).await.unwrap();
    lifeline
}

async fn probe(node: &mut Node, addr: SocketAddr) -> ProbeOutcome {
    node.transport.execute(Command::Probe { probe: 7, addr });
    node.expect("the outcome of a probe", |event| match event {
        Event::ProbeResult { probe: 7, outcome } => Some(*outcome),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn each_connection_gets_a_lifeline_that_both_sides_know_of() {
    let Pair {
        mut one,
        mut two,
        to_two,
        to_one,
    } = Pair::connect().await;
    assert_eq!(lifeline_up(&mut one).await, to_two);
    assert_eq!(lifeline_up(&mut two).await, to_one);
}

#[tokio::test]
async fn a_listening_address_accepts_a_probe_and_tells_of_no_stranger() {
    let Pair { mut one, two, .. } = Pair::connect().await;
    assert_eq!(probe(&mut one, two.addr()).await, ProbeOutcome::Accepted);
    assert!(!two.has_seen(|event| matches!(event, Event::StrangerRefused { .. })));
}

/// Another process: it listens, says where, dials if told to, and lives until it is killed.
struct NodeProcess {
    child: Child,
    addr: SocketAddr,
}

const KEY: &str = "ORDU_TEST_CLUSTER_KEY";
const DIAL: &str = "ORDU_TEST_DIAL";
const LISTENING: &str = "listening on ";

impl NodeProcess {
    fn start(key: &ClusterKey, dial: Option<SocketAddr>) -> Self {
        let mut child = Program::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "transport::tests::lifelines::node_process",
                "--nocapture",
            ])
            .env(KEY, key.to_text())
            .env(DIAL, dial.map(|addr| addr.to_string()).unwrap_or_default())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let addr = lines
            .map(Result::unwrap)
            .find_map(|line| Some(line.split_once(LISTENING)?.1.parse().unwrap()))
            .expect("the process says where it listens");
        Self { child, addr }
    }
}

impl Drop for NodeProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The other process of the tests beside it; without their key in the environment it has nothing to do.
#[tokio::test]
async fn node_process() {
    let Ok(key) = std::env::var(KEY) else { return };
    let key = ClusterKey::parse(&key).unwrap();
    let mut node = Node::start(&key, 2);
    println!("\n{LISTENING}{}", node.addr());
    if let Ok(peer) = std::env::var(DIAL).unwrap().parse() {
        node.dial(peer);
    }
    loop {
        node.transport.next_event().await;
    }
}

async fn kill_and_notice(node: &mut Node, mut process: NodeProcess) {
    let conn = node.expect_connected().await.conn;
    assert_eq!(lifeline_up(node).await, conn);

    let killed = Instant::now();
    process.child.kill().unwrap();
    assert_eq!(lifeline_closed(node).await, (conn, 2));
    let noticed = killed.elapsed();
    process.child.wait().unwrap();
    assert_eq!(probe(node, process.addr).await, ProbeOutcome::Refused);
    println!(
        "killed: lifeline closed after {noticed:?}, refused after {:?}",
        killed.elapsed()
    );
    // A busy machine may take its time; silence alone would take ten minutes.
    assert!(noticed < Duration::from_secs(5), "{noticed:?}");
    assert!(!node.has_seen(|event| matches!(event, Event::Closed { .. })));
}

#[tokio::test]
async fn the_death_of_a_peer_that_was_dialled_is_noticed_at_once() {
    let key = ClusterKey::generate().unwrap();
    let mut node = Node::start(&key, 1);
    let process = NodeProcess::start(&key, None);
    node.dial(process.addr);
    kill_and_notice(&mut node, process).await;
}

#[tokio::test]
async fn the_death_of_a_peer_that_dialled_is_noticed_at_once() {
    let key = ClusterKey::generate().unwrap();
    let mut node = Node::start(&key, 1);
    let process = NodeProcess::start(&key, Some(node.addr()));
    kill_and_notice(&mut node, process).await;
}

#[tokio::test]
async fn a_lifeline_that_broke_can_be_raised_anew_while_its_connection_lives() {
    let key = ClusterKey::generate().unwrap();
    let mut node = Node::start(&key, 1);
    let peer = RawPeer::connect(&key, node.addr()).await;
    let conn = node.expect_connected().await.conn;
    for how_it_ends in [Ends::Closed, Ends::Nonsense, Ends::Replaced] {
        let mut lifeline = raise(&peer, node.addr()).await;
        assert_eq!(lifeline_up(&mut node).await, conn);
        match how_it_ends {
            Ends::Closed => drop(lifeline),
            Ends::Nonsense => lifeline.write_all(b"x").await.unwrap(),
            Ends::Replaced => {
                // The peer saw it break, this node did not: the newer one takes its place without alarm.
                let newer = raise(&peer, node.addr()).await;
                assert_eq!(lifeline_up(&mut node).await, conn);
                assert_eq!(lifeline.read(&mut [0; 8]).await.unwrap_or(0), 0);
                assert!(!node.has_seen(|event| matches!(event, Event::LifelineClosed { .. })));
                drop(newer);
            }
        }
        assert_eq!(lifeline_closed(&mut node).await, (conn, 99));
    }
    assert!(peer.connection.close_reason().is_none());
}

enum Ends {
    Closed,
    Nonsense,
    Replaced,
}

async fn raise(peer: &RawPeer, addr: SocketAddr) -> TcpStream {
    let mut lifeline = TcpStream::connect(addr).await.unwrap();
    lifeline
        .write_all(&proof_of(&peer.connection).unwrap())
        .await
        .unwrap();
    let mut answer = [0];
    lifeline.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, [ACK]);
    lifeline
}

#[tokio::test]
async fn a_good_bye_on_the_lifeline_closes_a_connection_whose_last_packet_was_lost() {
    let key = ClusterKey::generate().unwrap();
    let mut node = Node::start(&key, 1);
    let peer = RawPeer::connect(&key, node.addr()).await;
    node.expect_connected().await;
    let mut lifeline = raise(&peer, node.addr()).await;
    lifeline.write_all(&[BYE]).await.unwrap();

    let reason = node
        .expect("the end", |event| match event {
            Event::Closed { reason, .. } => Some(reason.to_string()),
            _ => None,
        })
        .await;
    assert_eq!(reason, "closed by the peer: said good-bye on its lifeline");
    assert!(!node.has_seen(|event| matches!(event, Event::LifelineClosed { .. })));
}

#[tokio::test]
async fn a_connection_lives_without_a_lifeline_and_its_lack_is_told_once() {
    let key = ClusterKey::generate().unwrap();
    let mut node = Node::start(&key, 1);
    let peer = RawPeer::listen(&key);
    node.dial(peer.addr());
    let _quic = peer.accept().await;
    let conn = node.expect_connected().await.conn;

    let failed = |event: &Event| match event {
        Event::LifelineFailed { conn, error, .. } => Some((*conn, error.clone())),
        _ => None,
    };
    let (of, error) = node.expect("a failed lifeline", failed).await;
    assert_eq!(of, conn);
    assert!(error.contains("refused"), "{error}");

    // Once somebody listens there the lifeline comes by itself.
    let listener = TcpListener::bind(peer.addr()).await.unwrap();
    let _lifeline = accept(&listener).await;
    assert_eq!(lifeline_up(&mut node).await, conn);
    assert!(!node.has_seen(|event| failed(event).is_some()));
}

#[tokio::test]
async fn who_does_not_know_a_connection_is_not_asked_for_its_lifeline_again_while_it_is_silent() {
    let key = ClusterKey::generate().unwrap();
    let mut node = Node::start(&key, 1);
    let peer = RawPeer::listen(&key);
    let listener = TcpListener::bind(peer.addr()).await.unwrap();
    node.dial(peer.addr());
    let (quic, _streams) = peer.accept().await;
    let conn = node.expect_connected().await.conn;
    // What belongs to the handshake may come on the way.
    let mut refused = 0;
    while let Ok(Ok((lifeline, _))) = tokio::time::timeout(Duration::from_secs(2), listener.accept()).await {
        drop(lifeline);
        refused += 1;
        assert!(refused < 4, "it is dialled again and again");
    }
    assert!(refused > 0);

    // The connection lives after all.
    quic.send_datagram(b"x".to_vec().into()).unwrap();
    let _lifeline = accept(&listener).await;
    assert_eq!(lifeline_up(&mut node).await, conn);
}
