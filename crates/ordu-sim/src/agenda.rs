use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::Moment;

/// What is to happen when: the one queue of the world.
///
/// Of two events at one moment the one that was put in first comes first, so the order is total and the
/// same in every run. The events themselves lie beside the heap, which moves its entries about.
#[derive(Debug)]
pub(crate) struct Agenda<E> {
    heap: BinaryHeap<Reverse<Entry>>,
    events: Vec<Option<E>>,
    /// The places in `events` that are empty.
    free: Vec<usize>,
    entered: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    at: Moment,
    order: u64,
    place: usize,
}

impl<E> Default for Agenda<E> {
    fn default() -> Self {
        Self {
            heap: BinaryHeap::new(),
            events: Vec::new(),
            free: Vec::new(),
            entered: 0,
        }
    }
}

impl<E> Agenda<E> {
    /// Puts an event in.
    pub(crate) fn enter(&mut self, at: Moment, event: E) {
        self.entered += 1;
        let place = self.free.pop().unwrap_or(self.events.len());
        match self.events.get_mut(place) {
            Some(empty) => *empty = Some(event),
            None => self.events.push(Some(event)),
        }
        self.heap.push(Reverse(Entry {
            at,
            order: self.entered,
            place,
        }));
    }

    /// When the next event is due.
    pub(crate) fn next_at(&self) -> Option<Moment> {
        self.heap.peek().map(|Reverse(entry)| entry.at)
    }

    /// Takes the next event out.
    pub(crate) fn take(&mut self) -> Option<(Moment, E)> {
        let Reverse(entry) = self.heap.pop()?;
        self.free.push(entry.place);
        let event = self.events[entry.place].take()?;
        Some((entry.at, event))
    }

    /// How many events were ever entered.
    pub(crate) fn entered(&self) -> u64 {
        self.entered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_time_and_then_in_the_order_they_were_entered() {
        let mut agenda = Agenda::default();
        for (at, event) in [(5, 'c'), (3, 'a'), (5, 'd'), (3, 'b')] {
            agenda.enter(Moment(at), event);
        }
        let order: String = std::iter::from_fn(|| agenda.take().map(|(_, event)| event)).collect();
        assert_eq!(order, "abcd");
    }
}
