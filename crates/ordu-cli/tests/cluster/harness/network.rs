use std::io::Write as _;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::cluster::Cluster;
use super::{root_or_skip, skip};

/// Lets nothing in and nothing out.
const NOTHING_PASSES: &str = r#"
table inet split {
    chain input { type filter hook input priority 0; policy drop; iif "lo" accept; }
    chain output { type filter hook output priority 0; policy drop; oif "lo" accept; }
}
"#;

/// A switch and a namespace for each node, on the test's own network. Dropping it removes them.
pub(crate) struct Network {
    prefix: String,
    hosts: u8,
}

impl Network {
    /// Hosts that reach each other; `None`, and a word about why, where this machine does not let tests make networks.
    pub(crate) fn new_or_skip(hosts: u8, test: &str) -> Option<Self> {
        static NETWORKS: AtomicU32 = AtomicU32::new(0);
        if !root_or_skip(test, "making network namespaces needs root") {
            return None;
        }
        let number = NETWORKS.fetch_add(1, Ordering::Relaxed);
        let network = Self {
            prefix: format!("ordu{}n{number}", std::process::id()),
            hosts,
        };
        let switch = network.switch();
        let made = Command::new("ip").args(["netns", "add", &switch]).output();
        if !made.is_ok_and(|output| output.status.success()) {
            skip(test, "`ip netns add` does not work here");
            return None;
        }
        network.plug_in();
        Some(network)
    }

    /// The same, whose hosts can be cut off by rules of nftables.
    pub(crate) fn with_rules_or_skip(hosts: u8, test: &str) -> Option<Self> {
        let network = Self::new_or_skip(hosts, test)?;
        // In a namespace of this network, so that the rules of the machine are not read.
        let listed = network.nft(1, &["list", "ruleset"], "");
        if let Err(why) = listed {
            skip(test, &format!("`nft` does not work here: {why}"));
            return None;
        }
        Some(network)
    }

    fn plug_in(&self) {
        self.in_switch(&["link", "add", "br0", "type", "bridge"]);
        self.in_switch(&["link", "set", "br0", "up"]);
        for host in 1..=self.hosts {
            let name = self.host(host);
            ip(&["netns", "add", &name]);
            let port = format!("p{host}");
            self.in_switch(&[
                "link", "add", &port, "type", "veth", "peer", "name", "eth0", "netns", &name,
            ]);
            self.in_switch(&["link", "set", &port, "up"]);
            let addr = format!("{}/24", addr(host).ip());
            ip(&["-n", &name, "addr", "add", &addr, "dev", "eth0"]);
            ip(&["-n", &name, "link", "set", "eth0", "up"]);
            ip(&["-n", &name, "link", "set", "lo", "up"]);
        }
        self.plug_all();
    }

    /// A cluster with a node on each host; the later ones join the earlier ones.
    pub(crate) fn cluster(&self) -> Cluster {
        let mut cluster = Cluster::empty();
        for host in 1..=self.hosts {
            let joins = (1..host).map(addr).collect();
            let node = cluster.add_node();
            node.in_namespace(&self.host(host), addr(host), joins);
        }
        cluster
    }

    /// Every host is alone. Its link stays up and packets vanish, as in a real switch that fails.
    pub(crate) fn unplug_all(&self) {
        for host in 1..=self.hosts {
            self.in_switch(&["link", "set", &format!("p{host}"), "nomaster"]);
        }
    }

    /// Every host reaches every other.
    pub(crate) fn plug_all(&self) {
        for host in 1..=self.hosts {
            self.in_switch(&["link", "set", &format!("p{host}"), "master", "br0"]);
        }
    }

    /// Every host is alone, by rules of its own that drop whatever comes and goes.
    pub(crate) fn cut_all(&self) {
        for host in 1..=self.hosts {
            self.nft(host, &["-f", "-"], NOTHING_PASSES).unwrap();
        }
    }

    /// Takes those rules away.
    pub(crate) fn mend_all(&self) {
        for host in 1..=self.hosts {
            self.nft(host, &["delete", "table", "inet", "split"], "").unwrap();
        }
    }

    fn nft(&self, host: u8, args: &[&str], input: &str) -> Result<(), String> {
        let mut process = Command::new("ip")
            .args(["netns", "exec", &self.host(host), "nft"])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let mut stdin = process.stdin.take().expect("stdin is piped");
        // One that ends without reading says why itself.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let output = process.wait_with_output().map_err(|error| error.to_string())?;
        if output.status.success() {
            Ok(())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
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

impl Drop for Network {
    fn drop(&mut self) {
        let hosts = (1..=self.hosts).map(|host| self.host(host));
        for name in hosts.chain([self.switch()]) {
            let _ = Command::new("ip").args(["netns", "del", &name]).output();
        }
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
