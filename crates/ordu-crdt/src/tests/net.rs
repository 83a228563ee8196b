//! A cluster of replicas on a network that may lose, repeat and reorder, held against the specification.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    vec::Vec,
};

use super::spec::Spec;
use crate::{Dot, EncodedLen, Message, Replica, ReplicaId, SyncConfig, SyncError, planted::Bug};

/// A value that claims to be large, so that few fit a frame and transfers have many chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Bulky(pub(super) u16);

impl EncodedLen for Bulky {
    fn encoded_len(&self) -> usize {
        350
    }
}

pub(super) type Key = u8;
pub(super) type Node = Replica<Key, Bulky>;

/// Frames in which two or three bulky values fit.
pub(super) const SMALL_FRAMES: SyncConfig = SyncConfig {
    frame_bytes: 1_500,
    window: 3,
};

/// Replicas, fully meshed, and what is on its way between them.
pub(super) struct Net {
    pub(super) nodes: Vec<Node>,
    pub(super) links: BTreeMap<(usize, usize), VecDeque<Message<Key, Bulky>>>,
    pub(super) spec: Spec,
    /// Nodes say nothing on their own until this ends or they are told to.
    pub(super) silent: bool,
    /// The winners of each node as its changes tell them.
    told: Vec<BTreeMap<Key, Dot>>,
    /// For each unit its last operation, by its first.
    units: BTreeMap<Dot, u64>,
    away: BTreeSet<usize>,
    unreachable: BTreeSet<usize>,
    boots: u128,
    clock: u64,
    config: SyncConfig,
    bug: Option<Bug>,
}

impl Net {
    pub(super) fn with_bug(size: usize, config: SyncConfig, bug: Option<Bug>) -> Self {
        let mut net = Self {
            nodes: Vec::new(),
            links: BTreeMap::new(),
            spec: Spec::default(),
            silent: false,
            told: std::vec![BTreeMap::new(); size],
            units: BTreeMap::new(),
            away: BTreeSet::new(),
            unreachable: BTreeSet::new(),
            boots: 0,
            clock: 1_000,
            config,
            bug,
        };
        for _ in 0..size {
            net.boots += 1;
            let node = net.boot(ReplicaId(net.boots));
            net.nodes.push(node);
        }
        net.mesh();
        net
    }

    fn boot(&self, id: ReplicaId) -> Node {
        let mut node = Replica::new(id, self.config);
        node.map.planted.bug = self.bug;
        node
    }

    /// Makes everybody who is not away a peer of everybody else, and nobody else.
    pub(super) fn mesh(&mut self) {
        let ids: Vec<_> = self.nodes.iter().map(Replica::id).collect();
        for (at, node) in self.nodes.iter_mut().enumerate() {
            for (other, &id) in ids.iter().enumerate() {
                if self.away.contains(&at) || self.away.contains(&other) {
                    node.remove_peer(id);
                } else if self.unreachable.contains(&at) || self.unreachable.contains(&other) {
                    node.disconnect(id);
                } else {
                    node.add_peer(id);
                }
            }
            let gone: Vec<_> = node.peers().filter(|peer| !ids.contains(peer)).collect();
            for peer in gone {
                node.remove_peer(peer);
            }
        }
    }

    /// One unit of puts and removes.
    pub(super) fn write(&mut self, at: usize, ops: &[(Key, Option<u16>)]) {
        self.clock += 1;
        let Self {
            nodes, spec, clock, ..
        } = self;
        let node = &mut nodes[at];
        let before = node.vector().clone();
        let mut wrote = Vec::new();
        let (unit, ()) = node.write(*clock, |unit| {
            for &(key, value) in ops {
                let has_written = match value {
                    Some(value) => unit.put(key, Bulky(value)).is_ok(),
                    None => unit.remove(&key),
                };
                if has_written {
                    wrote.push((unit.last_dot(), key, value, unit.stamp()));
                }
            }
        });
        if let Some(unit) = unit {
            self.units.insert(unit.first, unit.last.seq);
        }
        for (dot, key, value, stamp) in wrote {
            let mut seen = before.clone();
            seen.advance(dot.origin, dot.seq - 1);
            spec.record(dot, key, value.map(Bulky), stamp, &seen);
        }
        self.listen(at);
    }

