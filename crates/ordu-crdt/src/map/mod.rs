//! The map: what is stored and how it is read.

mod apply;
mod collect;
mod fold;
mod folds;
mod log;
pub(crate) mod op;
pub(crate) mod origins;
mod sibling;
pub(crate) mod slab;

use alloc::collections::VecDeque;
use core::{
    borrow::Borrow,
    fmt,
    hash::{BuildHasher, Hash},
};

use foldhash::fast::FixedState;
use hashbrown::HashTable;

pub(crate) use self::apply::NewOp;
pub use self::sibling::{Sibling, SiblingRef, Siblings};
use self::{
    folds::Folds,
    op::Op,
    origins::{OriginIdx, Origins},
    slab::{Slab, SlotId},
};
use crate::{Stamp, VersionVector, planted::Planted};

/// An add-wins last-write-wins map.
///
/// Read it like a `BTreeMap` or `HashMap`; it is written through [`Replica::write`](crate::Replica::write) only,
/// because each write is an event of a replica.
///
/// - A put survives every remove, and every other put, that had not seen it.
/// - Values that were put concurrently under one key are [siblings](AwLwwMap::siblings). All stay readable until
///   a write that saw them supersedes them; [`get`](AwLwwMap::get) gives the one with the highest [`Stamp`].
///
/// Lookups are O(1). Iteration is in an order that depends on the history of this replica alone (the same inputs
/// give the same order), not on keys, and differs between replicas.
#[derive(Clone)]
pub struct AwLwwMap<K, V> {
    pub(crate) ops: Slab<Op<K, V>>,
    /// The head of each key's chain.
    index: HashTable<SlotId>,
    hasher: FixedState,
    pub(crate) origins: Origins,
    /// What is covered of the origins that are not folded away.
    pub(crate) vector: VersionVector,
    pub(crate) folds: Folds,
    /// Of all that is covered, folded away or not.
    pub(crate) digest: u128,
    /// Keys with a value; a key may be held for its remove alone.
    len: usize,
    fingerprint: u64,
    /// Keys whose siblings changed since they were last polled, with the winner of then.
    changes: VecDeque<(K, Option<Sibling<V>>)>,
    /// How many of these are about keys that are not held at all any more.
    orphans: usize,
    /// Operations that are removes or have a context: what becomes collectable once it is stable.
    garbage: VecDeque<(SlotId, OriginIdx, u64)>,
    pub(crate) floor: VersionVector,
    pub(crate) planted: Planted,
}

impl<K, V> AwLwwMap<K, V> {
    pub(crate) fn new(hash_seed: u64) -> Self {
        Self {
            ops: Slab::new(),
            index: HashTable::new(),
            hasher: FixedState::with_seed(hash_seed),
            origins: Origins::default(),
            vector: VersionVector::new(),
            folds: Folds::default(),
            digest: 0,
            len: 0,
            fingerprint: 0,
            changes: VecDeque::new(),
            orphans: 0,
            garbage: VecDeque::new(),
            floor: VersionVector::new(),
            planted: Planted::default(),
        }
    }

    /// The number of keys that have a value.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether no key has a value.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The number of operations held: each sibling, and each remove that some replica may not have seen yet.
    pub const fn retained(&self) -> usize {
        self.ops.len()
    }

    /// How many of these are removes. Looks at each.
    pub fn removes(&self) -> usize {
        self.ops.iter().filter(|(_, op)| op.value.is_none()).count()
    }

    /// A hash of all siblings, kept up to date at O(1) a change.
    ///
    /// Replicas with equal vectors have equal fingerprints (S1.2); that they have is audited in every round of
    /// anti-entropy.
    pub const fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// All keys with their winning values.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let winners = self.heads().filter_map(|head| self.winner(head));
        winners.filter_map(|id| {
            self.ops[id]
                .value
                .as_ref()
                .map(|value| (&self.ops[id].key, value))
        })
    }

    /// All keys that have a value.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    /// The winning values of all keys.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    fn heads(&self) -> impl Iterator<Item = SlotId> {
        self.ops.iter().filter(|(_, op)| op.head).map(|(id, _)| id)
    }

    /// The operations of one key, from the head of its chain.
    fn chain(&self, head: Option<SlotId>) -> impl Iterator<Item = SlotId> + Clone {
        core::iter::successors(head, |&id| self.ops[id].next)
    }

    /// The put with the highest stamp.
    fn winner(&self, head: SlotId) -> Option<SlotId> {
        let puts = self.chain(Some(head)).filter(|&id| self.ops[id].value.is_some());
        puts.max_by_key(|&id| self.stamp(&self.ops[id]))
    }

    pub(crate) fn stamp(&self, op: &Op<K, V>) -> Stamp {
        Stamp {
            hlc: op.hlc,
            origin: self.origins[op.origin].id,
        }
    }
}

impl<K: Hash + Eq, V> AwLwwMap<K, V> {
    /// The winning value of `key`: of its siblings the one with the highest stamp.
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.winner(self.head(key)?)
            .and_then(|id| self.ops[id].value.as_ref())
    }

    /// The winner of `key` with its stamp and dot.
    pub fn entry<Q>(&self, key: &Q) -> Option<SiblingRef<'_, V>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.winner(self.head(key)?).and_then(|id| self.sibling(id))
    }

    /// All values of `key` that no write has superseded, in no particular order.
    pub fn siblings<Q>(&self, key: &Q) -> Siblings<'_, K, V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        Siblings::new(self, self.head(key))
    }

    /// Whether `key` has a value.
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.get(key).is_some()
    }

    fn head<Q>(&self, key: &Q) -> Option<SlotId>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.find_head(self.hasher.hash_one(key), key)
    }

    fn find_head<Q>(&self, hash: u64, key: &Q) -> Option<SlotId>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        self.index
            .find(hash, |&id| self.ops[id].key.borrow() == key)
            .copied()
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for AwLwwMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
