//! A network that falls apart: three nodes in namespaces of their own, on one switch, from which each is unplugged.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use crate::harness::{Cluster, holds_for, measured, root_or_skip, skip};

const TEST: &str = "a split of all three nodes";

/// The switch and a namespace for each node, on the test's own network. Dropping it removes them.
struct Network {
    prefix: String,
    hosts: u8,
}

impl Network {
    fn new(hosts: u8) -> Self {
        let network = Self {
            prefix: format!("ordu{}", std::process::id()),
            hosts,
        };
        ip(&["netns", "add", &network.switch()]);
        network.in_switch(&["link", "add", "br0", "type", "bridge"]);
        network.in_switch(&["link", "set", "br0", "up"]);
        for host in 1..=hosts {
            let name = network.host(host);
            ip(&["netns", "add", &name]);
            let port = format!("p{host}");
            network.in_switch(&[
                "link", "add", &port, "type", "veth", "peer", "name", "eth0", "netns", &name,
            ]);
            network.in_switch(&["link", "set", &port, "up"]);
            let addr = format!("{}/24", addr(host).ip());
            ip(&["-n", &name, "addr", "add", &addr, "dev", "eth0"]);
            ip(&["-n", &name, "link", "set", "eth0", "up"]);
            ip(&["-n", &name, "link", "set", "lo", "up"]);
        }
        network.heal();
        network
    }

    /// Every host is alone. Its link stays up and packets vanish, as in a real switch that fails.
    fn split(&self) {
        for host in 1..=self.hosts {
            self.in_switch(&["link", "set", &format!("p{host}"), "nomaster"]);
        }
    }

    /// Every host reaches every other.
    fn heal(&self) {
        for host in 1..=self.hosts {
            self.in_switch(&["link", "set", &format!("p{host}"), "master", "br0"]);
        }
    }

    fn switch(&self) -> String {
        format!("{}sw", self.prefix)
    }

    fn host(&self, host: u8) -> String {
        format!("{}h{host}", self.prefix)
    }

    fn in_switch(&self, args: &[&str]) {
        let switch = self.switch();
        ip(&[&["-n", switch.as_str()], args].concat());
    }
}

/// The address of a host.
fn addr(host: u8) -> SocketAddr {
    SocketAddr::from(([10, 77, 0, host], 7600))
}

/// Runs `ip`, which must succeed.
fn ip(args: &[&str]) {
    let output = Command::new("ip").args(args).output().unwrap();
    assert!(
        output.status.success(),
        "ip {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

impl Drop for Network {
    fn drop(&mut self) {
        let hosts = (1..=self.hosts).map(|host| self.host(host));
        for name in hosts.chain([self.switch()]) {
            let _ = Command::new("ip").args(["netns", "del", &name]).output();
        }
    }
}

/// Whether this machine lets tests make networks.
fn can_make_networks() -> bool {
    if !root_or_skip(TEST, "making network namespaces needs root") {
        return false;
    }
    let probe = format!("ordu{}probe", std::process::id());
    let made = Command::new("ip").args(["netns", "add", &probe]).output();
    let made = made.is_ok_and(|output| output.status.success());
    if made {
        let _ = Command::new("ip").args(["netns", "del", &probe]).output();
    } else {
        skip(TEST, "`ip netns add` does not work here");
    }
    made
}

#[test]
fn three_nodes_split_from_each_other_for_30_s_are_one_cluster_again_with_one_of_each_within_2_s() {
    if !can_make_networks() {
        return;
    }
    let network = Network::new(3);
    let mut cluster = Cluster::empty();
    for host in 1..=3 {
        let joins = (1..host).map(addr).collect();
        cluster
            .add_node()
            .in_namespace(&network.host(host), addr(host), joins);
    }
    cluster.start_all();
    let ids: Vec<String> = (0..10).map(|number| format!("c{number}")).collect();
    for (id, node) in ids.iter().zip(cluster.nodes.iter().cycle()) {
        cluster.start_child(node, id).ok();
    }
    cluster.await_one_each(&ids, Duration::from_secs(5));

    network.split();
    std::thread::sleep(Duration::from_secs(30)); // The split is the subject.
    let apart = cluster.copies();
    println!("copies during the split: {:?}", apart.per_node());
    for node in &cluster.nodes {
        assert_eq!(
            apart.per_node().get(node.name.as_str()),
            Some(&ids.len()),
            "{} runs not all",
            node.name
        );
    }

    network.heal();
    let time = cluster.await_one_each(&ids, Duration::from_secs(2));
    measured("one of each after the heal", time);
    cluster.await_members(Duration::from_secs(2).saturating_sub(time));
    cluster.await_ps_agrees(&ids, Duration::from_secs(5));
    holds_for(Duration::from_secs(2), "one of each", || {
        cluster.copies().one_each(&ids).map(drop)
    });
}
