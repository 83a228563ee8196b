//! Rounds of anti-entropy: who has what, and who asks whom.

use core::hash::Hash;

use super::{Asked, Peer, Request, Source, Told};
use crate::{EncodedLen, Message, Replica, ReplicaId, SyncError, VersionVector};

impl<K, V> Replica<K, V>
where
    K: Hash + Eq + Clone + EncodedLen,
    V: Clone + EncodedLen,
{
    pub(super) fn on_probe(&mut self, peer: ReplicaId, round: u64, digest: u128, fingerprint: u64) {
        if digest == self.map.digest {
            self.peer_is_equal(peer);
            self.outbox.push_back((peer, Message::Match { round }));
            if fingerprint != self.map.fingerprint() {
                self.repair(peer);
            }
        } else {
            self.ask(peer);
        }
    }

    pub(super) fn on_match(&mut self, peer: ReplicaId, round: u64) {
        let unchanged = self.map.digest;
        let Some(state) = self.peers.get_mut(&peer) else {
            return;
        };
        let Some(told) = state.told.filter(|told| told.round == round) else {
            // A newer round began meanwhile; a request of this one is answered all the same.
            return self.on_complete(peer, round);
        };
        if told.digest == unchanged {
            self.peer_is_equal(peer);
            return self.on_complete(peer, round);
        }
        // Something was written, or arrived, since; what was written goes to the peer now.
        state.outgoing.reset();
        state.outgoing.push_after(told.written);
        state.acknowledged.advance(self.id, told.written);
        self.ready(peer);
        self.on_complete(peer, round);
    }

    pub(super) fn on_vector(&mut self, peer: ReplicaId, round: u64, asked: Asked) -> Result<(), SyncError> {
        self.check_own(asked.vector.iter())?;
        let map = &self.map;
        let is_equal_in_the_rest = asked.equals_in_the_rest(map);
        let lacks_nothing = is_equal_in_the_rest && asked.vector.iter().all(|(id, seq)| seq >= map.seen(id));
        let brings_nothing = is_equal_in_the_rest && asked.vector.iter().all(|(id, seq)| seq <= map.seen(id));
        if lacks_nothing && brings_nothing {
            self.peer_is_equal(peer);
            self.outbox.push_back((peer, Message::Match { round }));
            return Ok(());
        }
        let Some(state) = self.peers.get_mut(&peer) else {
            return Ok(());
        };
        // Its word takes the place of receipts: another that had its id may have given them (S1.6).
        if asked.is_all_it_has_seen() {
            state.acknowledged = VersionVector::new();
            state.covers_folds = map.folds.iter().all(|(id, seq)| asked.vector.get(id) >= seq);
        }
        for (id, seq) in asked.vector.iter().filter(|&(id, _)| map.folds.get(id) == 0) {
            state.acknowledged.set(id, seq);
        }
        if is_equal_in_the_rest {
            let in_the_rest = map.vector.iter().filter(|&(id, _)| asked.vector.get(id) == 0);
            in_the_rest.for_each(|(id, covered)| state.acknowledged.advance(id, covered));
            state.covers_folds = asked.vector.iter().all(|(id, seq)| seq >= map.folds.get(id));
        }
        state.outgoing.reset();
        if lacks_nothing {
            state.outgoing.push_after(map.origins[self.own].covered);
            self.outbox.push_back((peer, Message::UpToDate { round }));
        } else {
            let covers_floor = state.covers_floor(map);
            // Of some origins that are not known here it said more than is kept.
            let mut base = state.acknowledged.clone();
            base.merge(&asked.vector);
            let mut source = Source {
                map,
                own: self.own,
                config: &self.config,
                transfers: &mut self.transfers,
            };
            let request = Request { round, base, asked };
            state.outgoing.begin(&mut source, request, covers_floor);
            self.ready(peer);
        }
        if brings_nothing {
            self.mark_synced(peer);
        } else {
            self.ask(peer);
        }
        Ok(())
    }

    pub(super) fn on_complete(&mut self, peer: ReplicaId, round: u64) {
        let told = self.peers.get(&peer).and_then(|state| state.told);
        if let Some(told) = told.filter(|told| told.round == round) {
            self.mark_synced(peer);
            if let Some(state) = self.peers.get_mut(&peer) {
                state.completed = round;
            }
            if let Some(state) = self.peers.get_mut(&peer) {
                state.incoming.nothing_is_coming();
            }
            // A peer that did not notice that it was added again may have nothing to ask for a long time. Should it
            // lack anything before, it refuses the push and asks.
            if let Some(state) = self.peers.get_mut(&peer)
                && !state.outgoing.is_pushing()
            {
                state.outgoing.push_after(told.written);
                self.ready(peer);
            }
            self.find_out_what_it_covers(peer);
        }
        if self.pulls.completed(peer, round) {
            self.ask_next();
        }
    }

    /// Nothing is pushed to a peer before it is known that it covers the floor, which no receipt tells: nobody says what it
    /// covers of what is folded away. Either answer to a probe does. Asked once nothing else is under way that may tell.
    pub(super) fn find_out_what_it_covers(&mut self, peer: ReplicaId) {
        let is_uncertain = |state: &Peer<K, V>| {
            state.outgoing.is_pushing() && state.outgoing.is_received() && !state.covers_floor(&self.map)
        };
        if self.peers.get(&peer).is_some_and(is_uncertain) {
            self.probe(peer);
        }
    }

    fn peer_is_equal(&mut self, peer: ReplicaId) {
        if let Some(state) = self.peers.get_mut(&peer) {
            state.acknowledged.clone_from(&self.map.vector);
            state.covers_folds = true;
            state.outgoing.peer_is_equal();
            state.outgoing.push_after(self.map.origins[self.own].covered);
            self.mark_synced(peer);
        }
    }

    fn mark_synced(&mut self, peer: ReplicaId) {
        if let Some(state) = self.peers.get_mut(&peer) {
            state.synced_once = true;
        }
    }

    /// Equal vectors and different states: sends all that is held here. The other way round follows when the peer is
    /// probed.
    fn repair(&mut self, peer: ReplicaId) {
        self.audits_failed += 1;
        if let Some(state) = self.peers.get_mut(&peer) {
            self.transfers += 1;
            state.outgoing.begin_repair(self.transfers);
            self.ready(peer);
        }
    }

    /// Asks `peer` for what is missing here, now or when it is its turn.
    pub(super) fn ask(&mut self, peer: ReplicaId) {
        if self.is_connected(peer) && self.pulls.may_ask(peer) {
            let round = self.tell(peer).round;
            self.pulls.asked(peer, round);
            let seen = self.what_is_seen(peer, round);
            self.outbox.push_back((peer, seen));
        }
    }

    pub(super) fn ask_next(&mut self) {
        if let Some(peer) = self.pulls.next() {
            self.ask(peer);
        }
    }

    pub(super) fn probe(&mut self, peer: ReplicaId) {
        let Told { round, digest, .. } = self.tell(peer);
        let fingerprint = self.map.fingerprint();
        self.outbox.push_back((
            peer,
            Message::Probe {
                round,
                digest,
                fingerprint,
            },
        ));
    }

    /// Begins a round in which `peer` is told what is here.
    fn tell(&mut self, peer: ReplicaId) -> Told {
        self.rounds += 1;
        let written = self.map.origins[self.own].covered;
        let told = Told {
            round: self.rounds,
            digest: self.map.digest,
            written,
        };
        if let Some(state) = self.peers.get_mut(&peer) {
            state.told = Some(told);
        }
        told
    }
}
