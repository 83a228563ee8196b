//! The protocol between replicas. `docs/crdt.md` states it; the parts are the folder's other files.

mod asked;
mod chunks;
mod commit;
mod frame;
mod full;
mod incoming;
mod outgoing;
mod peer;
mod pulls;
mod rounds;

use core::hash::Hash;

pub(crate) use self::{
    asked::Asked,
    incoming::{Incoming, Part},
    outgoing::{Outgoing, Request, Source},
    peer::{Peer, Told},
    pulls::Pulls,
};
use crate::{Dot, EncodedLen, Message, Replica, ReplicaId, SyncError, VersionVector, planted::Bug};

impl<K, V> Replica<K, V>
where
    K: Hash + Eq + Clone + EncodedLen,
    V: Clone + EncodedLen,
{
    /// Adds a peer: own writes are pushed to it once it has said what it has, which the first
    /// [`sync_with`](Replica::sync_with) of either side brings about. A peer that is there already stays as it is.
    pub fn add_peer(&mut self, peer: ReplicaId) {
        if peer != self.id {
            self.peers.entry(peer).or_default().is_connected = true;
        }
    }

    /// A number that stands still while a peer that was asked for what is missing here sends none of it; `None` if
    /// nobody is being asked.
    ///
    /// One peer is asked at a time, so one that never answers holds up the others for two rounds of `sync_with`. A
    /// caller with a clock need not wait as long: it calls [`give_up_pull`](Self::give_up_pull).
    pub fn pull_progress(&self) -> Option<u64> {
        self.pulls.open()
    }

    /// Gives up on the peer that is being asked, and asks the next one that has something.
    pub fn give_up_pull(&mut self) {
        self.pulls.give_up();
        self.ask_next();
    }

    /// Takes a peer for unreachable: nothing is sent to it and messages from it are refused, until it is added again.
    /// What it has acknowledged is kept, and removes wait for it (S1.4), so that on its return it is sent what it
    /// missed and not all there is.
    pub fn disconnect(&mut self, peer: ReplicaId) {
        if let Some(state) = self.peers.get_mut(&peer) {
            let acknowledged = core::mem::take(&mut state.acknowledged);
            *state = Peer {
                acknowledged,
                covers_folds: state.covers_folds,
                ..Peer::unmet()
            };
            self.pulls.abandon(peer);
            self.ask_next();
        }
    }

    /// Removes a peer and all state that was kept for it. Messages from it are refused.
    pub fn remove_peer(&mut self, peer: ReplicaId) {
        self.peers.remove(&peer);
        self.pulls.abandon(peer);
        self.ask_next();
    }

    /// The peers, connected or not, in the order of their ids.
    pub fn peers(&self) -> impl Iterator<Item = ReplicaId> + '_ {
        self.peers.keys().copied()
    }

    /// The peers that were added and not [disconnected](Replica::disconnect) since, in the order of their ids.
    pub fn connected_peers(&self) -> impl Iterator<Item = ReplicaId> + '_ {
        let connected = self.peers.iter().filter(|(_, peer)| peer.is_connected);
        connected.map(|(id, _)| *id)
    }

    /// Whether it is a peer that was added and not [disconnected](Replica::disconnect) since.
    pub fn is_connected(&self, peer: ReplicaId) -> bool {
        self.peers.get(&peer).is_some_and(|peer| peer.is_connected)
    }

    /// Whether everything the peer had when some exchange since [`add_peer`](Replica::add_peer) began is here.
    pub fn synced_once(&self, peer: ReplicaId) -> bool {
        self.peers.get(&peer).is_some_and(|peer| peer.synced_once)
    }

    /// What the peer is known to hold of the origins that are not folded away here: a lower bound. `None` if it is no
    /// peer.
    pub fn acknowledged(&self, peer: ReplicaId) -> Option<&VersionVector> {
        self.peers.get(&peer).map(|peer| &peer.acknowledged)
    }

    /// Whether the peer is known to hold an operation, or what superseded it.
    pub fn is_held_by(&self, peer: ReplicaId, dot: Dot) -> bool {
        self.peers.get(&peer).is_some_and(|state| {
            state.acknowledged.covers(dot) || state.covers_folds && dot.seq <= self.map.folds.get(dot.origin)
        })
    }

    /// Whether a transfer of missing operations is open: the state here is behind, and known to be.
    pub fn is_catching_up(&self) -> bool {
        self.peers.values().any(|peer| peer.incoming.is_catching_up())
    }

    /// How many rounds of anti-entropy were begun here, with all peers together. O(1).
    pub const fn rounds(&self) -> u64 {
        self.rounds
    }

    /// The last of the [rounds](Self::rounds), counted from 1, in which all that `peer` had when it answered came here;
    /// 0 if none did since the peer was added. O(log n) in the number of peers.
    pub fn completed_round(&self, peer: ReplicaId) -> u64 {
        self.peers.get(&peer).map_or(0, |peer| peer.completed)
    }

    /// Begins a round of anti-entropy with `peer`. With nothing new on either side it costs both one message of
    /// under 64 bytes.
    ///
    /// Call it when the peer connects and then periodically; each call also finds exchanges that got stuck since
    /// the last. While another peer is being asked, this one waits for its turn.
    pub fn sync_with(&mut self, peer: ReplicaId) {
        let Some(state) = self.peers.get(&peer).filter(|peer| peer.is_connected) else {
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
        if !self.is_connected(peer) {
            return Err(SyncError::UnknownPeer(peer));
        }
        match message {
            Message::Probe {
                round,
                digest,
                fingerprint,
            } => self.on_probe(peer, round, digest, fingerprint),
            Message::Match { round } => self.on_match(peer, round),
            Message::Vector {
                round,
                vector,
                rest,
                ranges,
            } => self.on_vector(peer, round, Asked { vector, rest, ranges })?,
            Message::UpToDate { round } => self.on_complete(peer, round),
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
            if self.is_connected(peer) {
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
            let covers_floor = peer.covers_floor(source.map);
            if let Some(chunk) = peer
                .outgoing
                .next_chunk(&mut source, &peer.acknowledged, covers_floor)
            {
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

    pub(super) fn ready(&mut self, id: ReplicaId) {
        if let Some(peer) = self.peers.get_mut(&id)
            && !core::mem::replace(&mut peer.is_ready, true)
        {
            self.ready.push_back(id);
        }
    }

    /// Nobody can hold an operation of this replica that it has not written (S1.6).
    pub(super) fn check_own(
        &self,
        mut held: impl Iterator<Item = (ReplicaId, u64)>,
    ) -> Result<(), SyncError> {
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
}
