//! One of the concurrent values of a key.

use super::{AwLwwMap, slab::SlotId};
use crate::{Dot, Stamp};

/// A value with the operation that put it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sibling<V> {
    /// What was put.
    pub value: V,
    /// When it was put, and what the last-write-wins order goes by.
    pub stamp: Stamp,
    /// The operation that put it.
    pub dot: Dot,
}

/// A [`Sibling`] within the map.
pub type SiblingRef<'a, V> = Sibling<&'a V>;

impl<V: Clone> Sibling<&V> {
    /// The sibling with a copy of its value.
    pub fn cloned(self) -> Sibling<V> {
        Sibling {
            value: self.value.clone(),
            stamp: self.stamp,
            dot: self.dot,
        }
    }
}

/// The siblings of one key; made by [`AwLwwMap::siblings`].
#[derive(Debug)]
pub struct Siblings<'a, K, V> {
    map: &'a AwLwwMap<K, V>,
    next: Option<SlotId>,
}

impl<'a, K, V> Siblings<'a, K, V> {
    pub(super) const fn new(map: &'a AwLwwMap<K, V>, head: Option<SlotId>) -> Self {
        Self { map, next: head }
    }
}

impl<'a, K, V> Iterator for Siblings<'a, K, V> {
    type Item = SiblingRef<'a, V>;

    fn next(&mut self) -> Option<Self::Item> {
        while let Some(id) = self.next {
            self.next = self.map.ops[id].next;
            let sibling = self.map.sibling(id);
            if sibling.is_some() {
                return sibling;
            }
        }
        None
    }
}

impl<K, V> AwLwwMap<K, V> {
    /// The sibling that this operation put, if it is a put.
    pub(super) fn sibling(&self, id: SlotId) -> Option<SiblingRef<'_, V>> {
        let op = &self.ops[id];
        let dot = Dot {
            origin: self.origins[op.origin].id,
            seq: op.seq,
        };
        op.value.as_ref().map(|value| Sibling {
            value,
            stamp: self.stamp(op),
            dot,
        })
    }
}
