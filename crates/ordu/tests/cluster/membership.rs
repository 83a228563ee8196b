//! Who finds whom.

use std::time::Duration;

use ordu::cluster_key::ClusterKey;
use ordu::{Event, Events, Exited, MemberState, Node};

use crate::world::{World, alive, horde, until};

const LIMIT: Duration = Duration::from_secs(10);

crate::trials![
    three_nodes_find_each_other_through_one_of_them,
    a_node_can_join_later,
    a_node_of_another_cluster_is_refused_and_both_say_so,
    a_second_node_of_a_name_is_told_that_it_is_taken,
    who_is_ready_alone_and_joins_where_it_is_not_listed_goes_on_and_both_say_so,
    random_bytes_on_every_port_harm_nobody,
];

async fn three_nodes_find_each_other_through_one_of_them() {
    let world = World::new();
    let nodes = world.three().await;
    for node in &nodes {
        let members = node.members();
        let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
        assert_eq!(names, ["n1", "n2", "n3"]);
        assert!(members.iter().all(|member| member.state == MemberState::Alive));
        assert!(
            members
                .iter()
                .any(|member| member.id == node.id() && member.addr == node.addr())
        );
    }
}

async fn a_node_can_join_later() {
    let world = World::new();
    let n1 = world.node("n1", &[]).await;
    let n2 = world.node("n2", &[]).await;
    assert_eq!((alive(&n1), alive(&n2)), (1, 1));

    n2.join(["n1"]).unwrap_err();
    n2.join([n1.addr().to_string()]).unwrap();

    for node in [&n1, &n2] {
        until("both are alive", node, || alive(node) == 2).await;
    }
}

async fn a_node_of_another_cluster_is_refused_and_both_say_so() {
    let world = World::new();
    let n1 = world.node("n1", &[]).await;
    let mut here = n1.events();
    let stranger = Node::builder("stranger")
        .key(ClusterKey::generate().unwrap())
        .listen("127.0.0.1:0".parse().unwrap())
        .join(n1.addr().to_string())
        .start()
        .await
        .unwrap();
    let mut there = stranger.events();

    for events in [&mut here, &mut there] {
        let detail = loop {
            if let Event::PeerRefused { detail, .. } = events.next().await.unwrap().event {
                break detail;
            }
        };
        for node in [&n1, &stranger] {
            assert!(detail.contains(&node.fingerprint().to_string()), "{detail}");
        }
    }
    assert_eq!(alive(&n1), 1);
}

async fn a_second_node_of_a_name_is_told_that_it_is_taken() {
    let world = World::new();
    let n1 = world.node("n1", &[]).await;
    let second = Node::builder("n1")
        .key(world.key.clone())
        .join(n1.addr().to_string());
    let second = second.start().await.unwrap();

    let exited = second.exited().await;

    let Exited::NameTaken { name, holder, addr } = exited else {
        panic!("{exited:?}")
    };
    assert_eq!((&name, holder, addr), (n1.name(), n1.id(), n1.addr()));
    assert_eq!(alive(&n1), 1);
}

async fn who_is_ready_alone_and_joins_where_it_is_not_listed_goes_on_and_both_say_so() {
    let world = World::new();
    let n1 = world.node("n1", &[]).await;
    let n2 = world.node("n2", &[]).await;
    let set = n1.set_members(["n1", "n3"], LIMIT).await.unwrap();
    assert_eq!(set.held_by, [n1.name().clone()]);
    horde(&n2)
        .start_child("only-there", world.sleeper())
        .await
        .unwrap();
    let (mut here, mut there) = (n1.events(), n2.events());

    n2.join([n1.addr().to_string()]).unwrap();

    assert_eq!(
        refused(&mut here).await,
        format!(
            "n2 at {} is not on the list of members that was set on n1: n1, n3",
            n2.addr()
        )
    );
    let said = refused(&mut there).await;
    assert!(said.contains("n1, n3; have it set there with n2"), "{said}");
    assert_eq!(alive(&n1), 1);
    assert!(n2.is_ready());

    n1.set_members(["n1", "n2", "n3"], LIMIT).await.unwrap();
    for node in [&n1, &n2] {
        until("both are alive", node, || alive(node) == 2).await;
        until("both know the list", node, || {
            node.member_list().is_some_and(|list| list.len() == 3)
        })
        .await;
        until("both know the child", node, || {
            horde(node).lookup("only-there").is_some()
        })
        .await;
    }
}

/// Why the next peer was refused.
async fn refused(events: &mut Events) -> String {
    loop {
        if let Event::PeerRefused { detail, .. } = events.next().await.unwrap().event {
            break detail;
        }
    }
}

async fn random_bytes_on_every_port_harm_nobody() {
    use std::io::Write as _;
    let world = World::new();
    let n1 = world.node("n1", &[]).await;
    let mut noise: u64 = 0x9e37_79b9_7f4a_7c15;
    let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    for length in 0..200 {
        let bytes: Vec<u8> = (0..length * 7)
            .map(|_| {
                noise = noise
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                noise.to_be_bytes()[0]
            })
            .collect();
        udp.send_to(&bytes, n1.addr()).unwrap();
        let mut tcp = std::net::TcpStream::connect(n1.addr()).unwrap();
        // It may be closed before all is written.
        let _ = tcp.write_all(&bytes);
    }

    let n2 = world.node("n2", &[&n1]).await;
    for node in [&n1, &n2] {
        until("both are alive", node, || alive(node) == 2).await;
    }
}
