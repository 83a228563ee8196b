//! The executable specification: the textbook dot store of an add-wins last-write-wins map.
//!
//! After Almeida, Shoker, Baquero: *Delta State Replicated Data Types* (2018). A state is a dot store and a causal
//! context. A put's delta is its dot with the value, and a context of that dot and of every dot of the key that its
//! writer had seen; a remove's delta has the context alone. The state at a vector is the join of the deltas of all
//! operations that the vector covers. Nothing here is clever, and nothing is shared with the crate.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Dot, Stamp, VersionVector};

use super::net::{Bulky, Key, Node};

/// A dot store with its causal context.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    pub(super) store: BTreeMap<Dot, (Key, Bulky, Stamp)>,
    pub(super) context: BTreeSet<Dot>,
}

impl State {
    /// The join of the paper: what both have, and what one has that the other has not seen.
    pub(super) fn join(&mut self, other: &Self) {
        let lost = |dot: &Dot| other.context.contains(dot) && !other.store.contains_key(dot);
        self.store.retain(|dot, _| !lost(dot));
        for (dot, entry) in &other.store {
            if !self.context.contains(dot) {
                self.store.insert(*dot, *entry);
            }
        }
        self.context.extend(&other.context);
    }
}

/// Every operation that was ever written.
#[derive(Debug, Default)]
pub(super) struct Spec {
    operations: BTreeMap<Dot, Operation>,
}

#[derive(Debug)]
struct Operation {
    key: Key,
    delta: State,
}

impl Spec {
    pub(super) fn record(
        &mut self,
        dot: Dot,
        key: Key,
        value: Option<Bulky>,
        stamp: Stamp,
        seen: &VersionVector,
    ) {
        // The writer's context holds also what it knows of only through the contexts of others.
        let seen = self.state_at(seen).context;
        let of_key = |other: &&Dot| {
            self.operations
                .get(other)
                .is_some_and(|operation| operation.key == key)
        };
        let mut delta = State::default();
        delta.context.extend(seen.iter().filter(of_key));
        delta.context.insert(dot);
        delta.store.extend(value.map(|value| (dot, (key, value, stamp))));
        let operation = Operation { key, delta };
        assert!(
            self.operations.insert(dot, operation).is_none(),
            "two operations have the dot {dot:?}"
        );
    }

    /// A value that one replica put is written anew by another, beside whatever else is under the key.
    pub(super) fn record_adopted(&mut self, dot: Dot, stamp: Stamp, adopted: Dot) {
        let Operation { key, delta } = &self.operations[&adopted];
        let (key, value) = (*key, delta.store[&adopted].1);
        let mut context = delta.context.clone();
        context.insert(dot);
        let store = [(dot, (key, value, stamp))].into();
        let delta = State { store, context };
        assert!(self.operations.insert(dot, Operation { key, delta }).is_none());
    }

    /// The state that a replica with this vector must have.
    pub(super) fn state_at(&self, vector: &VersionVector) -> State {
        let mut state = State::default();
        for (_, operation) in self.operations.iter().filter(|(dot, _)| vector.covers(**dot)) {
            state.join(&operation.delta);
        }
        state
    }

    pub(super) fn check(&self, node: &Node) {
        let seen: VersionVector = node.seen().collect();
        let expected = self.state_at(&seen).store;
        let mut actual = BTreeMap::new();
        let keys: BTreeSet<Key> = self.operations.values().map(|operation| operation.key).collect();
        for key in &keys {
            let siblings = node.map().siblings(key);
            actual.extend(siblings.map(|sibling| (sibling.dot, (*key, *sibling.value, sibling.stamp))));
        }
        assert_eq!(
            actual,
            expected,
            "replica {:?} at {:?} holds the wrong siblings",
            node.id(),
            seen
        );
        let mut winners = BTreeMap::new();
        for (key, value, stamp) in expected.values() {
            let winner = winners.entry(*key).or_insert((*stamp, *value));
            *winner = (*winner).max((*stamp, *value));
        }
        let read: BTreeMap<Key, Bulky> = node.map().iter().map(|(key, value)| (*key, *value)).collect();
        let winners: BTreeMap<Key, Bulky> = winners
            .into_iter()
            .map(|(key, (_, value))| (key, value))
            .collect();
        assert_eq!(read, winners, "replica {:?} reads the wrong winners", node.id());
        assert_eq!(node.map().len(), winners.len());
        for (key, value) in &winners {
            assert_eq!(node.map().get(key), Some(value));
        }
    }
}
