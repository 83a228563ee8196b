//! Departed replicas: how a vector stays as small as the cluster, however often nodes boot.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::hash::Hash;

use crate::{
    EncodedLen, Message, Replica, ReplicaId, VersionVector,
    map::{NewOp, origins::OriginIdx},
};

/// The origins that are gone for good.
#[derive(Clone, Debug, Default)]
pub(crate) struct Retired {
    /// Will never write again, but are still in the vector; with the number of rounds that had begun when that was
    /// heard.
    departing: BTreeMap<ReplicaId, u64>,
    /// Out of the vector, with their last sequence.
    last_seqs: BTreeMap<ReplicaId, u64>,
    /// Ids up to here were retired and forgotten, unless they are known.
    horizon: Option<ReplicaId>,
}

impl Retired {
    /// How many are remembered exactly. Of older ones it is known only that they are old: ids sort by boot time.
    const REMEMBERED: usize = 256;

    fn insert(&mut self, origin: ReplicaId, last_seq: u64) {
        self.departing.remove(&origin);
        self.last_seqs.insert(origin, last_seq);
        if self.last_seqs.len() > Self::REMEMBERED {
            let oldest = self.last_seqs.pop_first().map(|(oldest, _)| oldest);
            self.horizon = self.horizon.max(oldest);
        }
    }

    pub(crate) fn is_departing(&self, origin: ReplicaId) -> bool {
        self.departing.contains_key(&origin)
    }
}

