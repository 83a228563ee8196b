//! Interned replica ids and the list of retained operations of each.

use alloc::{boxed::Box, vec::Vec};
use core::ops::{Index, IndexMut};

use hashbrown::HashMap;

use super::slab::SlotId;
use crate::{ReplicaId, digest, room};

/// A replica id as it is stored in operations: two bytes instead of sixteen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OriginIdx(u16);

impl OriginIdx {
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }

    fn of(index: usize) -> Self {
        Self(u16::try_from(index).expect("room was checked before interning"))
    }
}

/// One origin and its retained operations, oldest first.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) id: ReplicaId,
    pub(crate) salt: u64,
    /// The sequence up to which this origin is covered.
    pub(crate) covered: u64,
    pub(crate) oldest: Option<SlotId>,
    pub(crate) newest: Option<SlotId>,
    /// The highest operation that an operation of another origin superseded. A list of this origin's operations
    /// alone is complete only above it.
    pub(crate) superseded_by_others: u64,
    /// It writes no more, as far as is known; with the number of rounds that had begun when that was heard.
    pub(crate) ended: Option<u64>,
}

/// Those that are interned. What many needed at once is given back when they are gone; where one of a high index stays,
/// each unused one below it keeps the eight bytes of an empty slot.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origins {
    slots: Vec<Option<Box<Origin>>>,
    /// No slot below is empty.
    lowest_free: usize,
    index: HashMap<ReplicaId, OriginIdx, foldhash::fast::FixedState>,
}

impl Origins {
    /// As many as two bytes can tell apart. Folded ones are not among them.
    pub(crate) const MAX: usize = u16::MAX as usize;

    /// The index of `id`, interned now if it is new.
    ///
    /// Callers that intern for a peer check [`Origins::has_room_for`] first.
    pub(crate) fn intern(&mut self, id: ReplicaId) -> OriginIdx {
        let Self {
            slots,
            lowest_free,
            index,
        } = self;
        *index.entry(id).or_insert_with(|| {
            let origin = Some(Box::new(Origin {
                id,
                salt: digest::salt(id),
                covered: 0,
                oldest: None,
                newest: None,
                superseded_by_others: 0,
                ended: None,
            }));
            let free = slots[*lowest_free..].iter().position(Option::is_none);
            let at = free.map_or(slots.len(), |free| *lowest_free + free);
            *lowest_free = at + 1;
            if at < slots.len() {
                slots[at] = origin;
            } else {
                slots.push(origin);
            }
            OriginIdx::of(at)
        })
    }

    pub(crate) fn find(&self, id: ReplicaId) -> Option<OriginIdx> {
        self.index.get(&id).copied()
    }

    /// One more than the highest index in use.
    pub(crate) const fn len(&self) -> usize {
        self.slots.len()
    }

    /// Forgets an origin of which nothing is held; its index goes to another.
    pub(crate) fn remove(&mut self, index: OriginIdx) {
        let origin = self.slots[index.index()].take();
        self.index.remove(&origin.expect("it is interned").id);
        while self.slots.last().is_some_and(Option::is_none) {
            self.slots.pop();
        }
        self.lowest_free = self.lowest_free.min(index.index()).min(self.slots.len());
        room::give_back(&mut self.slots);
        if let Some(enough) = room::enough_for(self.index.len(), self.index_slots()) {
            self.index.shrink_to(enough);
        }
    }

    fn index_slots(&self) -> usize {
        self.index.allocation_size() / size_of::<(ReplicaId, OriginIdx)>()
    }

    /// Whether so many more ids, all of them new, can be interned.
    pub(crate) fn has_room_for(&self, more: usize) -> bool {
        more <= Self::MAX.saturating_sub(self.index.len())
    }

    /// All, in the order of their indices.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (OriginIdx, &Origin)> {
        let slots = self.slots.iter().enumerate();
        slots.filter_map(|(index, slot)| Some((OriginIdx::of(index), slot.as_deref()?)))
    }
}

impl Index<OriginIdx> for Origins {
    type Output = Origin;

    fn index(&self, index: OriginIdx) -> &Origin {
        self.slots[index.index()].as_deref().expect("it is interned")
    }
}

impl IndexMut<OriginIdx> for Origins {
    fn index_mut(&mut self, index: OriginIdx) -> &mut Origin {
        self.slots[index.index()].as_deref_mut().expect("it is interned")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_many_origins_needed_at_once_is_given_back() {
        let mut origins = Origins::default();
        let (first, last) = (ReplicaId(0), ReplicaId(9_999));
        for id in 0..10_000 {
            origins.intern(ReplicaId(id));
        }
        for id in 1..9_999 {
            origins.remove(origins.find(ReplicaId(id)).unwrap());
        }
        assert!(origins.index_slots() <= 160);
        assert_eq!(
            origins.iter().map(|(_, origin)| origin.id).collect::<Vec<_>>(),
            [first, last]
        );
        origins.remove(origins.find(last).unwrap());
        assert!(origins.slots.capacity() <= 128);
        assert_eq!(origins.len(), 1);
        for id in 1..100 {
            assert_eq!(
                origins.intern(ReplicaId(id)).index(),
                usize::try_from(id).unwrap()
            );
        }
        // The lowest that are free are taken first.
        for id in [70, 7, 50] {
            origins.remove(origins.find(ReplicaId(id)).unwrap());
        }
        let next: Vec<_> = (200..204)
            .map(|id| origins.intern(ReplicaId(id)).index())
            .collect();
        assert_eq!(next, [7, 50, 70, 100]);
        assert!(
            origins
                .iter()
                .all(|(index, origin)| origins.find(origin.id) == Some(index))
        );
    }
}
