use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::RequestId;

/// Which of its calls a node needs no answer of any more (S5.8): all below the lowest that is open, and ranges above
/// it. It grows only, so of two accounts of it each is true.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Closed {
    /// All below are closed.
    lowest: u64,
    /// From each first number up to, and without, the second: apart from each other, in their order, above `lowest`.
    ranges: Vec<(u64, u64)>,
}

impl Closed {
    /// So many open calls are looked at; what is above them is told once they are closed.
    const LOOKED_AT: usize = 64;
    /// So many ranges are kept, the lowest: what a peer says of itself costs no more.
    const MOST: usize = 1_024;

    /// What a node closed of the calls up to `last`, all but those that are `open`, which come in their order.
    pub(crate) fn all_but(open: impl Iterator<Item = RequestId>, last: RequestId) -> Self {
        let mut closed = Self::default();
        let mut next = None;
        for RequestId(number) in open.take(Self::LOOKED_AT) {
            match next {
                None => closed.lowest = number,
                Some(next) if next < number => closed.ranges.push((next, number)),
                Some(_) => {}
            }
            next = Some(number.saturating_add(1));
        }
        if next.is_none() {
            closed.lowest = last.0.saturating_add(1);
        }
        closed
    }

    /// Whether the call is closed.
    pub(crate) fn contains(&self, RequestId(number): RequestId) -> bool {
        let is_within = |(first, end): &(u64, u64)| (*first..*end).contains(&number);
        number < self.lowest || self.ranges.iter().any(is_within)
    }

    /// Takes over another account of the same node's calls.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.lowest = self.lowest.max(other.lowest);
        let mut ranges: Vec<_> = self.ranges.iter().chain(&other.ranges).copied().collect();
        ranges.sort_unstable();
        self.ranges.clear();
        for (first, end) in ranges {
            if first <= self.lowest {
                self.lowest = self.lowest.max(end);
            } else if let Some(before) = self.ranges.last_mut().filter(|before| first <= before.1) {
                before.1 = before.1.max(end);
            } else {
                self.ranges.push((first, end));
            }
        }
        self.ranges.truncate(Self::MOST);
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn all_but(open: &[u64], last: u64) -> Closed {
        Closed::all_but(open.iter().map(|number| RequestId(*number)), RequestId(last))
    }

    #[test]
    fn what_is_not_open_is_closed_up_to_the_last_that_is() {
        let closed = all_but(&[3, 4, 9], 12);
        let told: Vec<u64> = (0..15).filter(|n| closed.contains(RequestId(*n))).collect();
        assert_eq!(told, [0, 1, 2, 5, 6, 7, 8]);
        assert!(all_but(&[], 12).contains(RequestId(12)));
        assert!(!all_but(&[], 12).contains(RequestId(13)));
    }

    #[test]
    fn a_call_that_takes_an_hour_costs_one_range_however_many_are_answered_meanwhile() {
        let mut closed = Closed::default();
        for last in 6..10_000 {
            closed.merge(&all_but(&[5, last], last));
        }
        assert_eq!(closed.ranges, vec![(6, 9_999)]);
    }

    #[test]
    fn an_older_account_takes_nothing_back() {
        let (older, newer) = (all_but(&[2, 5], 5), all_but(&[7], 8));
        let mut closed = newer.clone();
        closed.merge(&older);
        assert_eq!(closed, newer);
        let mut closed = older;
        closed.merge(&newer);
        assert_eq!(closed, newer);
    }
}
