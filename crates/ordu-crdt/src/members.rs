//! Who may still come with something: what may be forgotten, and which origins may be folded away.

use alloc::{collections::BTreeSet, vec::Vec};
use core::hash::Hash;

use crate::{
    EncodedLen, Replica, ReplicaId,
    map::origins::{Origin, OriginIdx},
    planted::Bug,
    sync::Peer,
};

/// The replicas that have not ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members {
    /// All of them, those included that were written off.
    living: BTreeSet<ReplicaId>,
    /// Some were written off.
    has_written_off: bool,
}

impl<K, V> Replica<K, V>
where
    K: Hash + Eq + Clone + EncodedLen,
    V: Clone + EncodedLen,
{
    /// Says who the replicas are that have not ended, this one aside: those that count, whether this replica has ever
    /// met them or not, and those that were *written off*, for which nothing waits.
    ///
    /// Removes and contexts are kept until every one that counts has seen them (S1.4). An origin that is in neither
    /// list has ended: it writes no more. Once every one that counts covers it and nothing of it is held any more it is
    /// *folded away* (S1.5): all that is kept is its id and its last sequence. Values of it that are still held keep it
    /// from that; [`adopt`](Replica::adopt) them.
    ///
    /// Being wrong costs full causal joins, never a value: whoever turns up with more of an origin that was folded
    /// away brings it back, from its last sequence on.
    ///
    /// Until this is called for the first time, the peers are those that count, and nobody ends.
    pub fn set_members(
        &mut self,
        counted: impl IntoIterator<Item = ReplicaId>,
        written_off: impl IntoIterator<Item = ReplicaId>,
    ) {
        let mut living: BTreeSet<_> = counted.into_iter().filter(|&id| id != self.id).collect();
        self.peers
            .retain(|id, peer| peer.is_connected || living.contains(id));
        for &id in &living {
            self.peers.entry(id).or_insert_with(Peer::unmet);
        }
        let counted = living.len();
        living.extend(written_off.into_iter().filter(|&id| id != self.id));
        let has_written_off = living.len() > counted;
        self.members = Some(Members {
            living,
            has_written_off,
        });
    }

    /// Whether an origin writes no more, by what was said with [`set_members`](Replica::set_members).
    pub(crate) fn has_ended(&self, origin: ReplicaId) -> bool {
        let is_member = |members: &Members| members.living.contains(&origin);
        origin != self.id
            && !self.is_connected(origin)
            && self.members.as_ref().is_some_and(|all| !is_member(all))
    }

    /// Forgets the removes and contexts that every member has seen (S1.4), and folds away the origins that have ended
    /// (S1.5). Rounds of anti-entropy do it; without a connected peer it is the caller's to do now and again.
    pub fn collect(&mut self) {
        self.note_the_ended();
        if self.map.has_garbage() {
            let only_present = self.map.planted.is(Bug::RetireAsksPresentPeers);
            let peers = self.peers.values();
            let asked = peers.filter(|peer| peer.is_connected || !only_present);
            let everywhere = |origin| asked.clone().map(|peer| peer.acknowledged.get(origin)).min();
            // Whoever was written off has said nothing, and may have it.
            let all_are_asked = only_present
                || self
                    .members
                    .as_ref()
                    .is_some_and(|members| !members.has_written_off);
            let is_told = |origin: &Origin| {
                let has_said = |since| asked.clone().all(|peer| peer.completed > since);
                all_are_asked && origin.ended.is_some_and(has_said)
            };
            self.map.collect(
                self.config.collected_at_once,
                |origin| everywhere(origin).unwrap_or(u64::MAX),
                is_told,
            );
        }
        self.fold_the_ended();
    }

    /// Notes of every origin whether it has ended, and since when that is known.
    fn note_the_ended(&mut self) {
        if self.members.is_none() {
            return;
        }
        let changed: Vec<(OriginIdx, bool)> = self
            .map
            .origins
            .iter()
            .filter_map(|(index, origin)| {
                let has_ended = self.has_ended(origin.id);
                (has_ended != origin.ended.is_some()).then_some((index, has_ended))
            })
            .collect();
        for (index, has_ended) in changed {
            self.map.origins[index].ended = has_ended.then_some(self.rounds);
        }
    }

    /// Folds away the origins that have ended, once nothing depends on them.
    fn fold_the_ended(&mut self) {
        // Transfers count origins by their index.
        if self.members.is_none() || self.peers.values().any(|peer| peer.outgoing.is_sending()) {
            return;
        }
        let peers = &self.peers;
        let is_everywhere = |origin: &Origin| {
            let mut acknowledged = peers.values().map(|peer| peer.acknowledged.get(origin.id));
            acknowledged.all(|seq| seq >= origin.covered)
        };
        let ended =
            self.map.origins.iter().filter(|(_, origin)| {
                origin.ended.is_some() && origin.oldest.is_none() && is_everywhere(origin)
            });
        let mut ended: Vec<_> = ended.map(|(index, _)| index).collect();
        if ended.is_empty() {
            return;
        }
        if !self.map.planted.is(Bug::ContextStrippedByFold) {
            let named = self.map.named();
            ended.retain(|index| !named[index.index()]);
        }
        for index in ended {
            let Origin { id, covered, .. } = self.map.origins[index];
            let is_first = self.map.folds.is_empty();
            self.map.fold(index);
            for peer in self.peers.values_mut() {
                let covers_all = (peer.covers_folds || is_first) && peer.acknowledged.get(id) >= covered;
                peer.covers_folds = covers_all;
                peer.acknowledged.remove(id);
            }
        }
    }

    /// The index of an origin, for an operation of it. One that was folded away is taken up again where it was left.
    pub(crate) fn intern(&mut self, id: ReplicaId) -> OriginIdx {
        let (index, revived) = self.map.intern(id);
        if let Some(covered) = revived {
            for peer in self.peers.values_mut().filter(|peer| peer.covers_folds) {
                peer.acknowledged.advance(id, covered);
            }
        }
        index
    }
}