impl<K, V> Replica<K, V>
where
    K: Hash + Eq + Clone + EncodedLen,
    V: Clone + EncodedLen,
{
    /// Declares that `origin` will never write again, because its node has booted anew or was removed for good.
    ///
    /// Every replica should be told; one that was not learns it from its peers. Once every peer has all of the origin's operations and none of them is held any
    /// more, it leaves the vector. What a replica that was away still has of a retired origin is dropped when it
    /// returns (S1.5), told as [`Change`](crate::Change)s. Values of the origin that are still held keep it in the
    /// vector; [`adopt`](Replica::adopt) them to be rid of it.
    ///
    /// A peer that is declared departed is removed. This replica itself cannot be.
    pub fn retire(&mut self, origin: ReplicaId) {
        if origin != self.id {
            self.remove_peer(origin);
            if self.retired.last_seqs.contains_key(&origin) {
                return;
            }
            // It may be unknown here and come with what a peer sends that has not retired it yet.
            self.retired.departing.entry(origin).or_insert(self.rounds);
            if self.retired.departing.len() > Retired::REMEMBERED {
                let mut departing = self.retired.departing.keys();
                let unknown = departing
                    .find(|&&id| self.map.origins.find(id).is_none())
                    .copied();
                unknown.map(|id| self.retired.departing.remove(&id));
            }
        }
    }

    /// Writes up to `limit` values that a departed origin put anew, as this replica's own operations with the stamps
    /// they had. Returns how many.
    ///
    /// One replica should do it, while the cluster is quiet: a remove that is written elsewhere at the same moment
    /// has not seen the new operation and loses to it. A key with a sibling of this replica's own is left as it is
    /// until the siblings are resolved.
    pub fn adopt(&mut self, origin: ReplicaId, limit: usize) -> usize {
        let Some(from) = self
            .map
            .origins
            .find(origin)
            .filter(|_| self.retired.is_departing(origin))
        else {
            return 0;
        };
        let mut adopted = 0;
        let mut next = self.map.origins[from].oldest;
        let mut seq = self.map.origins[self.own].covered;
        while let Some(id) = next.filter(|_| adopted < limit) {
            let op = &self.map.ops[id];
            next = op.newer;
            if op.value.is_none() || self.map.has_op_of(id, self.own) {
                continue;
            }
            let mut context = op.context.clone();
            context.absorb_dot(from, op.seq, self.own);
            let (key, value, hlc) = (op.key.clone(), op.value.clone(), op.hlc);
            seq += 1;
            adopted += 1;
            self.map.apply(NewOp {
                key,
                value,
                hlc,
                origin: self.own,
                seq,
                context,
            });
        }
        if adopted > 0 {
            self.map.advance(self.own, seq);
            self.all_ready();
        }
        adopted
    }

    /// Whether `origin` has left the vector for good.
    pub fn is_retired(&self, origin: ReplicaId) -> bool {
        let is_forgotten = || {
            self.retired.horizon.is_some_and(|horizon| origin <= horizon)
                && self.map.origins.find(origin).is_none()
                && !self.peers.contains_key(&origin)
                && origin != self.id
        };
        self.retired.last_seqs.contains_key(&origin) || is_forgotten()
    }

    /// Takes departing origins out of the vector, once nothing depends on them.
    pub(crate) fn finish_retirements(&mut self) {
        // Transfers count origins by their index.
        if self.retired.departing.is_empty() || self.peers.values().any(|peer| peer.outgoing.is_sending()) {
            return;
        }
        for (id, since) in self.retired.departing.clone() {
            let Some(index) = self.map.origins.find(id) else {
                continue;
            };
            let covered = self.map.origins[index].covered;
            // A peer that has not said since what it has may have more of it.
            let is_everywhere = self
                .peers
                .values()
                .all(|peer| peer.acknowledged.get(id) >= covered && peer.completed > since);
            let is_held = self.map.origins[index].oldest.is_some();
            if is_everywhere && !is_held && !self.map.is_named(index, covered) {
                self.take_out(id, index);
            }
        }
    }

    /// Drops all that is held of an origin that a peer has retired. If it was a peer here it is none any more: the rest
    /// of the full join holds only together with this, and what that peer says meanwhile would bring back its own.
    pub(crate) fn drop_origin(&mut self, id: ReplicaId, last_seq: u64) {
        self.peers.remove(&id);
        self.pulls.abandon(id);
        let Some(index) = self.map.origins.find(id) else {
            self.retired.insert(id, last_seq);
            return;
        };
        while let Some(op) = self.map.origins[index].oldest {
            self.map.forget(op);
        }
        self.map.advance(index, last_seq);
        self.take_out(id, index);
    }

    fn take_out(&mut self, id: ReplicaId, index: OriginIdx) {
        self.retired.insert(id, self.map.origins[index].covered);
        self.map.remove_origin(id, index);
        for peer in self.peers.values_mut() {
            peer.acknowledged.remove(id);
        }
    }

    /// Tells a peer that still has retired origins in its vector that they are gone.
    pub(crate) fn tell_departed(&mut self, peer: ReplicaId, held: &[(ReplicaId, u64)]) {
        let named = held.iter().map(|&(origin, _)| origin);
        let origins: Vec<_> = named.filter(|&origin| self.is_retired(origin)).collect();
        if !origins.is_empty() {
            self.outbox.push_back((peer, Message::Departed { origins }));
        }
    }

    /// A peer has retired origins that are in the vector here: so have they departed for this replica.
    pub(crate) fn on_departed(&mut self, origins: &[ReplicaId]) {
        for &origin in origins {
            let is_known = self.map.origins.find(origin).is_some();
            if is_known && origin != self.id && !self.peers.contains_key(&origin) {
                self.retired.departing.entry(origin).or_insert(self.rounds);
            }
        }
    }

    /// Takes retired origins out of a peer's vector.
    pub(crate) fn strip_retired(&self, peer: ReplicaId, theirs: &mut VersionVector) -> Mentioned {
        let mut mentioned = Mentioned::default();
        let retired: Vec<_> = theirs
            .iter()
            .filter(|&(origin, _)| self.is_retired(origin))
            .collect();
        for (origin, seq) in retired {
            theirs.remove(origin);
            let last_seq = self.retired.last_seqs.get(&origin).copied();
            mentioned.is_stale |= last_seq != Some(seq) || origin == peer;
            mentioned.origins.push((origin, last_seq.unwrap_or(seq)));
        }
        mentioned
    }

    /// Adds the retired origins that the peer does not name: after a full join it must take nothing of them from a
    /// third, which may not have heard of what superseded it.
    pub(crate) fn and_all_retired(&self, mut mentioned: Mentioned) -> Mentioned {
        let named: BTreeSet<ReplicaId> = mentioned.origins.iter().map(|&(origin, _)| origin).collect();
        let others = self
            .retired
            .last_seqs
            .iter()
            .filter(|(id, _)| !named.contains(id));
        mentioned
            .origins
            .extend(others.map(|(&id, &last_seq)| (id, last_seq)));
        mentioned
    }
}

/// What a full join says of origins that are retired here: those that the peer has in its vector, and all others that
/// are remembered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mentioned {
    /// Each with its last sequence, as far as that is known.
    pub(crate) origins: Vec<(ReplicaId, u64)>,
    /// Of one of them the peer holds something else than there was, so it has to be told what to drop.
    pub(crate) is_stale: bool,
}
