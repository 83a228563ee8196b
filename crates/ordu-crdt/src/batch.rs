//! One atomic unit of writes.

use core::hash::Hash;

use crate::{
    AwLwwMap, Dot, EncodedLen, Siblings, Stamp, TooLarge,
    map::{op::Context, origins::OriginIdx},
    planted::Bug,
};

/// The writes of one unit: they become visible together, here and everywhere.
///
/// Made by [`Replica::write`](crate::Replica::write).
#[derive(Debug)]
pub struct Batch<'a, K, V> {
    pub(crate) map: &'a mut AwLwwMap<K, V>,
    pub(crate) origin: OriginIdx,
    pub(crate) stamp: Stamp,
    pub(crate) seq: u64,
    pub(crate) largest_op: usize,
}

impl<K, V> Batch<'_, K, V>
where
    K: Hash + Eq + Clone + EncodedLen,
    V: Clone + EncodedLen,
{
    /// The stamp that every operation of this unit gets. Values may embed it.
    pub const fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// Puts a value; it supersedes the siblings that are here now, and no others.
    pub fn put(&mut self, key: K, value: V) -> Result<(), TooLarge> {
        let bytes = op_len(&key, Some(&value), &Context::default());
        if bytes > self.largest_op {
            return Err(TooLarge {
                bytes,
                limit: self.largest_op,
            });
        }
        self.apply(key, Some(value));
        Ok(())
    }

    /// Removes the siblings that are here now. Whether there were any: without, nothing is written.
    pub fn remove(&mut self, key: &K) -> bool {
        let is_put = self.map.contains_key(key);
        if is_put && self.map.planted.is(Bug::RemoveWithoutDot) {
            self.map.forget_key(key);
        } else if is_put {
            self.apply(key.clone(), None);
        }
        is_put
    }

    /// The winner of `key`, with what this unit has written so far.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.map.get(key)
    }

    /// The siblings of `key`, with what this unit has written so far.
    pub fn siblings(&self, key: &K) -> Siblings<'_, K, V> {
        self.map.siblings(key)
    }

    /// The dot of the last operation written in this unit, or before it.
    pub fn last_dot(&self) -> Dot {
        Dot {
            origin: self.stamp.origin,
            seq: self.seq,
        }
    }

    fn apply(&mut self, key: K, value: Option<V>) {
        self.seq += 1;
        self.map.write(key, value, self.stamp.hlc, self.origin, self.seq);
    }
}

/// An upper bound of an operation's bytes in a frame: positions take up to three bytes, sequences ten, and each
/// origin it names may be new to the chunk's list at sixteen.
pub(crate) fn op_len<K: EncodedLen, V: EncodedLen>(key: &K, value: Option<&V>, context: &Context) -> usize {
    const FIXED: usize = 3 + 10 + 10 + 16 + 3 + 1;
    const SEEN: usize = 3 + 10 + 16;
    key.encoded_len() + value.map_or(0, EncodedLen::encoded_len) + FIXED + context.iter().len() * SEEN
}
