//! Rounds of anti-entropy: who has what, and who asks whom.

use core::hash::Hash;

use super::{Source, Told};
use crate::{EncodedLen, Message, Replica, ReplicaId, SyncError, VersionVector};

impl<K, V> Replica<K, V>
where
    K: Hash + Eq + Clone + EncodedLen,
    V: Clone + EncodedLen,
{
    pub(super) fn on_probe(&mut self, peer: ReplicaId, round: u64, digest: u128, fingerprint: u64) {
        if digest == self.map.vector.digest() {
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
        let unchanged = self.map.vector.digest();
        let Some(state) = self.peers.get_mut(&peer) else {
            return;
        };
        let Some(told) = state.told.filter(|told| told.round == round) else {
            // A newer round began meanwhile; a request of this one is answered all the same.
            return self.on_complete(peer, round);
        };
        if told.digest == unchanged {
            self.peer_is_equal(peer);
        } else {
            // Something was written, or arrived, since; what was written goes to the peer now.
            state.outgoing.reset();
            state.outgoing.push_after(told.written);
            state.acknowledged.advance(self.id, told.written);
            self.ready(peer);
        }
        self.on_complete(peer, round);
    }

    pub(super) fn on_vector(
        &mut self,
        peer: ReplicaId,
        round: u64,
        mut theirs: VersionVector,
    ) -> Result<(), SyncError> {
        self.check_own(theirs.iter())?;
        let mentioned = self.strip_retired(peer, &mut theirs);
        let is_stale = mentioned.is_stale;
        self.tell_departed(peer, &mentioned.origins);
        let mentioned = self.and_all_retired(mentioned);
        if !is_stale && theirs == self.map.vector {
            self.peer_is_equal(peer);
            self.outbox.push_back((peer, Message::Match { round }));
            return Ok(());
        }
        let Some(state) = self.peers.get_mut(&peer) else {
            return Ok(());
        };
        state.acknowledged.merge(&theirs);
        state.outgoing.reset();
        state.outgoing.mentioned = mentioned;
        if !is_stale && theirs.dominates(&self.map.vector) {
            state.outgoing.push_after(self.map.origins[self.own].covered);
            self.outbox.push_back((peer, Message::UpToDate { round }));
        } else {
            let base = state.acknowledged.clone();
            let mut source = Source {
                map: &self.map,
                own: self.own,
                config: &self.config,
                transfers: &mut self.transfers,
            };
            state.outgoing.begin(&mut source, base, round);
            self.ready(peer);
        }
        if self.map.vector.dominates(&theirs) {
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
                let is_certain = state.acknowledged.dominates(&self.map.floor);
                self.ready(peer);
                if !is_certain {
                    // Nothing is pushed before it is known that the peer covers the floor. Either answer tells.
                    self.probe(peer);
                }
            }
        }
        if self.pulls.completed(peer, round) {
            self.ask_next();
        }
    }

    fn peer_is_equal(&mut self, peer: ReplicaId) {
        if let Some(state) = self.peers.get_mut(&peer) {
            state.acknowledged.clone_from(&self.map.vector);
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
            self.outbox.push_back((
                peer,
                Message::Vector {
                    round,
                    vector: self.map.vector.clone(),
                },
            ));
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
            digest: self.map.vector.digest(),
            written,
        };
        if let Some(state) = self.peers.get_mut(&peer) {
            state.told = Some(told);
        }
        told
    }
}
