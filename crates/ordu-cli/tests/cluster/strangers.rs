//! Those who do not belong to the cluster.

use std::io::Write as _;
use std::net::{TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::harness::{Cluster, eventually, holds_for, ordu};

#[test]
fn a_node_with_another_key_cannot_join_and_both_sides_log_which_cluster_the_other_is_of() {
    let mut cluster = Cluster::of(1);
    let key = cluster.folder.path().join("other.key");
    let other = fingerprint(&ordu(["keygen", key.to_str().unwrap()]).ok().stderr);
    cluster.add_node().with_key(key).start();

    let [native, stranger] = &cluster.nodes[..] else {
        unreachable!("there are two nodes")
    };
    let own = logged_fingerprint(&native.log());
    assert_ne!(own, other);
    eventually(Duration::from_secs(10), "both log the other's cluster", || {
        let told = |log: &str, of: &str| {
            log.lines()
                .any(|line| line.contains("peer is of cluster") && line.contains(of))
        };
        match (told(&native.log(), &other), told(&stranger.log(), &own)) {
            (true, true) => Ok(()),
            logged => Err(format!("native and stranger: {logged:?}")),
        }
    });

    holds_for(Duration::from_secs(2), "nobody has joined", || {
        match native.alive_members()?.as_slice() {
            [only] if *only == native.name => Ok(()),
            more => Err(format!("{more:?}")),
        }
    });
}

#[test]
fn a_key_file_that_others_can_read_is_refused() {
    let mut cluster = Cluster::empty();
    let key = cluster.folder.path().join("cluster.key");
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o644)).unwrap();

    let said = cluster.add_node().run();

    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.stderr.contains("expected mode 0600, got 0644"), "{said:?}");
}

#[test]
fn random_bytes_on_every_port_crash_nothing() {
    let mut cluster = Cluster::empty();
    let http = {
        let node = cluster.add_node();
        let http = format!("{}:7700", node.addr.ip());
        node.with_arg("--http").with_arg(&http);
        http
    };
    cluster.start_all();
    let node = &cluster.nodes[0];

    let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    for round in 0..300 {
        let bytes = noise.bytes(1 + round * 4);
        udp.send_to(&bytes, node.addr).unwrap();
        // Whoever is refused early may find the door closed while speaking.
        if let Ok(mut lifeline) = TcpStream::connect(node.addr) {
            let _ = lifeline.write_all(&bytes);
        }
        if let Ok(mut web) = TcpStream::connect(&http) {
            let _ = web.write_all(&bytes);
        }
        if let Ok(mut control) = UnixStream::connect(&node.socket) {
            let _ = control.write_all(&bytes);
        }
    }

    cluster.start_child(&cluster.nodes[0], "after").ok();
    cluster.await_one_each(&["after".to_owned()], Duration::from_secs(5));
    assert!(cluster.nodes[0].runs());
    let log = cluster.nodes[0].log();
    assert!(!log.contains("panicked"), "{log}");
}

#[test]
fn a_name_that_cannot_be_looked_up_is_complained_of_once_with_what_to_do() {
    let mut cluster = Cluster::empty();
    cluster
        .add_node()
        .with_arg("--join")
        .with_arg("no-such-node.invalid:7600")
        .start();
    let complaints = || {
        let log = cluster.nodes[0].log();
        let complaint = |line: &&str| line.contains("cannot look up the address to join at");
        log.lines()
            .filter(complaint)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let (told, _) = eventually(Duration::from_secs(10), "it complains", || {
        complaints().pop().ok_or_else(|| "it says nothing".to_owned())
    });
    assert!(
        told.contains("check its spelling") && told.contains("once a minute"),
        "{told}"
    );
    holds_for(
        Duration::from_secs(3),
        "it does not repeat itself",
        || match complaints().len() {
            1 => Ok(()),
            more => Err(format!("{more} times")),
        },
    );
}

/// `… holds the key of cluster "default", FINGERPRINT`.
fn fingerprint(keygen: &str) -> String {
    let line = keygen.lines().next().unwrap();
    line.rsplit(' ').next().unwrap().to_owned()
}

/// `… fingerprint=FINGERPRINT …`.
fn logged_fingerprint(log: &str) -> String {
    let (_, rest) = log.split_once("fingerprint=").unwrap();
    rest.split_whitespace().next().unwrap().to_owned()
}

/// Random enough, and the same every time (xorshift64).
struct Noise(u64);

impl Noise {
    fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut next = || {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0.to_le_bytes()[3]
        };
        (0..len).map(|_| next()).collect()
    }
}
