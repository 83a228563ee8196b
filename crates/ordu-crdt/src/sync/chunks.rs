//! Chunks and their receipts.

use alloc::vec::Vec;
use core::hash::Hash;

use super::{
    Source,
    incoming::{Received, check_positions},
};
use crate::{Chunk, EncodedLen, Message, Replica, ReplicaId, Scope, SyncError, planted::Bug};

impl<K, V> Replica<K, V>
where
    K: Hash + Eq + Clone + EncodedLen,
    V: Clone + EncodedLen,
{
    pub(super) fn on_chunk(&mut self, peer: ReplicaId, chunk: Chunk<K, V>) -> Result<(), SyncError> {
        check_positions(&chunk)?;
        self.commit_early(&chunk);
        let Some(state) = self.peers.get_mut(&peer) else {
            return Ok(());
        };
        let (serial, scope) = (chunk.serial, chunk.scope);
        if let Scope::Own { after } = scope
            && chunk.index == 0
            && self.map.seen(peer) < after
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
            Received::Complete(parts) => {
                let covered = self.commit(parts, scope)?;
                self.note_held(peer, &covered);
                self.acknowledge(peer, serial, covered);
                if let Scope::Missing { round } | Scope::Full { round } = scope {
                    self.on_complete(peer, round);
                }
            }
        }
        Ok(())
    }

    pub(super) fn on_ack(
        &mut self,
        peer: ReplicaId,
        serial: u64,
        held: &[(ReplicaId, u64)],
    ) -> Result<(), SyncError> {
        self.check_own(held.iter().copied())?;
        let Some(state) = self.peers.get_mut(&peer) else {
            return Ok(());
        };
        let was_received = state.outgoing.is_received();
        state.outgoing.acknowledge(serial);
        let is_received = state.outgoing.is_received();
        self.note_held(peer, held);
        self.ready(peer);
        // An exchange that is under way the other way round ends with the same question.
        if is_received && !was_received && !self.pulls.is_asking(peer) {
            self.find_out_what_it_covers(peer);
        }
        Ok(())
    }

    fn note_held(&mut self, peer: ReplicaId, held: &[(ReplicaId, u64)]) {
        for &(origin, seq) in held {
            // Of what is folded away here no more is kept than whether the peer has all of it.
            if self.map.origins.find(origin).is_some()
                && let Some(state) = self.peers.get_mut(&peer)
            {
                state.acknowledged.advance(origin, seq);
            }
        }
    }

    /// Gives a receipt. What does not fit the frame the peer learns in the next round.
    fn acknowledge(&mut self, peer: ReplicaId, serial: u64, mut held: Vec<(ReplicaId, u64)>) {
        held.truncate(self.config.entries_in_a_frame());
        self.outbox.push_back((peer, Message::Ack { serial, held }));
    }

    /// After a full join: begins every transfer anew, and asks every peer whether it is equal, for nothing is pushed
    /// to a peer before it is certain that it covers the new floor.
    pub(super) fn restart_transfers(&mut self) {
        for peer in self.peers.values_mut() {
            let mut source = Source {
                map: &self.map,
                own: self.own,
                config: &self.config,
                transfers: &mut self.transfers,
            };
            let covers_floor = peer.covers_floor(source.map);
            peer.outgoing
                .restart(&mut source, &peer.acknowledged, covers_floor);
        }
        let peers: Vec<ReplicaId> = self.peers.keys().copied().collect();
        for peer in peers {
            self.probe(peer);
        }
    }
}
