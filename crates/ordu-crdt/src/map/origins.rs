//! Interned replica ids and the list of retained operations of each.

use alloc::vec::Vec;
use core::ops::{Index, IndexMut};

use hashbrown::HashMap;

use super::slab::SlotId;
use crate::{ReplicaId, digest};

/// A replica id as it is stored in operations: two bytes instead of sixteen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OriginIdx(u16);

impl OriginIdx {
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
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
    /// The index is in use.
    is_interned: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Origins {
    all: Vec<Origin>,
    free: Vec<OriginIdx>,
    index: HashMap<ReplicaId, OriginIdx, foldhash::fast::FixedState>,
}

impl Origins {
    /// As many as two bytes can tell apart. Folded ones are not among them.
    pub(crate) const MAX: usize = u16::MAX as usize;

    /// The index of `id`, interned now if it is new.
    ///
    /// Callers that intern for a peer check [`Origins::has_room_for`] first.
    pub(crate) fn intern(&mut self, id: ReplicaId) -> OriginIdx {
        let Self { all, free, index } = self;
        *index.entry(id).or_insert_with(|| {
            let origin = Origin {
                id,
                salt: digest::salt(id),
                covered: 0,
                oldest: None,
                newest: None,
                superseded_by_others: 0,
                ended: None,
                is_interned: true,
            };
            if let Some(index) = free.pop() {
                all[index.index()] = origin;
                return index;
            }
            let index = u16::try_from(all.len()).expect("room was checked before interning");
            all.push(origin);
            OriginIdx(index)
        })
    }

    pub(crate) fn find(&self, id: ReplicaId) -> Option<OriginIdx> {
        self.index.get(&id).copied()
    }

    pub(crate) const fn len(&self) -> usize {
        self.all.len()
    }

    /// Forgets an origin of which nothing is held; its index goes to the next new one.
    pub(crate) fn remove(&mut self, index: OriginIdx) {
        let origin = &mut self[index];
        origin.covered = 0;
        origin.superseded_by_others = 0;
        origin.is_interned = false;
        let id = origin.id;
        self.index.remove(&id);
        self.free.push(index);
    }

    /// Whether so many more ids, all of them new, can be interned.
    pub(crate) fn has_room_for(&self, more: usize) -> bool {
        more <= Self::MAX.saturating_sub(self.index.len())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (OriginIdx, &Origin)> {
        // `intern` keeps every index within 16 bits.
        #[allow(clippy::cast_possible_truncation)]
        self.all
            .iter()
            .enumerate()
            .map(|(index, origin)| (OriginIdx(index as u16), origin))
    }

    /// Those whose index is in use.
    pub(crate) fn interned(&self) -> impl Iterator<Item = (OriginIdx, &Origin)> {
        self.iter().filter(|(_, origin)| origin.is_interned)
    }
}

impl Index<OriginIdx> for Origins {
    type Output = Origin;

    fn index(&self, index: OriginIdx) -> &Origin {
        &self.all[index.index()]
    }
}

impl IndexMut<OriginIdx> for Origins {
    fn index_mut(&mut self, index: OriginIdx) -> &mut Origin {
        &mut self.all[index.index()]
    }
}
