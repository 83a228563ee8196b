//! The one way a map changes: an operation takes its place in the chain of its key.

use core::hash::{BuildHasher, Hash};

use super::{
    AwLwwMap, Sibling,
    op::{Context, Op},
    origins::OriginIdx,
    slab::SlotId,
};
use crate::{Change, Dot, Hlc, Stamp, digest, planted::Bug};

/// An operation on its way into a map.
#[derive(Debug)]
pub(crate) struct NewOp<K, V> {
    pub(crate) key: K,
    pub(crate) value: Option<V>,
    pub(crate) hlc: Hlc,
    pub(crate) origin: OriginIdx,
    pub(crate) seq: u64,
    pub(crate) context: Context,
}

impl<K, V> NewOp<K, V> {
    fn supersedes(&self, op: &Op<K, V>) -> bool {
        if op.origin == self.origin {
            op.seq < self.seq
        } else {
            op.seq <= self.context.get(op.origin)
        }
    }
}

impl<K: Hash + Eq + Clone, V: Clone> AwLwwMap<K, V> {
    /// Applies an operation of this replica itself: its context is everything the operations on `key` here cover.
    pub(crate) fn write(&mut self, key: K, value: Option<V>, hlc: Hlc, origin: OriginIdx, seq: u64) {
        let hash = self.hasher.hash_one(&key);
        let head = self.find_head(hash, &key);
        let mut context = Context::default();
        for id in self.chain(head) {
            let op = &self.ops[id];
            if !self.planted.is(Bug::ContextNotClosed) {
                context.absorb(&op.context, origin);
            }
            context.absorb_dot(op.origin, op.seq, origin);
        }
        self.apply_at(
            hash,
            head,
            NewOp {
                key,
                value,
                hlc,
                origin,
                seq,
                context,
            },
        );
    }

    /// Applies an operation, whatever came before it: in any order, and any number of times.
    ///
    /// It supersedes what its context covers and takes its place beside the rest, unless one of those supersedes
    /// it. As contexts are closed over time (see [`Context`]), what remains depends only on the set of operations
    /// applied, never on their order.
    pub(crate) fn apply(&mut self, new: NewOp<K, V>) {
        let hash = self.hasher.hash_one(&new.key);
        let head = self.find_head(hash, &new.key);
        self.apply_at(hash, head, new);
    }

    fn apply_at(&mut self, hash: u64, head: Option<SlotId>, mut new: NewOp<K, V>) {
        let Some(head) = head else {
            self.apply_first(hash, new);
            return;
        };
        let only = &self.ops[head];
        if only.next.is_none() && new.supersedes(only) && !only.supersedes(new.origin, new.seq) {
            self.replace(head, new);
            return;
        }
        if only.next.is_none() && only.is(new.origin, new.seq) {
            return;
        }
        // An operation that is held already may have to supersede again, in a repair.
        let is_above = |&id: &SlotId| {
            let op = &self.ops[id];
            op.is(new.origin, new.seq) || op.supersedes(new.origin, new.seq)
        };
        let above = self.chain(Some(head)).find(is_above);
        let winner = self.winner(head);
        let mut chain = Rebuilt {
            was_changed: self.ops[head].changed,
            ..Rebuilt::default()
        };
        let mut rest = Some(head);
        while let Some(id) = rest {
            let op = &mut self.ops[id];
            rest = op.next;
            op.head = false;
            op.changed = false;
            // What supersedes the new operation stays, whatever that one claims.
            let lost = self.planted.is(Bug::LoserDroppedAtMerge) && new.value.is_some() && new.hlc > op.hlc;
            let stays = op.supersedes(new.origin, new.seq) || !(new.supersedes(op) || lost);
            if stays {
                op.next = chain.kept;
                chain.kept = Some(id);
                continue;
            }
            let (is_put, origin) = (op.value.is_some(), new.origin);
            chain.touched |= is_put;
            if !self.planted.is(Bug::ContextNotClosed) {
                new.context.absorb(&op.context, origin);
            }
            let old = self.supersede(id, origin);
            if winner == Some(id) {
                chain.before = old;
            }
        }
        if let Some(above) = above {
            // Superseded before it came. What it knew lives on in what superseded it.
            let op = &mut self.ops[above];
            let origin = op.origin;
            if op.context.absorb(&new.context, origin) {
                op.named_since = op.seq;
                self.garbage.push_back((above, origin, self.ops[above].seq));
            }
            self.finish(hash, head, winner, chain, &new.key);
        } else {
            let key = new.key.clone();
            chain.touched |= new.value.is_some();
            chain.kept = Some(self.place(new, chain.kept));
            self.finish(hash, head, winner, chain, &key);
        }
    }

