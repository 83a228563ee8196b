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
    fn new(index: usize) -> Self {
        let one_based = u32::try_from(index + 1).ok().and_then(NonZeroU32::new);
        Self(one_based.expect("4,294,967,295 operations do not fit in memory"))
    }

    const fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// Items in pages of fixed size: growing never moves them, so memory is never held twice and an insert never
/// pays for a copy of all.
#[derive(Clone, Debug)]
pub(crate) struct Slab<T> {
    pages: Vec<Vec<Option<T>>>,
    free: Vec<SlotId>,
    len: usize,
}

const PAGE: usize = 256;

impl<T> Slab<T> {
    pub(crate) const fn new() -> Self {
        Self {
            pages: Vec::new(),
            free: Vec::new(),
            len: 0,
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn insert(&mut self, item: T) -> SlotId {
        self.len += 1;
        if let Some(id) = self.free.pop() {
            self.pages[id.index() / PAGE][id.index() % PAGE] = Some(item);
            return id;
        }
        if self.pages.last().is_none_or(|page| page.len() == PAGE) {
            self.pages.push(Vec::with_capacity(PAGE));
        }
        let full = (self.pages.len() - 1) * PAGE;
        let page = self.pages.last_mut().expect("a page was just made sure of");
        page.push(Some(item));
        SlotId::new(full + page.len() - 1)
    }

    pub(crate) fn remove(&mut self, id: SlotId) -> T {
        let item = self.pages[id.index() / PAGE][id.index() % PAGE].take();
        self.free.push(id);
        self.len -= 1;
        item.expect("ids are dropped with their item")
    }

    /// The item, if the slot is in use: by this item or, after its removal, by another.
    pub(crate) fn occupant(&self, id: SlotId) -> Option<&T> {
        self.pages[id.index() / PAGE][id.index() % PAGE].as_ref()
    }

    /// All items in the order of their slots, which depends on the history of this slab alone.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (SlotId, &T)> {
        let slots = self.pages.iter().flatten().enumerate();
        slots.filter_map(|(index, slot)| slot.as_ref().map(|item| (SlotId::new(index), item)))
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
        let slot = &mut self.pages[id.index() / PAGE][id.index() % PAGE];
        slot.as_mut().expect("ids are dropped with their item")
    }
}
