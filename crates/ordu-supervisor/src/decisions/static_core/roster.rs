//! The children of a static supervisor in their start order.

use alloc::collections::BTreeMap;
use core::ops::RangeBounds;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::child::Child;
use crate::decisions::Incarnation;

/// A child's place in the start order. Places are never used twice, so an old one finds nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place(u64);

impl Place {
    pub(super) const FIRST: Self = Self(0);
    pub(super) const END: Self = Self(u64::MAX);

    pub(super) fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// The children in start order, found by place, id or incarnation.
#[derive(Debug, Clone)]
pub(super) struct Roster<K, P> {
    order: BTreeMap<Place, Child<K, P>>,
    by_key: BTreeMap<K, Place>,
    /// Looked up only, never walked: its order shows nowhere.
    by_incarnation: HashMap<Incarnation, Place, FixedState>,
    next: Place,
}

impl<K: Ord + Clone, P> Roster<K, P> {
    pub(super) fn new() -> Self {
        Self {
            order: BTreeMap::new(),
            by_key: BTreeMap::new(),
            by_incarnation: HashMap::default(),
            next: Place::FIRST,
        }
    }

    /// Adds a child at the end, unless its id is taken.
    pub(super) fn append(&mut self, child: Child<K, P>) -> Option<Place> {
        if self.by_key.contains_key(&child.key) {
            return None;
        }
        let place = self.next;
        self.next = place.next();
        self.by_key.insert(child.key.clone(), place);
        self.order.insert(place, child);
        Some(place)
    }

    pub(super) fn remove(&mut self, place: Place) -> Option<Child<K, P>> {
        let child = self.order.remove(&place)?;
        self.by_key.remove(&child.key);
        Some(child)
    }

    pub(super) fn get(&self, place: Place) -> Option<&Child<K, P>> {
        self.order.get(&place)
    }

    pub(super) fn get_mut(&mut self, place: Place) -> Option<&mut Child<K, P>> {
        self.order.get_mut(&place)
    }

    pub(super) fn find(&self, key: &K) -> Option<Place> {
        self.by_key.get(key).copied()
    }

    pub(super) fn bind(&mut self, incarnation: Incarnation, place: Place) {
        self.by_incarnation.insert(incarnation, place);
    }

    pub(super) fn unbind(&mut self, incarnation: Incarnation) -> Option<Place> {
        self.by_incarnation.remove(&incarnation)
    }

    pub(super) fn owner(&self, incarnation: Incarnation) -> Option<Place> {
        self.by_incarnation.get(&incarnation).copied()
    }

    /// The children of these places in start order.
    pub(super) fn range(
        &self,
        places: impl RangeBounds<Place>,
    ) -> impl DoubleEndedIterator<Item = (Place, &Child<K, P>)> {
        self.order.range(places).map(|(place, child)| (*place, child))
    }
}