    pub(super) fn sync(&mut self, at: usize, with: usize) {
        let peer = self.nodes[with].id();
        self.nodes[at].sync_with(peer);
        self.listen(at);
    }

    fn listen(&mut self, at: usize) {
        if !self.silent {
            self.speak(at);
        }
    }

    /// Puts on the links what the node has to say.
    pub(super) fn speak(&mut self, at: usize) {
        while let Some((peer, message)) = self.nodes[at].poll_message() {
            if let Some(to) = self.nodes.iter().position(|node| node.id() == peer) {
                self.links.entry((at, to)).or_default().push_back(message);
            }
        }
    }

    /// Delivers the message at `pick` of a link, out of order if that is not the first.
    pub(super) fn deliver(&mut self, from: usize, to: usize, pick: usize) {
        if let Some(message) = self.take(from, to, pick) {
            self.hand_over(from, to, message);
        }
    }

    pub(super) fn repeat(&mut self, from: usize, to: usize, pick: usize) {
        let message = self
            .links
            .get(&(from, to))
            .and_then(|link| link.get(pick % link.len().max(1)));
        if let Some(message) = message.cloned() {
            self.hand_over(from, to, message);
        }
    }

    pub(super) fn take(&mut self, from: usize, to: usize, pick: usize) -> Option<Message<Key, Bulky>> {
        let link = self.links.get_mut(&(from, to))?;
        link.remove(pick % link.len().max(1))
    }

    fn hand_over(&mut self, from: usize, to: usize, message: Message<Key, Bulky>) {
        let peer = self.nodes[from].id();
        match self.nodes[to].handle(peer, message) {
            // What was on its way when the peer was removed.
            Ok(()) | Err(SyncError::UnknownPeer(_)) => {}
            Err(error) => panic!("a correct peer was refused: {error}"),
        }
        self.listen(to);
    }

    /// The node dies with everything it holds and on its links; a new one takes its place.
    pub(super) fn crash(&mut self, at: usize) {
        self.links.retain(|&(from, to), _| from != at && to != at);
        self.boots += 1;
        let id = if self.bug == Some(Bug::IdReused) {
            self.nodes[at].id()
        } else {
            ReplicaId(self.boots)
        };
        self.nodes[at] = self.boot(id);
        self.told[at].clear();
        self.mesh();
    }

    /// The node and all others take each other for gone: what it has not seen may be collected.
    pub(super) fn leave(&mut self, at: usize) {
        self.away.insert(at);
        self.mesh();
    }

    /// The node and all others cannot reach each other, and wait.
    pub(super) fn disconnect(&mut self, at: usize) {
        self.unreachable.insert(at);
        self.mesh();
    }

    pub(super) fn come_back(&mut self, at: usize) {
        self.away.remove(&at);
        self.unreachable.remove(&at);
        self.mesh();
    }

