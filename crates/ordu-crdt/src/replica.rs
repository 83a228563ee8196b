//! A replica: a map, a clock and the state of the protocol with each peer.

use alloc::collections::{BTreeMap, VecDeque};
use core::hash::Hash;

use crate::{
    Arrived, AwLwwMap, Batch, Change, Dot, EncodedLen, Hlc, Message, ReplicaId, Stamp, SyncConfig,
    VersionVector,
    map::origins::OriginIdx,
    members::Members,
    sync::{Peer, Pulls},
};

/// One replica of a map.
///
/// It is driven: write to it, [`handle`](Replica::handle) what peers sent, and after either drain
/// [`poll_message`](Replica::poll_message) and [`poll_change`](Replica::poll_change). Call
/// [`sync_with`](Replica::sync_with) for each peer when it connects and then now and again; that is the only timer
/// the protocol needs, and it belongs to the caller.
#[derive(Clone, Debug)]
pub struct Replica<K, V> {
    pub(crate) id: ReplicaId,
    pub(crate) own: OriginIdx,
    pub(crate) config: SyncConfig,
    pub(crate) map: AwLwwMap<K, V>,
    pub(crate) hlc: Hlc,
    pub(crate) peers: BTreeMap<ReplicaId, Peer<K, V>>,
    pub(crate) pulls: Pulls,
    pub(crate) outbox: VecDeque<(ReplicaId, Message<K, V>)>,
    /// Peers that may have something to be sent to them.
    pub(crate) ready: VecDeque<ReplicaId>,
    pub(crate) members: Option<Members>,
    pub(crate) audits_failed: u64,
    pub(crate) rounds: u64,
    pub(crate) transfers: u64,
    /// Since [`Replica::take_arrived`] was last called: what came with transfers.
    pub(crate) arrived: Arrived,
}

/// A unit of operations that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// The first operation.
    pub first: Dot,
    /// The last; whoever covers it holds the whole unit.
    pub last: Dot,
    /// The stamp of all.
    pub stamp: Stamp,
}

impl<K, V> Replica<K, V>
where
    K: Hash + Eq + Clone + EncodedLen,
    V: Clone + EncodedLen,
{
    /// An empty replica. `id` must never have been used before: see [`ReplicaId`].
    pub fn new(id: ReplicaId, config: SyncConfig) -> Self {
        // The seed keeps hash collisions from being prepared; half of the id is enough for that.
        #[allow(clippy::cast_possible_truncation)]
        let mut map = AwLwwMap::new(id.0 as u64);
        let own = map.origins.intern(id);
        Self {
            id,
            own,
            config,
            map,
            hlc: Hlc::default(),
            peers: BTreeMap::new(),
            pulls: Pulls::default(),
            outbox: VecDeque::new(),
            ready: VecDeque::new(),
            members: None,
            audits_failed: 0,
            rounds: 0,
            transfers: 0,
            arrived: Arrived::default(),
        }
    }

    /// The id of this replica.
    pub const fn id(&self) -> ReplicaId {
        self.id
    }

    /// The state.
    pub const fn map(&self) -> &AwLwwMap<K, V> {
        &self.map
    }

    /// What is covered here of all origins that are not folded away. Whatever was written before a replica covered it
    /// is in its map, or was superseded.
    pub const fn vector(&self) -> &VersionVector {
        &self.map.vector
    }

    /// Whether an operation is covered here: it was applied, or is known to be superseded.
    pub fn covers(&self, dot: Dot) -> bool {
        dot.seq <= self.map.seen(dot.origin)
    }

    /// How far an origin is covered here, folded away or not.
    pub fn seen_of(&self, origin: ReplicaId) -> u64 {
        self.map.seen(origin)
    }

    /// All that is covered here, folded away or not: each origin and its last sequence, in no particular order. It
    /// only ever grows (S1.5).
    pub fn seen(&self) -> impl Iterator<Item = (ReplicaId, u64)> + '_ {
        self.map.vector.iter().chain(self.map.folds.iter())
    }

    /// A digest of [`seen`](Replica::seen): equal for replicas that have seen the same, whatever each has folded away,
    /// and for others with odds of 2⁻¹²⁸. O(1).
    pub const fn digest(&self) -> u128 {
        self.map.digest
    }

    /// How many origins were folded away: of each its id and its last sequence are kept, some 27 bytes.
    pub const fn folded(&self) -> usize {
        self.map.folds.len()
    }

    /// Up to where removes and contexts may have been collected here. A replica that does not cover it takes a full
    /// causal join (S1.5).
    pub const fn floor(&self) -> &VersionVector {
        self.map.floor()
    }

    /// How often a peer with an equal vector was found to hold another state. Always 0, unless memory or code failed;
    /// both replicas are repaired by sending each other all they hold. Worth an alarm.
    pub const fn audits_failed(&self) -> u64 {
        self.audits_failed
    }

    /// Writes one atomic unit: its operations become visible together on every replica (S2.3).
    ///
    /// `wall_ms` is the wall clock in milliseconds since the Unix epoch. Returns what was written, `None` if `f`
    /// wrote nothing, beside what `f` returned.
    pub fn write<R>(
        &mut self,
        wall_ms: u64,
        f: impl FnOnce(&mut Batch<'_, K, V>) -> R,
    ) -> (Option<Written>, R) {
        let stamp = self.next_stamp(wall_ms);
        let before = self.map.origins[self.own].covered;
        let mut batch = Batch {
            map: &mut self.map,
            origin: self.own,
            stamp,
            seq: before,
            largest_op: self.config.largest_op(),
        };
        let answer = f(&mut batch);
        let last = batch.last_dot();
        if last.seq == before {
            return (None, answer);
        }
        self.map.advance(self.own, last.seq);
        if self.peers.is_empty() {
            // No round of anti-entropy will do it.
            self.collect();
        }
        self.all_ready();
        let first = Dot {
            seq: before + 1,
            ..last
        };
        (Some(Written { first, last, stamp }), answer)
    }

    /// The reading of the hybrid logical clock: the highest stamp given out or seen.
    pub const fn hlc(&self) -> Hlc {
        self.hlc
    }

    /// A stamp above every stamp given out or seen here; it is given out once.
    pub fn next_stamp(&mut self, wall_ms: u64) -> Stamp {
        self.hlc = self.hlc.tick(wall_ms);
        Stamp {
            hlc: self.hlc,
            origin: self.id,
        }
    }

    /// Moves the clock past a reading seen elsewhere; a joiner adopts its seed's so (S1.7).
    ///
    /// Operations that arrive move it too. Compare wall clocks, not these readings, before talking to a peer.
    pub fn observe_hlc(&mut self, seen: Hlc) {
        self.hlc = self.hlc.max(seen);
    }

    /// What transfers brought since this was last called: of each origin that they named one entry is kept until then. Layers that tell the absence of a value that was superseded
    /// from one that has not come yet judge by what was covered before.
    pub fn take_arrived(&mut self) -> Arrived {
        core::mem::take(&mut self.arrived)
    }

    /// The next change of the map, local writes included, `None` once all are told.
    #[must_use]
    pub fn poll_change(&mut self) -> Option<Change<K, V>> {
        self.map.poll_change()
    }
}