    /// The next change that has not been polled: a key, its winner then and now.
    pub(crate) fn poll_change(&mut self) -> Option<Change<K, V>> {
        while let Some((key, before)) = self.changes.pop_front() {
            let head = self.head(&key);
            match head {
                Some(head) => self.ops[head].changed = false,
                None => self.orphans -= 1,
            }
            let after = head
                .and_then(|head| self.winner(head))
                .and_then(|id| self.sibling(id));
            let after = after.map(Sibling::cloned);
            if before.is_some() || after.is_some() {
                return Some(Change { key, before, after });
            }
        }
        None
    }

    /// [`Bug::RemoveWithoutDot`]: drops all that is held for a key.
    pub(crate) fn forget_key(&mut self, key: &K) {
        let head = self.find_head(self.hasher.hash_one(key), key);
        for id in self.chain(head).collect::<alloc::vec::Vec<_>>() {
            self.forget(id);
        }
    }

    /// Drops an operation without another that supersedes it: a stable remove, or what a full causal join
    /// found to be gone.
    pub(crate) fn forget(&mut self, id: SlotId) {
        let key = self.ops[id].key.clone();
        let hash = self.hasher.hash_one(&key);
        let Some(head) = self.find_head(hash, &key) else {
            return;
        };
        let winner = self.winner(head);
        let mut chain = Rebuilt {
            was_changed: self.ops[head].changed,
            ..Rebuilt::default()
        };
        let mut rest = Some(head);
        while let Some(at) = rest {
            let op = &mut self.ops[at];
            rest = op.next;
            op.head = false;
            op.changed = false;
            if at == id {
                chain.touched |= op.value.is_some();
                let (origin, seq) = (op.origin, op.seq);
                let old = self.supersede(at, origin);
                // Nothing that is held here stands for it any more.
                let origin = &mut self.origins[origin];
                origin.superseded_by_others = origin.superseded_by_others.max(seq);
                if winner == Some(at) {
                    chain.before = old;
                }
            } else {
                op.next = chain.kept;
                chain.kept = Some(at);
            }
        }
        self.finish(hash, head, winner, chain, &key);
    }

    /// Puts an operation in the place of the only one of its key: the common case, without any allocation.
    fn replace(&mut self, id: SlotId, mut new: NewOp<K, V>) {
        self.unlink(id);
        let op = &mut self.ops[id];
        let is_named = op.context.covers(&new.context) || self.planted.is(Bug::NamedTooSoon);
        // It is of the same origin then: another's would name this operation.
        if !is_named || self.planted.is(Bug::ContextKept) {
            op.named_since = new.seq;
        }
        if !self.planted.is(Bug::ContextNotClosed) {
            new.context.absorb(&op.context, new.origin);
        }
        let is_garbage = new.value.is_none() || !new.context.is_empty();
        let (old_origin, old_seq, old_hlc) = (op.origin, op.seq, op.hlc);
        let (was_put, is_put) = (op.value.is_some(), new.value.is_some());
        let old_value = core::mem::replace(&mut op.value, new.value);
        (op.hlc, op.origin, op.seq, op.context) = (new.hlc, new.origin, new.seq, new.context);
        let note = (was_put || is_put) && !op.changed;
        op.changed |= note;
        self.link(id);
        self.superseded(old_origin, old_seq, new.origin);
        if is_garbage {
            self.garbage.push_back((id, new.origin, new.seq));
        }
        if was_put {
            self.fingerprint = self.fingerprint.wrapping_sub(self.mark(old_origin, old_seq));
        }
        if is_put {
            self.fingerprint = self.fingerprint.wrapping_add(self.mark(new.origin, new.seq));
        }
        self.len = self.len + usize::from(is_put) - usize::from(was_put);
        if note {
            let origin = self.origins[old_origin].id;
            let (stamp, dot) = (Stamp { hlc: old_hlc, origin }, Dot { origin, seq: old_seq });
            let before = old_value.map(|value| Sibling { value, stamp, dot });
            self.changes.push_back((new.key, before));
        }
    }

    /// Makes room for so many more operations, to not grow in the middle of a transfer.
    pub(crate) fn reserve(&mut self, more: usize) {
        let (ops, hasher) = (&self.ops, &self.hasher);
        self.index.reserve(more, |&id| hasher.hash_one(&ops[id].key));
    }

