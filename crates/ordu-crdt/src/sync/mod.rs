//! The protocol between replicas. `docs/crdt.md` states it; the parts are the folder's other files.

mod commit;
mod frame;
mod full;
mod incoming;
mod outgoing;
mod peer;
mod pulls;

use alloc::vec::Vec;
use core::hash::Hash;

use self::incoming::{Received, check_positions};
pub(crate) use self::{
    incoming::{Incoming, Part},
    outgoing::{Outgoing, Source},
    peer::{Peer, Told},
    pulls::Pulls,
};
use crate::{
    Chunk, Dot, EncodedLen, Message, Replica, ReplicaId, Scope, SyncError, VersionVector, planted::Bug,
};

impl<K, V> Replica<K, V>
where
    K: Hash + Eq + Clone + EncodedLen,
    V: Clone + EncodedLen,
{
    /// Adds a peer: own writes are pushed to it once it has said what it has, which the first
    /// [`sync_with`](Replica::sync_with) of either side brings about. A peer that is there already stays as it is.
    pub fn add_peer(&mut self, peer: ReplicaId) {
        if peer != self.id {
            self.peers.entry(peer).or_default();
        }
    }

    /// Removes a peer and all state that was kept for it. Messages from it are refused.
    pub fn remove_peer(&mut self, peer: ReplicaId) {
        self.peers.remove(&peer);
        self.pulls.abandon(peer);
        self.ask_next();
    }

    /// The peers, in the order of their ids.
    pub fn peers(&self) -> impl Iterator<Item = ReplicaId> + '_ {
        self.peers.keys().copied()
    }

    /// Whether everything the peer had when some exchange since [`add_peer`](Replica::add_peer) began is here.
    pub fn synced_once(&self, peer: ReplicaId) -> bool {
        self.peers.get(&peer).is_some_and(|peer| peer.synced_once)
    }

    /// What the peer is known to hold: a lower bound. `None` if it is no peer.
    pub fn acknowledged(&self, peer: ReplicaId) -> Option<&VersionVector> {
        self.peers.get(&peer).map(|peer| &peer.acknowledged)
    }

    /// Whether a transfer of missing operations is open: the state here is behind, and known to be.
    pub fn is_catching_up(&self) -> bool {
        self.peers.values().any(|peer| peer.incoming.is_catching_up())
    }

    /// Begins a round of anti-entropy with `peer`. With nothing new on either side it costs both one message of
    /// under 64 bytes.
    ///
    /// Call it when the peer connects and then periodically; each call also finds exchanges that got stuck since
    /// the last. While another peer is being asked, this one waits for its turn.
    pub fn sync_with(&mut self, peer: ReplicaId) {
        let Some(state) = self.peers.get(&peer) else {
            return;
        };
        let may_be_equal = state.synced_once && !state.incoming.is_catching_up();
        self.pulls.round_began(peer);
        self.collect();
        if may_be_equal {
            self.probe(peer);
            self.ask_next();
        } else {
            self.ask(peer);
        }
    }

    /// Takes a message from `peer`. An error means that the peer broke the protocol (or, for
    /// [`SyncError::OwnIdElsewhere`], that this replica must end); nothing of the message was applied then.
    pub fn handle(&mut self, peer: ReplicaId, message: Message<K, V>) -> Result<(), SyncError> {
        if !self.peers.contains_key(&peer) {
            return Err(SyncError::UnknownPeer(peer));
        }
        match message {
            Message::Probe {
                round,
                digest,
                fingerprint,
            } => self.on_probe(peer, round, digest, fingerprint),
            Message::Match { round } => self.on_match(peer, round),
            Message::Vector { round, vector } => self.on_vector(peer, round, vector)?,
            Message::UpToDate { round } => self.on_complete(peer, round),
            Message::Departed { origins } => self.on_departed(&origins),
            Message::Chunk(chunk) => self.on_chunk(peer, chunk)?,
            Message::Ack { serial, held } => self.on_ack(peer, serial, &held)?,
        }
        Ok(())
    }

    /// The next message to send, and to whom. Drain it after every write, `handle` and `sync_with`; a peer that
    /// gives no receipts gets a bounded number of messages and then none.
    #[must_use]
    pub fn poll_message(&mut self) -> Option<(ReplicaId, Message<K, V>)> {
        while let Some((peer, message)) = self.outbox.pop_front() {
            if self.peers.contains_key(&peer) {
                return Some((peer, message));
            }
        }
        while let Some(id) = self.ready.pop_front() {
            let Some(peer) = self.peers.get_mut(&id) else {
                continue;
            };
            let mut source = Source {
                map: &self.map,
                own: self.own,
                config: &self.config,
                transfers: &mut self.transfers,
            };
            if let Some(chunk) = peer.outgoing.next_chunk(&mut source, &peer.acknowledged) {
                // To the back: peers take turns.
                self.ready.push_back(id);
                return Some((id, Message::Chunk(chunk)));
            }
            peer.is_ready = false;
        }
        None
    }

    pub(crate) fn all_ready(&mut self) {
        for (&id, peer) in &mut self.peers {
            if !core::mem::replace(&mut peer.is_ready, true) {
                self.ready.push_back(id);
            }
        }
    }

    fn on_probe(&mut self, peer: ReplicaId, round: u64, digest: u128, fingerprint: u64) {
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

    fn on_match(&mut self, peer: ReplicaId, round: u64) {
        let unchanged = self.map.vector.digest();
        let Some(state) = self.peers.get_mut(&peer) else {
            return;
        };
        let Some(told) = state.told.filter(|told| told.round == round) else {
            return;
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

    fn on_vector(&mut self, peer: ReplicaId, round: u64, mut theirs: VersionVector) -> Result<(), SyncError> {
        self.check_own(theirs.iter())?;
        let mentioned = self.strip_retired(peer, &mut theirs);
        let is_stale = mentioned.is_stale;
        self.tell_departed(peer, &mentioned.origins);
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

    fn on_complete(&mut self, peer: ReplicaId, round: u64) {
        let told = self.peers.get(&peer).and_then(|state| state.told);
        if told.is_some_and(|told| told.round == round) {
            self.mark_synced(peer);
        }
        if self.pulls.completed(peer, round) {
            self.ask_next();
        }
    }

    fn on_chunk(&mut self, peer: ReplicaId, chunk: Chunk<K, V>) -> Result<(), SyncError> {
        check_positions(&chunk)?;
        #[cfg(test)]
        self.commit_early(&chunk);
        let Some(state) = self.peers.get_mut(&peer) else {
            return Ok(());
        };
        let (serial, scope) = (chunk.serial, chunk.scope);
        if let Scope::Own { after } = scope
            && chunk.index == 0
            && self.map.vector.get(peer) < after
            && !self.map.planted.is(Bug::GapApplied)
        {
            // Operations in between were lost on the way. Applied now, this would claim to cover them.
            state.incoming.refuse(chunk.transfer);
            self.acknowledge(peer, serial, Vec::new());
            self.ask(peer);
            return Ok(());
        }
        match state.incoming.receive(chunk) {
            Received::Late => self.acknowledge(peer, serial, Vec::new()),
            Received::Staged => {
                self.pulls.progressed(peer);
                self.acknowledge(peer, serial, Vec::new());
            }
            Received::Broken => {
                self.acknowledge(peer, serial, Vec::new());
                self.pulls.abandon(peer);
                self.ask(peer);
            }
            Received::Complete(parts, end) => {
                let covered = self.commit(parts, end, scope)?;
                self.note_held(peer, &covered);
                self.tell_departed(peer, &covered);
                self.acknowledge(peer, serial, covered);
                if let Scope::Missing { round } | Scope::Full { round } = scope {
                    self.on_complete(peer, round);
                }
            }
        }
        Ok(())
    }

    fn on_ack(&mut self, peer: ReplicaId, serial: u64, held: &[(ReplicaId, u64)]) -> Result<(), SyncError> {
        self.check_own(held.iter().copied())?;
        let Some(state) = self.peers.get_mut(&peer) else {
            return Ok(());
        };
        state.outgoing.acknowledge(serial);
        self.note_held(peer, held);
        self.ready(peer);
        Ok(())
    }

    fn note_held(&mut self, peer: ReplicaId, held: &[(ReplicaId, u64)]) {
        for &(origin, seq) in held {
            if !self.is_retired(origin)
                && let Some(state) = self.peers.get_mut(&peer)
            {
                state.acknowledged.advance(origin, seq);
            }
        }
    }

    /// Nobody can hold an operation of this replica that it has not written (S1.6).
    fn check_own(&self, mut held: impl Iterator<Item = (ReplicaId, u64)>) -> Result<(), SyncError> {
        let written = self.map.origins[self.own].covered;
        let is_beyond = |&(origin, seq): &(ReplicaId, u64)| origin == self.id && seq > written;
        match held
            .find(is_beyond)
            .filter(|_| !self.map.planted.is(Bug::IdReused))
        {
            Some((origin, seq)) => Err(SyncError::OwnIdElsewhere {
                held: Dot { origin, seq },
                written,
            }),
            None => Ok(()),
        }
    }

    fn peer_is_equal(&mut self, peer: ReplicaId) {
        if let Some(state) = self.peers.get_mut(&peer) {
            state.acknowledged.clone_from(&self.map.vector);
            state.outgoing.reset();
            state.outgoing.push_after(self.map.origins[self.own].covered);
            self.mark_synced(peer);
        }
    }

    /// Forgets the removes and contexts that every peer has seen (S1.4).
    pub(crate) fn collect(&mut self) {
        if self.map.has_garbage() {
            let peers = &self.peers;
            let everywhere = |origin| peers.values().map(|peer| peer.acknowledged.get(origin)).min();
            self.map.collect(|origin| everywhere(origin).unwrap_or(u64::MAX));
        }
        self.finish_retirements();
    }

    fn mark_synced(&mut self, peer: ReplicaId) {
        if let Some(state) = self.peers.get_mut(&peer) {
            state.synced_once = true;
        }
    }

    fn acknowledge(&mut self, peer: ReplicaId, serial: u64, held: Vec<(ReplicaId, u64)>) {
        self.outbox.push_back((peer, Message::Ack { serial, held }));
    }

    /// Asks `peer` for what is missing here, now or when it is its turn.
    fn ask(&mut self, peer: ReplicaId) {
        if self.peers.contains_key(&peer) && self.pulls.may_ask(peer) {
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

    /// After a full join: begins every transfer anew, and asks every peer whether it is equal, for nothing is pushed
    /// to a peer before it is certain that it covers the new floor.
    fn restart_transfers(&mut self) {
        for peer in self.peers.values_mut() {
            let mut source = Source {
                map: &self.map,
                own: self.own,
                config: &self.config,
                transfers: &mut self.transfers,
            };
            peer.outgoing.restart(&mut source, &peer.acknowledged);
        }
        let peers: Vec<ReplicaId> = self.peers.keys().copied().collect();
        for peer in peers {
            self.probe(peer);
        }
    }

    fn probe(&mut self, peer: ReplicaId) {
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

    fn ask_next(&mut self) {
        if let Some(peer) = self.pulls.next() {
            self.ask(peer);
        }
    }

    fn ready(&mut self, id: ReplicaId) {
        if let Some(peer) = self.peers.get_mut(&id)
            && !core::mem::replace(&mut peer.is_ready, true)
        {
            self.ready.push_back(id);
        }
    }
}
