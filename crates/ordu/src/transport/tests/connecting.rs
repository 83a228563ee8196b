use std::collections::BTreeSet;
use std::time::Duration;

use super::Node;
use super::node::Pair;
use crate::cluster_key::ClusterKey;
use crate::transport::error::Refusal;
use crate::transport::{Channel, DialError, Event, HandshakeError, Limits, ListenError, Transport};

async fn dial_error(node: &mut Node) -> DialError {
    node.expect("a failed dial", |event| match event {
        Event::DialFailed { error, .. } => Some(error.clone()),
        _ => None,
    })
    .await
}

async fn refusal(node: &mut Node) -> Refusal {
    node.expect("a refused stranger", |event| match event {
        Event::StrangerRefused { what, .. } => Some(what.clone()),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn two_nodes_of_one_cluster_learn_who_the_other_is_and_who_dialled() {
    let key = ClusterKey::generate().unwrap();
    let mut one = Node::start(&key, 1);
    let mut two = Node::start(&key, u128::MAX);
    let attempt = one.dial(two.addr());

    let at_one = one.expect_connected().await;
    let at_two = two.expect_connected().await;

    assert_eq!(
        (at_one.peer, at_one.dialled, at_one.peer_addr),
        (u128::MAX, Some(attempt), two.addr())
    );
    assert_eq!(
        (at_two.peer, at_two.dialled, at_two.peer_addr),
        (1, None, one.addr())
    );
}

#[tokio::test]
async fn a_renewed_key_is_that_of_connections_to_come_and_those_that_stand_stay() {
    let (old, new) = (ClusterKey::generate().unwrap(), ClusterKey::generate().unwrap());
    let mut one = Node::start(&old, 1);
    let mut two = Node::start(&old, 2);
    let mut three = Node::start(&new, 3);
    one.dial(two.addr());
    let standing = one.expect_connected().await.conn;
    two.expect_connected().await;
    three.dial(one.addr());
    dial_error(&mut three).await;

    let both = ClusterKey::parse(&(new.to_text() + &old.to_text())).unwrap();
    one.transport
        .renew(&both.credentials("test", 1).unwrap())
        .unwrap();

    three.dial(one.addr());
    assert_eq!(three.expect_connected().await.peer, 1);
    one.send(standing, Channel::Control, b"still here");
    assert_eq!(
        two.expect_frames(Channel::Control, 1).await,
        [b"still here".to_vec()]
    );
}

#[tokio::test]
async fn simultaneous_dials_give_two_connections_and_each_side_knows_which_it_dialled() {
    let key = ClusterKey::generate().unwrap();
    let mut one = Node::start(&key, 1);
    let mut two = Node::start(&key, 2);
    let by_one = one.dial(two.addr());
    let by_two = two.dial(one.addr());

    let at_one = [one.expect_connected().await, one.expect_connected().await];
    let at_two = [two.expect_connected().await, two.expect_connected().await];

    let dialled = |at: &[super::node::Connected]| at.iter().map(|c| c.dialled).collect::<BTreeSet<_>>();
    assert_eq!(dialled(&at_one), BTreeSet::from([None, Some(by_one)]));
    assert_eq!(dialled(&at_two), BTreeSet::from([None, Some(by_two)]));
    assert_ne!(at_one[0].conn, at_one[1].conn);
}

#[tokio::test]
async fn nodes_of_two_clusters_are_both_told_which_clusters_met() {
    let (key, other_key) = (ClusterKey::generate().unwrap(), ClusterKey::generate().unwrap());
    let mut one = Node::start(&key, 1);
    let mut stranger = Node::start(&other_key, 2);
    let ours = key.fingerprint("test").unwrap();
    let theirs = other_key.fingerprint("test").unwrap();
    one.dial(stranger.addr());

    let dialler = dial_error(&mut one).await;
    let dialled = refusal(&mut stranger).await;

    let expected = format!("peer is of cluster {theirs}, this node of {ours}");
    assert!(dialler.to_string().starts_with(&expected), "{dialler}");
    let expected = format!("peer is of cluster {ours}, this node of {theirs}");
    assert!(dialled.to_string().starts_with(&expected), "{dialled}");
}

#[tokio::test]
async fn a_dialler_that_only_the_dialled_side_refuses_never_believes_itself_connected() {
    // The dialler knows both keys and accepts the certificate it is shown; the other knows one of them.
    let old = ClusterKey::generate().unwrap();
    let new = ClusterKey::generate().unwrap();
    let both = ClusterKey::parse(&format!("{}{}", new.to_text(), old.to_text())).unwrap();
    let mut dialler = Node::start(&both, 1);
    let mut dialled = Node::start(&old, 2);
    dialler.dial(dialled.addr());

    let error = dial_error(&mut dialler).await;
    let refusal = refusal(&mut dialled).await;

    assert!(
        matches!(error, DialError::Handshake(HandshakeError::OtherCluster(_))),
        "{error}"
    );
    let new = new.fingerprint("test").unwrap();
    assert!(
        refusal.to_string().contains(&format!("peer is of cluster {new}")),
        "{refusal}"
    );
    assert!(!dialler.has_seen(|event| matches!(event, Event::Connected { .. })));
}

#[tokio::test]
async fn nodes_that_hold_two_keys_in_either_order_connect_both_ways() {
    let (a, b) = (ClusterKey::generate().unwrap(), ClusterKey::generate().unwrap());
    let a_first = ClusterKey::parse(&format!("{}{}", a.to_text(), b.to_text())).unwrap();
    let b_first = ClusterKey::parse(&format!("{}{}", b.to_text(), a.to_text())).unwrap();
    let mut one = Node::start(&a_first, 1);
    let mut two = Node::start(&b_first, 2);
    one.dial(two.addr());
    two.dial(one.addr());

    for _ in 0..2 {
        assert_eq!(one.expect_connected().await.peer, 2);
        assert_eq!(two.expect_connected().await.peer, 1);
    }
}

#[tokio::test]
async fn one_key_under_two_cluster_names_is_two_clusters() {
    let key = ClusterKey::generate().unwrap();
    let mut one = Node::start(&key, 1);
    let other = key.credentials("another", 2).unwrap();
    let other = Transport::listen("127.0.0.1:0".parse().unwrap(), &other, Limits::default()).unwrap();
    one.dial(other.local_addr());

    let error = dial_error(&mut one).await;
    assert!(
        matches!(error, DialError::Handshake(HandshakeError::OtherCluster(_))),
        "{error}"
    );
}

#[tokio::test]
async fn a_dial_to_an_address_nobody_listens_on_ends_with_its_timeout() {
    let key = ClusterKey::generate().unwrap();
    let mut one = Node::start(&key, 1);
    let free = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    one.dial_for(free.local_addr().unwrap(), Duration::from_millis(100));

    assert_eq!(dial_error(&mut one).await, DialError::Timeout);
}

#[tokio::test]
async fn a_node_that_dials_itself_is_told_so_and_gets_no_connection() {
    let key = ClusterKey::generate().unwrap();
    let mut one = Node::start(&key, 1);
    one.dial(one.addr());

    assert_eq!(dial_error(&mut one).await, DialError::Itself);
    assert!(!one.has_seen(|event| matches!(event, Event::Connected { .. })));
}

#[tokio::test]
async fn a_node_that_meets_its_own_id_elsewhere_is_told_of_its_twin() {
    let key = ClusterKey::generate().unwrap();
    let mut one = Node::start(&key, 1);
    let twin = Node::start(&key, 1);
    one.dial(twin.addr());

    assert_eq!(dial_error(&mut one).await, DialError::Twin);
}

#[tokio::test]
async fn port_zero_gives_one_port_for_both_protocols_and_a_taken_port_is_an_error() {
    let key = ClusterKey::generate().unwrap();
    let one = Node::start(&key, 1);
    assert_ne!(one.addr().port(), 0);
    tokio::net::TcpStream::connect(one.addr()).await.unwrap();

    let credentials = key.credentials("test", 2).unwrap();
    let error = Transport::listen(one.addr(), &credentials, Limits::default()).unwrap_err();
    assert!(matches!(error, ListenError::Bind { .. }), "{error}");
    assert!(error.to_string().contains(&one.addr().to_string()), "{error}");
}

#[tokio::test]
async fn a_graceful_shutdown_tells_peers_why() {
    let Pair {
        mut one, two, to_two, ..
    } = Pair::connect().await;
    one.send(to_two, Channel::Control, b"last words are not waited for");
    two.transport.shutdown("leaving").await;

    let reason = one
        .expect("the end", |event| match event {
            Event::Closed { reason, .. } => Some(reason.to_string()),
            _ => None,
        })
        .await;
    assert_eq!(reason, "closed by the peer: leaving");
    assert!(!one.has_seen(|event| matches!(event, Event::LifelineClosed { .. })));
}
