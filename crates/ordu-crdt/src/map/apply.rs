//! The one way a map changes: an operation takes its place in the chain of its key.

use core::hash::{BuildHasher, Hash};

use super::{
    AwLwwMap, Sibling,
    op::{Context, Op},
    origins::OriginIdx,
    slab::SlotId,
};
use crate::{Change, Dot, Hlc, digest};

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

impl<K: Hash + Eq + Clone, V: Clone> AwLwwMap<K, V> {
    /// Everything the operations on `key` here cover, as the context of the next operation of `writer`.
    pub(crate) fn context_of(&self, key: &K, writer: OriginIdx) -> Context {
        let mut context = Context::default();
        for id in self.chain(self.head(key)) {
            let op = &self.ops[id];
            let seen = op.context.iter().chain([(op.origin, op.seq)]);
            seen.filter(|&(origin, _)| origin != writer)
                .for_each(|(origin, seq)| context.add(origin, seq));
        }
        context
    }

    /// Whether a remove of `key` would change anything.
    pub(crate) fn is_put(&self, key: &K) -> bool {
        self.contains_key(key)
    }

    /// Applies an operation, whatever came before it: in any order, and any number of times.
    ///
    /// It supersedes what its context covers and takes its place beside the rest, unless one of those supersedes
    /// it. As contexts are closed over time (see [`Context`]), what remains depends only on the set of operations
    /// applied, never on their order.
    pub(crate) fn apply(&mut self, new: NewOp<K, V>) {
        let hash = self.hasher.hash_one(&new.key);
        let Some(head) = self.index.find(hash, |&id| self.ops[id].key == new.key).copied() else {
            self.apply_first(hash, new);
            return;
        };
        let known = |op: &Op<K, V>| op.is(new.origin, new.seq) || op.supersedes(new.origin, new.seq);
        if self.chain(Some(head)).any(|id| known(&self.ops[id])) {
            return;
        }
        let winner = self.winner(head);
        let was_changed = self.ops[head].changed;
        let mut before = None;
        let mut touched = new.value.is_some();
        let mut kept: Option<SlotId> = None;
        let mut rest = Some(head);
        while let Some(id) = rest {
            rest = self.ops[id].next;
            self.ops[id].head = false;
            self.ops[id].changed = false;
            let (origin, seq) = (self.ops[id].origin, self.ops[id].seq);
            if new_supersedes(&new, origin, seq) {
                touched |= self.ops[id].value.is_some();
                let old = self.retire(id, new.origin);
                if winner == Some(id) {
                    before = old;
                }
            } else {
                self.ops[id].next = kept;
                kept = Some(id);
            }
        }
        if before.is_none() && touched && !was_changed {
            // The old winner is still there, beside the new operation.
            before = winner.and_then(|id| self.sibling(id)).map(Sibling::cloned);
        }
        let note = touched && !was_changed;
        if note {
            self.changes.push_back((new.key.clone(), before));
        }
        let id = self.place(new, kept, was_changed || note);
        let slot = self
            .index
            .find_mut(hash, |&at| at == head)
            .expect("the key was found above");
        *slot = id;
        let has_value = self.winner(id).is_some();
        self.len = self.len + usize::from(has_value) - usize::from(winner.is_some());
    }

    /// The next change that has not been polled: a key, its winner then and now.
    pub(crate) fn poll_change(&mut self) -> Option<Change<K, V>> {
        let (key, before) = self.changes.pop_front()?;
        let head = self.head(&key);
        if let Some(head) = head {
            self.ops[head].changed = false;
        }
        let after = head
            .and_then(|head| self.winner(head))
            .and_then(|id| self.sibling(id));
        let after = after.map(Sibling::cloned);
        Some(Change { key, before, after })
    }

    fn apply_first(&mut self, hash: u64, new: NewOp<K, V>) {
        let is_put = new.value.is_some();
        if is_put {
            self.changes.push_back((new.key.clone(), None));
        }
        let id = self.place(new, None, is_put);
        self.len += usize::from(is_put);
        let (ops, hasher) = (&self.ops, &self.hasher);
        self.index
            .insert_unique(hash, id, |&id| hasher.hash_one(&ops[id].key));
    }

    /// Stores an operation as head of its chain.
    fn place(&mut self, new: NewOp<K, V>, next: Option<SlotId>, changed: bool) -> SlotId {
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
        let id = self.ops.insert(Op {
            key,
            value,
            hlc,
            seq,
            context,
            next,
            older: None,
            newer: None,
            origin,
            head: true,
            changed,
        });
        self.link(id);
        id
    }

    /// Takes out an operation that one of `by` superseded; gives back what it had put.
    fn retire(&mut self, id: SlotId, by: OriginIdx) -> Option<Sibling<V>> {
        self.unlink(id);
        let op = self.ops.remove(id);
        let stamp = self.stamp(&op);
        let origin = &mut self.origins[op.origin];
        if by != op.origin {
            origin.superseded_by_others = origin.superseded_by_others.max(op.seq);
        }
        let dot = Dot {
            origin: origin.id,
            seq: op.seq,
        };
        let value = op.value?;
        self.fingerprint = self.fingerprint.wrapping_sub(self.mark(op.origin, op.seq));
        Some(Sibling { value, stamp, dot })
    }

    fn mark(&self, origin: OriginIdx, seq: u64) -> u64 {
        digest::entry(self.origins[origin].salt, seq)
    }

    /// Covers the operations of `origin` up to `seq`.
    pub(crate) fn advance(&mut self, origin: OriginIdx, seq: u64) {
        let origin = &mut self.origins[origin];
        if seq > origin.covered {
            origin.covered = seq;
            self.vector.advance(origin.id, seq);
        }
    }
}

fn new_supersedes<K, V>(new: &NewOp<K, V>, origin: OriginIdx, seq: u64) -> bool {
    if origin == new.origin {
        seq < new.seq
    } else {
        seq <= new.context.get(origin)
    }
}