    /// Delivers everything, in order, until nobody has anything to say.
    pub(super) fn drain(&mut self) {
        self.silent = false;
        for at in 0..self.nodes.len() {
            self.speak(at);
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

    /// One round of anti-entropy of everybody with everybody.
    pub(super) fn round(&mut self) {
        for at in 0..self.nodes.len() {
            (0..self.nodes.len())
                .filter(|&with| with != at)
                .for_each(|with| self.sync(at, with));
        }
        self.drain();
    }

    /// Everybody returns, the network is without faults: all become equal.
    pub(super) fn settle(&mut self) {
        self.away.clear();
        self.unreachable.clear();
        self.mesh();
        self.drain();
        for _ in 0..5 {
            self.round();
            self.check();
        }
        let first = self.nodes[0].vector();
        for node in &self.nodes {
            assert_eq!(node.vector(), first, "replicas did not converge");
            for peer in node.peers() {
                assert!(node.synced_once(peer));
                assert_eq!(node.acknowledged(peer), Some(first));
            }
        }
    }

    /// Every node that crashed is declared gone: nothing of the past is left but the values.
    pub(super) fn forget_the_dead(&mut self) {
        let living: BTreeSet<ReplicaId> = self.nodes.iter().map(Replica::id).collect();
        let dead: Vec<_> = (1..=self.boots)
            .map(ReplicaId)
            .filter(|id| !living.contains(id))
            .collect();
        let values = |node: &Node| {
            node.map()
                .iter()
                .map(|(key, value)| (*key, *value))
                .collect::<BTreeMap<_, _>>()
        };
        let before = values(&self.nodes[0]);
        for turn in 0..8 {
            for node in &mut self.nodes {
                for &id in &dead {
                    node.retire(id);
                }
                while node.poll_change().is_some() {}
            }
            if turn == 2 {
                for &id in &dead {
                    self.nodes[0].adopt(id, 100);
                }
            }
            self.round();
            self.check_floors();
        }
        for node in &self.nodes {
            assert_eq!(values(node), before, "a value went with the replica that put it");
            let siblings: usize = node
                .map()
                .keys()
                .map(|key| node.map().siblings(key).count())
                .sum();
            assert_eq!(node.map().retained(), siblings, "stable removes are still held");
            let foreign = node.vector().iter().find(|(origin, _)| !living.contains(origin));
            let held = foreign.is_some_and(|(origin, _)| {
                node.map().keys().any(|key| {
                    node.map()
                        .siblings(key)
                        .any(|sibling| sibling.dot.origin == origin)
                })
            });
            assert!(
                foreign.is_none() || held,
                "{foreign:?} is dead and still in the vector"
            );
            assert_eq!(node.vector(), self.nodes[0].vector());
            assert_eq!(node.map().fingerprint(), self.nodes[0].map().fingerprint());
        }
    }

    /// Nobody's floor is out of reach: a peer that equals a replica covers it, and is pushed to.
    pub(super) fn check_floors(&self) {
        for node in &self.nodes {
            let (floor, vector) = (node.floor(), node.vector());
            assert!(vector.dominates(floor), "the floor {floor:?} is above {vector:?}");
        }
    }

    /// Holds every replica against the specification.
    pub(super) fn check(&mut self) {
        self.check_floors();
        for (at, node) in self.nodes.iter_mut().enumerate() {
            self.spec.check(node);
            assert_eq!(node.audits_failed(), 0);
            let told = &mut self.told[at];
            while let Some(change) = node.poll_change() {
                assert_eq!(
                    told.get(&change.key).copied(),
                    change.before.map(|before| before.dot)
                );
                match change.after {
                    Some(after) => told.insert(change.key, after.dot),
                    None => told.remove(&change.key),
                };
            }
            let winners = node
                .map()
                .keys()
                .filter_map(|key| Some((*key, node.map().entry(key)?.dot)));
            assert_eq!(
                *told,
                winners.collect(),
                "the changes told another story than the map"
            );
            for (first, last) in &self.units {
                let covered = node.vector().get(first.origin);
                assert!(
                    covered < first.seq || covered >= *last,
                    "a unit is visible in part"
                );
            }
        }
        for a in &self.nodes {
            for b in &self.nodes {
                if let Some(acknowledged) = a.acknowledged(b.id()) {
                    assert!(
                        b.vector().dominates(acknowledged),
                        "a peer is taken to hold what it lacks"
                    );
                }
                if a.vector() == b.vector() {
                    assert_eq!(a.map().fingerprint(), b.map().fingerprint());
                }
            }
        }
    }
}
