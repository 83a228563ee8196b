//! One retained operation.

use alloc::{boxed::Box, vec::Vec};

use super::{origins::OriginIdx, slab::SlotId};
use crate::Hlc;

/// A put or remove that no known operation supersedes.
///
/// The operations of a key form a chain through `next`, those of an origin a list through `older` and `newer`:
/// no allocation belongs to an entry but what its key and value own.
#[derive(Clone, Debug)]
pub(crate) struct Op<K, V> {
    pub(crate) key: K,
    /// `None` is a remove.
    pub(crate) value: Option<V>,
    pub(crate) hlc: Hlc,
    pub(crate) seq: u64,
    pub(crate) context: Context,
    /// Its own sequence, or an earlier one of the same origin on this key that named all of the context already: once
    /// everybody covers that, nobody needs the context any more, however often the key was written since.
    pub(crate) named_since: u64,
    /// The next operation of the same key.
    pub(crate) next: Option<SlotId>,
    pub(crate) older: Option<SlotId>,
    pub(crate) newer: Option<SlotId>,
    pub(crate) origin: OriginIdx,
    /// First in the chain of its key; the key index points here.
    pub(crate) head: bool,
    /// Meaningful in the head: a change of this key waits to be polled.
    pub(crate) changed: bool,
}

impl<K, V> Op<K, V> {
    /// Whether this operation's writer had seen the operation `seq` of `origin` on this key, directly or through
    /// operations that superseded it.
    pub(crate) fn supersedes(&self, origin: OriginIdx, seq: u64) -> bool {
        if origin == self.origin {
            seq < self.seq
        } else {
            seq <= self.context.get(origin)
        }
    }

    pub(crate) fn is(&self, origin: OriginIdx, seq: u64) -> bool {
        self.origin == origin && self.seq == seq
    }
}

/// The operations on one key that the writer of an operation had seen: for each other origin the highest
/// sequence. The writer's own earlier operations are understood.
///
/// It is closed over time: what a superseded operation superseded is in here too. That is what allows a
/// superseded operation to be forgotten and never sent again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
// Most contexts are empty; the box keeps those at 8 bytes.
#[allow(clippy::box_collection)]
pub(crate) struct Context(Option<Box<Vec<(OriginIdx, u64)>>>);

impl Context {
    pub(crate) fn get(&self, origin: OriginIdx) -> u64 {
        let entries = self.iter();
        entries
            .filter(|entry| entry.0 == origin)
            .map(|entry| entry.1)
            .max()
            .unwrap_or(0)
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (OriginIdx, u64)> + '_ {
        self.0.as_deref().map_or(&[][..], Vec::as_slice).iter().copied()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    fn add(&mut self, origin: OriginIdx, seq: u64) {
        let entries = self.0.get_or_insert_default();
        match entries.iter_mut().find(|entry| entry.0 == origin) {
            Some(entry) => entry.1 = entry.1.max(seq),
            None => entries.push((origin, seq)),
        }
    }

    /// Takes over what `other` covers into the context of an operation of `writer`. Whether that was news.
    pub(crate) fn absorb(&mut self, other: &Self, writer: OriginIdx) -> bool {
        let mut news = false;
        for (origin, seq) in other.iter() {
            news |= self.absorb_dot(origin, seq, writer);
        }
        news
    }

    /// Covers one more operation, unless it is the writer's own. Whether that was news.
    pub(crate) fn absorb_dot(&mut self, origin: OriginIdx, seq: u64, writer: OriginIdx) -> bool {
        let news = origin != writer && seq > self.get(origin);
        if news {
            self.add(origin, seq);
        }
        news
    }

    /// Whether all that `other` covers is covered here.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        other.iter().all(|(origin, seq)| seq <= self.get(origin))
    }

    /// Keeps the entries for which `keep` holds. Whether any went.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(OriginIdx, u64) -> bool) -> bool {
        let Some(entries) = &mut self.0 else { return false };
        let before = entries.len();
        entries.retain(|&(origin, seq)| keep(origin, seq));
        let went = entries.len() < before;
        if entries.is_empty() {
            self.0 = None;
        }
        went
    }
}
