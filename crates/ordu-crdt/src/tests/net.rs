//! A cluster of replicas on a network that may lose, repeat and reorder, held against the specification.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    vec::Vec,
};

use super::spec::Spec;
use crate::{
    Dot, EncodedLen, Message, Replica, ReplicaId, Sibling, SyncConfig, SyncError, VersionVector, planted::Bug,
};

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
    collected_at_once: 1_024,
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
    /// For each node what it had seen when it was looked at last.
    seen: Vec<VersionVector>,
    /// For each node that folds the replicas of which it was told that they have ended.
    ended: BTreeMap<usize, BTreeSet<ReplicaId>>,
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
            seen: std::vec![VersionVector::new(); size],
            ended: BTreeMap::new(),
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
        for (&at, ended) in &self.ended {
            let is_away = |other: &usize| self.away.contains(&at) || self.away.contains(other);
            let others = || (0..ids.len()).filter(|&other| other != at);
            let untold = self.boots_before(&ids).filter(|id| !ended.contains(id));
            let counted: Vec<_> = others()
                .filter(|other| !is_away(other))
                .map(|other| ids[other])
                .chain(untold)
                .collect();
            let written_off: Vec<_> = others().filter(is_away).map(|other| ids[other]).collect();
            self.nodes[at].set_members(counted, written_off);
        }
    }

    /// The replicas that have crashed.
    fn boots_before(&self, living: &[ReplicaId]) -> impl Iterator<Item = ReplicaId> {
        let dead = (1..=self.boots).map(ReplicaId);
        let living = living.to_vec();
        dead.filter(move |id| !living.contains(id))
    }

    /// A node hears of everybody who crashed that they have ended.
    pub(super) fn tell(&mut self, at: usize) {
        let ids: Vec<_> = self.nodes.iter().map(Replica::id).collect();
        let ended = self.boots_before(&ids).collect();
        self.ended.insert(at, ended);
        self.mesh();
    }

    pub(super) fn tell_who_has_ended(&mut self) {
        (0..self.nodes.len()).for_each(|at| self.tell(at));
    }

    /// Changes that were not told keep removes from being forgotten.
    pub(super) fn ignore_changes(&mut self) {
        for node in &mut self.nodes {
            while node.poll_change().is_some() {}
        }
    }

    /// A node writes anew what some ended ones put.
    pub(super) fn adopt(&mut self, at: usize) {
        let Some(ended) = self.ended.get(&at) else { return };
        for &origin in ended {
            let node = &mut self.nodes[at];
            let siblings = |node: &Node, origin: ReplicaId| -> Vec<_> {
                let keys = node.map().keys();
                let all =
                    keys.flat_map(|key| node.map().siblings(key).map(|sibling| (*key, sibling.cloned())));
                all.filter(|(_, sibling)| sibling.dot.origin == origin).collect()
            };
            let (own, before) = (node.id(), siblings(node, origin));
            let written = node.map().vector.get(own);
            node.adopt(origin, 2);
            let new = siblings(node, own);
            for (key, sibling) in new.into_iter().filter(|(_, sibling)| sibling.dot.seq > written) {
                let is_it =
                    |(of, old): &&(Key, Sibling<Bulky>)| *of == key && old.stamp.hlc == sibling.stamp.hlc;
                let adopted = before.iter().find(is_it).unwrap().1.dot;
                self.spec.record_adopted(sibling.dot, sibling.stamp, adopted);
            }
        }
        self.listen(at);
    }

    /// One unit of puts and removes.
    pub(super) fn write(&mut self, at: usize, ops: &[(Key, Option<u16>)]) {
        self.clock += 1;
        let Self {
            nodes, spec, clock, ..
        } = self;
        let node = &mut nodes[at];
        let before: VersionVector = node.seen().collect();
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
        self.seen[at] = VersionVector::new();
        self.ended.remove(&at);
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
        let seen = |node: &Node| node.seen().collect::<VersionVector>();
        let first = seen(&self.nodes[0]);
        for node in &self.nodes {
            assert_eq!(seen(node), first, "replicas did not converge");
            for peer in node.connected_peers() {
                assert!(node.synced_once(peer));
                let is_held = |(origin, seq)| node.is_held_by(peer, Dot { origin, seq });
                assert!(node.seen().all(is_held));
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
            self.tell_who_has_ended();
            self.ignore_changes();
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
            assert_eq!(node.digest(), self.nodes[0].digest());
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
            let seen: VersionVector = node.seen().collect();
            assert_eq!(seen.digest(), node.digest());
            assert!(
                seen.dominates(&self.seen[at]),
                "a replica has seen less than it had"
            );
            self.seen[at] = seen;
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
                let covered = self.seen[at].get(first.origin);
                assert!(
                    covered < first.seq || covered >= *last,
                    "a unit is visible in part"
                );
            }
        }
        for a in &self.nodes {
            for b in &self.nodes {
                if let Some(acknowledged) = a.acknowledged(b.id()) {
                    let is_held = |(origin, seq)| b.covers(Dot { origin, seq });
                    assert!(
                        acknowledged.iter().all(is_held),
                        "a peer is taken to hold what it lacks"
                    );
                    let folds = a.map().folds.iter();
                    let is_taken_to_hold = |&(origin, seq): &_| a.is_held_by(b.id(), Dot { origin, seq });
                    assert!(folds.filter(is_taken_to_hold).all(is_held));
                }
                if a.digest() == b.digest() {
                    assert_eq!(a.map().fingerprint(), b.map().fingerprint());
                }
            }
        }
    }
}