    fn apply_first(&mut self, hash: u64, new: NewOp<K, V>) {
        let is_put = new.value.is_some();
        let is_noted = self.orphans > 0 && self.changes.iter().any(|(key, _)| *key == new.key);
        if is_noted {
            self.orphans -= 1;
        } else if is_put {
            self.changes.push_back((new.key.clone(), None));
        }
        let id = self.place(new, None);
        let op = &mut self.ops[id];
        op.head = true;
        op.changed = is_put || is_noted;
        self.len += usize::from(is_put);
        let (ops, hasher) = (&self.ops, &self.hasher);
        self.index
            .insert_unique(hash, id, |&id| hasher.hash_one(&ops[id].key));
    }

    /// Points the index at the chain as it is now, and notes the change.
    fn finish(&mut self, hash: u64, head: SlotId, winner: Option<SlotId>, chain: Rebuilt<V>, key: &K) {
        let Rebuilt {
            kept,
            was_changed,
            touched,
            mut before,
        } = chain;
        if touched && !was_changed {
            if before.is_none() {
                // The old winner is still there.
                before = winner.and_then(|id| self.sibling(id)).map(Sibling::cloned);
            }
            self.changes.push_back((key.clone(), before));
        }
        let entry = self.index.find_entry(hash, |&at| at == head);
        let entry = entry.expect("the index points at the head of every chain");
        let Some(first) = kept else {
            entry.remove();
            self.orphans += usize::from(was_changed || touched);
            self.len -= usize::from(winner.is_some());
            return;
        };
        *entry.into_mut() = first;
        let op = &mut self.ops[first];
        op.head = true;
        op.changed = was_changed || touched;
        let has_value = self.winner(first).is_some();
        self.len = self.len + usize::from(has_value) - usize::from(winner.is_some());
    }

    /// Stores an operation that its key's chain goes on from.
    fn place(&mut self, new: NewOp<K, V>, next: Option<SlotId>) -> SlotId {
        if new.value.is_some() {
            self.fingerprint = self.fingerprint.wrapping_add(self.mark(new.origin, new.seq));
        }
        let NewOp {
            key,
            value,
            hlc,
            origin,
            seq,
            context,
        } = new;
        let is_garbage = value.is_none() || !context.is_empty();
        let id = self.ops.insert(Op {
            key,
            value,
            hlc,
            seq,
            context,
            named_since: seq,
            next,
            older: None,
            newer: None,
            origin,
            head: false,
            changed: false,
        });
        if is_garbage {
            self.garbage.push_back((id, origin, seq));
        }
        self.link(id);
        id
    }

    /// Takes out an operation that one of `by` superseded; gives back what it had put.
    fn supersede(&mut self, id: SlotId, by: OriginIdx) -> Option<Sibling<V>> {
        self.unlink(id);
        let op = self.ops.remove(id);
        let stamp = self.stamp(&op);
        self.superseded(op.origin, op.seq, by);
        let dot = Dot {
            origin: stamp.origin,
            seq: op.seq,
        };
        let value = op.value?;
        self.fingerprint = self.fingerprint.wrapping_sub(self.mark(op.origin, op.seq));
        Some(Sibling { value, stamp, dot })
    }

    fn superseded(&mut self, origin: OriginIdx, seq: u64, by: OriginIdx) {
        if by != origin {
            let origin = &mut self.origins[origin];
            origin.superseded_by_others = origin.superseded_by_others.max(seq);
        }
    }

    fn mark(&self, origin: OriginIdx, seq: u64) -> u64 {
        digest::entry(self.origins[origin].salt, seq)
    }

    /// Covers the operations of `origin` up to `seq`.
    pub(crate) fn advance(&mut self, origin: OriginIdx, seq: u64) {
        let origin = &mut self.origins[origin];
        if seq > origin.covered {
            let of = |seq| digest::covered_by(origin.salt, seq);
            self.digest = self.digest.wrapping_sub(of(origin.covered)).wrapping_add(of(seq));
            origin.covered = seq;
            self.vector.advance(origin.id, seq);
        }
    }
}

/// A chain after a change: what is left of it, and what the change was.
struct Rebuilt<V> {
    kept: Option<SlotId>,
    was_changed: bool,
    /// A sibling came or went.
    touched: bool,
    /// The old winner, if it went.
    before: Option<Sibling<V>>,
}

impl<V> Default for Rebuilt<V> {
    fn default() -> Self {
        Self {
            kept: None,
            was_changed: false,
            touched: false,
            before: None,
        }
    }
}
