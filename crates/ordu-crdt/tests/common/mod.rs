//! A cluster of replicas on a network that may lose, repeat and reorder, held against the specification.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

pub mod spec;

use std::collections::{BTreeMap, VecDeque};

use ordu_crdt::{EncodedLen, Message, Replica, ReplicaId, SyncConfig, SyncError};

use self::spec::Spec;

/// A value that claims to be large, so that few fit a frame and transfers have many chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bulky(pub u16);

impl EncodedLen for Bulky {
    fn encoded_len(&self) -> usize {
        350
    }
}

pub type Key = u8;
pub type Node = Replica<Key, Bulky>;

/// Frames in which two or three bulky values fit.
pub const SMALL_FRAMES: SyncConfig = SyncConfig {
    frame_bytes: 1_500,
    window: 3,
};

pub fn id(number: u128) -> ReplicaId {
    ReplicaId(number)
}

/// Replicas, fully meshed, and what is on its way between them.
pub struct Net {
    pub nodes: Vec<Node>,
    pub links: BTreeMap<(usize, usize), VecDeque<Message<Key, Bulky>>>,
    pub spec: Spec,
    boots: u128,
    clock: u64,
    config: SyncConfig,
}

impl Net {
    pub fn new(size: usize, config: SyncConfig) -> Self {
        let mut net = Self {
            nodes: Vec::new(),
            links: BTreeMap::new(),
            spec: Spec::default(),
            boots: 0,
            clock: 1_000,
            config,
        };
        for _ in 0..size {
            let node = net.boot();
            net.nodes.push(node);
        }
        net.mesh();
        net
    }

    fn boot(&mut self) -> Node {
        self.boots += 1;
        Replica::new(id(self.boots), self.config)
    }

    fn mesh(&mut self) {
        let ids: Vec<_> = self.nodes.iter().map(Replica::id).collect();
        for node in &mut self.nodes {
            let gone: Vec<_> = node.peers().filter(|peer| !ids.contains(peer)).collect();
            for peer in gone {
                node.remove_peer(peer);
            }
            for &peer in &ids {
                node.add_peer(peer);
            }
        }
    }

    /// One unit of puts and removes.
    pub fn write(&mut self, at: usize, ops: &[(Key, Option<u16>)]) {
        self.clock += 1;
        let Self {
            nodes, spec, clock, ..
        } = self;
        let node = &mut nodes[at];
        let before = node.vector().clone();
        let mut written = Vec::new();
        let id = node.id();
        node.write(*clock, |unit| {
            for &(key, value) in ops {
                let wrote = match value {
                    Some(value) => unit.put(key, Bulky(value)).is_ok(),
                    None => unit.remove(&key),
                };
                if wrote {
                    written.push((unit.last_dot(), key, value, unit.stamp()));
                }
            }
        });
        for (dot, key, value, stamp) in written {
            let mut seen = before.clone();
            seen.advance(id, dot.seq - 1);
            spec.record(dot, key, value.map(Bulky), stamp, &seen);
        }
        self.collect(at);
    }

    pub fn sync(&mut self, at: usize, with: usize) {
        let peer = self.nodes[with].id();
        self.nodes[at].sync_with(peer);
        self.collect(at);
    }

    /// Puts on the links what the node has to say.
    pub fn collect(&mut self, at: usize) {
        while let Some((peer, message)) = self.nodes[at].poll_message() {
            let to = self.nodes.iter().position(|node| node.id() == peer);
            self.links
                .entry((at, to.expect("only peers are written to")))
                .or_default()
                .push_back(message);
        }
    }

    /// Delivers the message at `pick` of a link, out of order if that is not the first.
    pub fn deliver(&mut self, from: usize, to: usize, pick: usize) {
        if let Some(message) = self.take(from, to, pick) {
            self.hand_over(from, to, message).unwrap();
        }
    }

    pub fn repeat(&mut self, from: usize, to: usize, pick: usize) {
        let message = self
            .links
            .get(&(from, to))
            .and_then(|link| link.get(pick % link.len().max(1)).cloned());
        if let Some(message) = message {
            self.hand_over(from, to, message).unwrap();
        }
    }

    pub fn lose(&mut self, from: usize, to: usize, pick: usize) {
        self.take(from, to, pick);
    }

    fn take(&mut self, from: usize, to: usize, pick: usize) -> Option<Message<Key, Bulky>> {
        let link = self.links.get_mut(&(from, to))?;
        link.remove(pick % link.len().max(1))
    }

    fn hand_over(&mut self, from: usize, to: usize, message: Message<Key, Bulky>) -> Result<(), SyncError> {
        let peer = self.nodes[from].id();
        self.nodes[to].handle(peer, message)?;
        self.collect(to);
        Ok(())
    }

    /// The node dies with everything it holds and on its links; a new one takes its place.
    pub fn crash(&mut self, at: usize) {
        self.links.retain(|&(from, to), _| from != at && to != at);
        self.nodes[at] = self.boot();
        self.mesh();
    }

    /// Loses everything under way on all links.
    pub fn cut(&mut self) {
        self.links.clear();
    }

    /// Delivers everything, in order, until nobody has anything to say.
    pub fn drain(&mut self) {
        for at in 0..self.nodes.len() {
            self.collect(at);
        }
        while let Some(&(from, to)) = self
            .links
            .iter()
            .find(|(_, link)| !link.is_empty())
            .map(|(ends, _)| ends)
        {
            self.deliver(from, to, 0);
        }
    }

    /// Rounds of anti-entropy on a network without faults until all are equal.
    pub fn settle(&mut self) {
        for _ in 0..8 {
            self.drain();
            for at in 0..self.nodes.len() {
                (0..self.nodes.len())
                    .filter(|&with| with != at)
                    .for_each(|with| self.sync(at, with));
            }
        }
        self.drain();
        let first = self.nodes[0].vector();
        for node in &self.nodes {
            assert_eq!(node.vector(), first, "replicas did not converge");
        }
        self.check();
    }

    /// Holds every replica against the specification.
    pub fn check(&self) {
        for node in &self.nodes {
            self.spec.check(node);
        }
        for (a, b) in self.nodes.iter().zip(self.nodes.iter().skip(1)) {
            if a.vector() == b.vector() {
                assert_eq!(a.map().fingerprint(), b.map().fingerprint());
            }
        }
    }
}
