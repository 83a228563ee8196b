//! Room that is given back: a list or a table keeps that of all that were ever in it at once.

use alloc::vec::Vec;

/// What is not worth giving back.
const LEAST: usize = 32;

/// For how many a list or table of so many entries is to have room, if what it has is more than twice that: half as many
/// again as there are, up to three times as many. So giving back costs a constant for each entry removed. The room of a
/// table is its slots: its capacity leaves out those that a removal has left unusable.
pub(crate) fn enough_for(entries: usize, room: usize) -> Option<usize> {
    let enough = entries + entries / 2 + LEAST;
    (room > 2 * enough).then_some(enough)
}

/// After entries were removed from a list.
pub(crate) fn give_back<T>(list: &mut Vec<T>) {
    if let Some(enough) = enough_for(list.len(), list.capacity()) {
        list.shrink_to(enough);
    }
}
