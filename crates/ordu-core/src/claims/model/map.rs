//! The child's registers, exactly as the map keeps them.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use ordu_crdt::{ReplicaId, Stamp};

use super::peer::id;
use crate::registers::{Claim, Deleted, Desired, Intent};
use crate::{ChildSpec, Kind};

/// One operation: which boot wrote it, and its number there, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Dot {
    pub(super) boot: usize,
    pub(super) seq: u8,
}

/// One operation, of either register or of both in one unit (S2.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Put {
    pub(super) claim: Option<Written<Claim>>,
    pub(super) wish: Option<Written<Wish>>,
    /// By the writer's clock.
    pub(super) stamp: Stamp,
    /// The highest epoch that its writer had seen.
    pub(super) epoch: u64,
}

/// What was written to one register; `None`: what was there is removed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Written<T> {
    pub(super) value: Option<T>,
    pub(super) supersedes: BTreeSet<Dot>,
}

/// What an operation does to one register.
pub(super) enum Change<T> {
    Untouched,
    Removed,
    To(T),
}

impl<T> Change<T> {
    /// Over all siblings that its writer holds.
    pub(super) fn over<V>(self, siblings: Vec<(Dot, V, Stamp)>) -> Option<Written<T>> {
        let value = match self {
            Self::Untouched => return None,
            Self::Removed => None,
            Self::To(value) => Some(value),
        };
        let supersedes = siblings.into_iter().map(|(dot, ..)| dot).collect();
        Some(Written { value, supersedes })
    }
}

/// What of an [`Intent`] is told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Wish {
    pub(super) birth: Stamp,
    pub(super) born: Dot,
    pub(super) run: Stamp,
    pub(super) desired: Desired,
    pub(super) deleted: Deleted,
}

/// All operations that were ever written. What a node holds of them is a vector.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Map {
    puts: BTreeMap<Dot, Put>,
}

/// How many operations of each boot a node holds.
pub(super) type Vector = Vec<u8>;

pub(super) fn nothing(boots: usize) -> Vector {
    vec![0; boots]
}

/// Everything of both.
pub(super) fn join(into: &mut Vector, other: &Vector) {
    for (have, seen) in into.iter_mut().zip(other) {
        *have = (*have).max(*seen);
    }
}

/// Whether somebody who holds `own` would learn nothing from `other`.
pub(super) fn covers(own: &Vector, other: &Vector) -> bool {
    own.iter().zip(other).all(|(have, seen)| have >= seen)
}

impl Map {
    pub(super) fn len(&self) -> usize {
        self.puts.len()
    }

    /// What somebody who holds `seen` has ever been told.
    pub(super) fn covered(&self, seen: &Vector) -> impl Iterator<Item = (Dot, &Put)> {
        self.puts
            .iter()
            .filter(move |(dot, _)| dot.is_in(seen))
            .map(|(dot, put)| (*dot, put))
    }

    /// All concurrent claims.
    pub(super) fn claims(&self, seen: &Vector) -> Vec<(Dot, &Claim, Stamp)> {
        self.siblings(seen, |put| put.claim.as_ref())
    }

    /// All concurrent intents.
    pub(super) fn wishes(&self, seen: &Vector) -> Vec<(Dot, &Wish, Stamp)> {
        self.siblings(seen, |put| put.wish.as_ref())
    }

    /// What one register reads: all siblings.
    fn siblings<T>(&self, seen: &Vector, register: fn(&Put) -> Option<&Written<T>>) -> Vec<(Dot, &T, Stamp)> {
        let written = || {
            let covered = self.covered(seen);
            covered.filter_map(move |(dot, put)| Some((dot, register(put)?, put.stamp)))
        };
        let over: BTreeSet<Dot> = written()
            .flat_map(|(_, written, _)| written.supersedes.iter().copied())
            .collect();
        written()
            .filter(|(dot, ..)| !over.contains(dot))
            .filter_map(|(dot, written, stamp)| Some((dot, written.value.as_ref()?, stamp)))
            .collect()
    }

    /// Whether the mark of a life that was over was ever removed.
    pub(super) fn is_anything_forgotten(&self) -> bool {
        let mut wishes = self.puts.values().filter_map(|put| put.wish.as_ref());
        wishes.any(|written| written.value.is_none())
    }

    /// The millisecond after everything it knows of.
    pub(super) fn next_millis(&self, seen: &Vector) -> u64 {
        let known = self.covered(seen).map(|(_, put)| put.stamp.hlc.wall_ms());
        known.max().map_or(1, |last| last + 1)
    }

    pub(super) fn put(&mut self, boot: usize, seen: &mut Vector, put: Put) {
        let dot = Dot::next(boot, seen);
        seen[boot] = dot.seq;
        self.puts.insert(dot, put);
    }
}

impl Dot {
    /// The operation that this boot writes next.
    pub(super) fn next(boot: usize, seen: &Vector) -> Self {
        let seq = seen[boot] + 1;
        Self { boot, seq }
    }

    pub(super) fn is_in(self, seen: &Vector) -> bool {
        seen[self.boot] >= self.seq
    }

    /// As registers name it.
    pub(super) fn named(self) -> ordu_crdt::Dot {
        ordu_crdt::Dot {
            origin: ReplicaId(id(self.boot).0),
            seq: self.seq.into(),
        }
    }
}

impl Wish {
    pub(super) fn intent(self) -> Intent {
        Intent {
            born: self.born.named(),
            retried: false,
            birth: self.birth,
            run: self.run,
            runner: None,
            desired: self.desired,
            deleted: self.deleted,
            changed: None,
            spec: spec(),
        }
    }
}

/// A permanent worker.
fn spec() -> Arc<ChildSpec> {
    let kind = Kind::new("k").expect("valid");
    Arc::new(ChildSpec::new(kind, 1, Vec::new()))
}
