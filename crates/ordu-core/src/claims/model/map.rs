//! The child's registers, exactly as the map keeps them.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use ordu_crdt::Stamp;

use crate::in_tests::UNBORN;
use crate::registers::{Claim, Deleted, Desired, Intent};
use crate::{ChildSpec, Kind};

/// One operation: which boot wrote it, and its number there, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Dot {
    pub(super) boot: usize,
    pub(super) seq: u8,
}

/// What was put: a claim, with the first of a life the intent as well, in one unit (S2.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Put {
    pub(super) claim: Claim,
    pub(super) intent: Option<Stamp>,
    pub(super) supersedes: BTreeSet<Dot>,
    /// By the writer's clock.
    pub(super) stamp: Stamp,
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
            .filter(move |(dot, _)| seen[dot.boot] >= dot.seq)
            .map(|(dot, put)| (*dot, put))
    }

    /// What it reads: all siblings.
    pub(super) fn live(&self, seen: &Vector) -> Vec<(Dot, &Put)> {
        let over: BTreeSet<Dot> = self
            .covered(seen)
            .flat_map(|(_, put)| put.supersedes.iter().copied())
            .collect();
        self.covered(seen)
            .filter(|(dot, _)| !over.contains(dot))
            .collect()
    }

    /// The intent, if it knows one.
    pub(super) fn intent(&self, seen: &Vector) -> Option<Intent> {
        let birth = self.covered(seen).filter_map(|(_, put)| put.intent).max()?;
        Some(Intent {
            born: UNBORN,
            retried: false,
            birth,
            run: birth,
            runner: None,
            desired: Desired::Running,
            deleted: Deleted::No,
            spec: spec(),
        })
    }

    /// The millisecond after everything it knows of.
    pub(super) fn next_millis(&self, seen: &Vector) -> u64 {
        let known = self.covered(seen).map(|(_, put)| put.stamp.hlc.wall_ms());
        known.max().map_or(1, |last| last + 1)
    }

    pub(super) fn put(&mut self, boot: usize, seen: &mut Vector, put: Put) {
        seen[boot] += 1;
        let seq = seen[boot];
        self.puts.insert(Dot { boot, seq }, put);
    }
}

/// A permanent worker.
fn spec() -> Arc<ChildSpec> {
    let kind = Kind::new("k").expect("valid");
    Arc::new(ChildSpec::new(kind, 1, Vec::new()))
}
