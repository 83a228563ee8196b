//! Paged storage with stable ids.

use alloc::vec::Vec;
use core::{
    num::NonZeroU32,
    ops::{Index, IndexMut},
};

/// The place of an item in a [`Slab`]. Four bytes, and as many in an `Option`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SlotId(NonZeroU32);

impl SlotId {
    fn new(page: usize, slot: usize) -> Self {
        let one_based = u32::try_from(page * PAGE + slot + 1)
            .ok()
            .and_then(NonZeroU32::new);
        Self(one_based.expect("4,294,967,295 operations do not fit in memory"))
    }

    const fn page(self) -> usize {
        (self.0.get() as usize - 1) / PAGE
    }

    const fn slot(self) -> usize {
        (self.0.get() as usize - 1) % PAGE
    }
}

/// Items in pages of fixed size: growing never moves them, so memory is never held twice and an insert never
/// pays for a copy of all. A page that becomes empty gives its memory back.
#[derive(Clone, Debug)]
pub(crate) struct Slab<T> {
    pages: Vec<Page<T>>,
    /// Pages with room, among them some that have none any more; the last is filled first.
    roomy: Vec<u32>,
    len: usize,
}

#[derive(Clone, Debug)]
struct Page<T> {
    slots: Vec<Option<T>>,
    /// Slots that were used and are empty.
    free: Vec<u8>,
    /// In the list of those with room.
    is_roomy: bool,
}

const PAGE: usize = 256;

impl<T> Page<T> {
    const fn new() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            is_roomy: true,
        }
    }

    const fn has_room(&self) -> bool {
        self.slots.len() < PAGE || !self.free.is_empty()
    }
}

impl<T> Slab<T> {
    pub(crate) const fn new() -> Self {
        Self {
            pages: Vec::new(),
            roomy: Vec::new(),
            len: 0,
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn insert(&mut self, item: T) -> SlotId {
        self.len += 1;
        let at = self.page_with_room();
        let page = &mut self.pages[at];
        if let Some(slot) = page.free.pop() {
            page.slots[usize::from(slot)] = Some(item);
            return SlotId::new(at, usize::from(slot));
        }
        if page.slots.is_empty() {
            page.slots.reserve_exact(PAGE);
        }
        page.slots.push(Some(item));
        SlotId::new(at, page.slots.len() - 1)
    }

    fn page_with_room(&mut self) -> usize {
        while let Some(&at) = self.roomy.last() {
            let at = at as usize;
            if self.pages[at].has_room() {
                return at;
            }
            self.pages[at].is_roomy = false;
            self.roomy.pop();
        }
        let at = self.pages.len();
        self.pages.push(Page::new());
        self.roomy
            .push(u32::try_from(at).expect("there are fewer pages than slots"));
        at
    }

    pub(crate) fn remove(&mut self, id: SlotId) -> T {
        let page = &mut self.pages[id.page()];
        let item = page.slots[id.slot()].take();
        // A page has as many slots as a byte has values.
        #[allow(clippy::cast_possible_truncation)]
        page.free.push(id.slot() as u8);
        self.len -= 1;
        if page.free.len() == page.slots.len() {
            page.slots = Vec::new();
            page.free = Vec::new();
        }
        if !core::mem::replace(&mut page.is_roomy, true) {
            // As there was a slot of this page, its number fits.
            #[allow(clippy::cast_possible_truncation)]
            self.roomy.push(id.page() as u32);
        }
        item.expect("ids are dropped with their item")
    }

    /// The item, if the slot is in use: by this item or, after its removal, by another.
    pub(crate) fn occupant(&self, id: SlotId) -> Option<&T> {
        self.pages[id.page()].slots.get(id.slot())?.as_ref()
    }

    /// For how many items there is memory.
    #[cfg(test)]
    pub(crate) fn reserved(&self) -> usize {
        self.pages.iter().map(|page| page.slots.capacity()).sum()
    }

    /// All items in the order of their slots, which depends on the history of this slab alone.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (SlotId, &T)> {
        let pages = self.pages.iter().enumerate();
        pages.flat_map(|(at, page)| {
            let slots = page.slots.iter().enumerate();
            slots.filter_map(move |(slot, item)| Some((SlotId::new(at, slot), item.as_ref()?)))
        })
    }
}

impl<T> Index<SlotId> for Slab<T> {
    type Output = T;

    fn index(&self, id: SlotId) -> &T {
        self.occupant(id).expect("ids are dropped with their item")
    }
}

impl<T> IndexMut<SlotId> for Slab<T> {
    fn index_mut(&mut self, id: SlotId) -> &mut T {
        let slot = &mut self.pages[id.page()].slots[id.slot()];
        slot.as_mut().expect("ids are dropped with their item")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_becomes_empty_gives_its_memory_back_and_is_used_again() {
        let mut slab = Slab::new();
        let ids: Vec<_> = (0..10 * PAGE).map(|item| slab.insert(item)).collect();
        for id in &ids[PAGE..] {
            slab.remove(*id);
        }
        assert_eq!(slab.reserved(), PAGE);
        assert_eq!(slab.iter().count(), PAGE);
        let again: Vec<_> = (0..3 * PAGE).map(|item| slab.insert(item)).collect();
        assert_eq!(slab.reserved(), 4 * PAGE);
        assert_eq!(slab.pages.len(), 10);
        assert!(again.iter().enumerate().all(|(item, id)| slab[*id] == item));
    }
}
