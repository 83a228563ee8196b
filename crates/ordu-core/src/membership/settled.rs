use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;

use crate::placement::score;
use crate::planted::{Bug, Planted};
use crate::registers::ChildKey;
use crate::{NodeId, NodeName, Time, Timing};

/// Watches the set of ready members until it may be acted on (S4.3).
#[derive(Debug)]
pub(crate) struct Settled {
    /// The set as it is now, and since when each has been in it.
    ready: BTreeMap<NodeId, (NodeName, Time)>,
    /// When it last changed in a way that unsettles.
    changed: Time,
    /// Since when there has been no view of all that are ready.
    unsettled: Option<Time>,
    /// Nothing is decided before (S4.5).
    void_until: Time,
    view: Option<SettledView>,
    /// The last view there was, which is this one if there is one, and the one before it.
    last: Option<SettledView>,
    before: Option<SettledView>,
    pub(crate) planted: Planted,
}

/// A set of ready members that may be decided with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SettledView {
    pub(crate) ready: BTreeMap<NodeId, NodeName>,
}

impl Settled {
    pub(crate) fn new() -> Self {
        Self {
            ready: BTreeMap::new(),
            changed: Time(0),
            unsettled: None,
            void_until: Time(0),
            view: None,
            last: None,
            before: None,
            planted: Planted::default(),
        }
    }

    /// Whether just these are ready as far as is known here.
    pub(crate) fn is_of(&self, ready: impl ExactSizeIterator<Item = NodeId>) -> bool {
        ready.len() == self.ready.len() && { ready }.all(|node| self.ready.contains_key(&node))
    }

    /// Takes over who is ready now. A member of `proven` that is missing is proven dead or has left, which
    /// does not unsettle the view.
    pub(crate) fn update(&mut self, ready: BTreeMap<NodeId, NodeName>, proven: &BTreeSet<NodeId>, now: Time) {
        if self.is_of(ready.keys().copied()) {
            return;
        }
        let unsettles = ready.keys().any(|node| !self.ready.contains_key(node))
            || self
                .ready
                .keys()
                .any(|node| !ready.contains_key(node) && !proven.contains(node));
        let old = core::mem::take(&mut self.ready);
        self.ready = ready
            .into_iter()
            .map(|(node, name)| (node, (name, old.get(&node).map_or(now, |(_, since)| *since))))
            .collect();
        if unsettles {
            self.changed = now;
            self.view = None;
            self.unsettled.get_or_insert(now);
        } else if let Some(view) = &mut self.view {
            view.ready.retain(|node, _| self.ready.contains_key(node));
            self.remember();
        }
    }

    /// Takes note of the view, if it is another than the last.
    fn remember(&mut self) {
        if self.view.is_some() && self.view != self.last {
            self.before = core::mem::replace(&mut self.last, self.view.clone());
        }
    }

    /// The members that come first in the order in which they decide about a child, in the last settled view and in the
    /// one before it: an acknowledged write about the child is held by one of them that did not make it (S5.9).
    pub(crate) fn first_in_rank(&self, child: &ChildKey) -> BTreeSet<NodeId> {
        let views = self.last.iter().chain(&self.before);
        views.flat_map(|view| view.first_in_rank(child)).collect()
    }

    /// A node came that is not ready yet: whatever it brings may change the view.
    pub(crate) fn disturb(&mut self, now: Time) {
        self.void(now, now);
    }

    pub(crate) fn is_ready(&self, node: NodeId) -> bool {
        self.ready.contains_key(&node)
    }

    /// Voids the view and decides nothing for a while (S4.5).
    pub(crate) fn void(&mut self, until: Time, now: Time) {
        self.void_until = self.void_until.max(until);
        self.changed = now;
        self.view = None;
        self.unsettled.get_or_insert(now);
    }

    /// Settles if the time has come; gives whether that is news.
    pub(crate) fn settle(&mut self, now: Time, timing: &Timing) -> bool {
        if self.unsettled.is_none() || now < self.void_until || self.ready.is_empty() {
            return false;
        }
        let wait = self.wait(timing);
        let all = now >= self.changed + wait;
        let patience = self
            .unsettled
            .is_some_and(|since| now >= since + timing.settle_max);
        if !all && !patience {
            return false;
        }
        let stable = self
            .ready
            .iter()
            .filter(|(_, (_, since))| all || now >= *since + wait);
        let ready: BTreeMap<_, _> = stable.map(|(node, (name, _))| (*node, name.clone())).collect();
        if ready.len() == self.ready.len() {
            self.unsettled = None;
        }
        let view = (!ready.is_empty()).then_some(SettledView { ready });
        let news = view != self.view;
        self.view = view;
        self.remember();
        news
    }

    pub(crate) fn view(&self) -> Option<&SettledView> {
        self.view.as_ref()
    }

    pub(crate) fn next_deadline(&self, timing: &Timing) -> Option<Time> {
        let unsettled = self.unsettled.filter(|_| !self.ready.is_empty())?;
        let wait = self.wait(timing);
        let settled = self.changed + wait;
        let patience = unsettled + timing.settle_max;
        // Once patience is over, each member counts as soon as it has been there for `wait`.
        let missing = |node: &NodeId| {
            self.view
                .as_ref()
                .is_none_or(|view| !view.ready.contains_key(node))
        };
        let missing = self
            .ready
            .iter()
            .filter(|(node, _)| missing(node))
            .map(|(_, (_, since))| *since + wait);
        let next = missing.min().unwrap_or(settled);
        Some(settled.min(patience.max(next)).max(self.void_until))
    }

    fn wait(&self, timing: &Timing) -> Duration {
        if self.planted.is(Bug::ViewNotSettled) {
            return Duration::ZERO;
        }
        timing.settle + timing.settle_per_member * u32::try_from(self.ready.len()).unwrap_or(u32::MAX)
    }
}

impl SettledView {
    /// So many members are first in rank for a child.
    const FIRST: usize = 3;

    /// The node that decides about a child (S4.1).
    pub(crate) fn decider(&self, child: &ChildKey) -> Option<NodeId> {
        self.ready
            .iter()
            .max_by_key(|(node, name)| (score(name, child), **node))
            .map(|(node, _)| *node)
    }

    /// How many members are before `node` in the order in which they decide about a child; `None`: it is
    /// not ready.
    pub(crate) fn rank(&self, node: NodeId, child: &ChildKey) -> Option<u32> {
        let own = (score(self.ready.get(&node)?, child), node);
        let before = self
            .ready
            .iter()
            .filter(|(other, name)| (score(name, child), **other) > own)
            .count();
        u32::try_from(before).ok()
    }

    /// The first members in that order.
    fn first_in_rank(&self, child: &ChildKey) -> impl Iterator<Item = NodeId> {
        let order = self.ready.iter();
        let mut order: Vec<_> = order.map(|(node, name)| (score(name, child), *node)).collect();
        order.sort_unstable_by(|a, b| b.cmp(a));
        order.into_iter().map(|(_, node)| node).take(Self::FIRST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(nodes: &[u128]) -> BTreeMap<NodeId, NodeName> {
        nodes
            .iter()
            .map(|n| (NodeId(*n), NodeName::new(alloc::format!("n{n}")).unwrap()))
            .collect()
    }

    fn ms(ms: u64) -> Time {
        Time(ms * 1000)
    }

    fn settled(nodes: &[u128]) -> Settled {
        let mut settled = Settled::new();
        settled.update(ready(nodes), &BTreeSet::new(), ms(0));
        assert!(settled.settle(ms(1_000), &Timing::default()));
        settled
    }

    #[test]
    fn a_view_settles_only_after_it_has_not_changed_for_the_settle_time() {
        let timing = Timing::default();
        let mut settled = Settled::new();
        settled.update(ready(&[1, 2]), &BTreeSet::new(), ms(0));
        let at = settled.next_deadline(&timing).unwrap();
        assert!(!settled.settle(Time(at.0 - 1), &timing));
        settled.update(ready(&[1, 2, 3]), &BTreeSet::new(), Time(at.0 - 1));
        assert!(!settled.settle(at, &timing));
        assert!(settled.settle(settled.next_deadline(&timing).unwrap(), &timing));
    }

    #[test]
    fn a_proven_death_does_not_unsettle_and_an_unproven_one_does() {
        let mut proven = settled(&[1, 2, 3]);
        proven.update(ready(&[1, 2]), &[NodeId(3)].into(), ms(2_000));
        assert_eq!(proven.view().unwrap().ready, ready(&[1, 2]));
        let mut unproven = settled(&[1, 2, 3]);
        unproven.update(ready(&[1, 2]), &BTreeSet::new(), ms(2_000));
        assert_eq!(unproven.view(), None);
    }

    #[test]
    fn a_flapping_member_holds_the_others_up_for_settle_max_at_the_most() {
        let timing = Timing::default();
        let mut settled = settled(&[1, 2]);
        let (mut now, mut with) = (ms(2_000), false);
        loop {
            with = !with;
            settled.update(
                ready(if with { &[1, 2, 3] } else { &[1, 2] }),
                &BTreeSet::new(),
                now,
            );
            if settled.settle(now, &timing) {
                break;
            }
            now = now + Duration::from_millis(50);
            assert!(now < ms(2_000) + timing.settle_max + Duration::from_millis(100));
        }
        assert_eq!(settled.view().unwrap().ready, ready(&[1, 2]));
    }

    #[test]
    fn a_view_of_the_stable_ones_is_completed_once_the_others_are_stable_too() {
        let timing = Timing {
            settle_max: Duration::from_millis(150),
            ..Timing::default()
        };
        let mut settled = Settled::new();
        settled.update(ready(&[1]), &BTreeSet::new(), ms(1_000));
        settled.update(ready(&[1, 2]), &BTreeSet::new(), ms(1_100));
        let at = settled.next_deadline(&timing).unwrap();
        assert!(settled.settle(at, &timing));
        assert_eq!(settled.view().unwrap().ready, ready(&[1]));
        let at = settled.next_deadline(&timing).unwrap();
        assert!(settled.settle(at, &timing));
        assert_eq!(settled.view().unwrap().ready, ready(&[1, 2]));
        assert_eq!(settled.next_deadline(&timing), None);
    }

    #[test]
    fn who_was_first_in_rank_in_the_view_before_counts_until_the_next_change() {
        let child = ChildKey::new("h".parse().unwrap(), "c".parse().unwrap());
        let mut settled = settled(&[1, 2, 3, 4, 5]);
        let first = settled.first_in_rank(&child);
        assert_eq!(first.len(), 3);
        let gone = *first.first().unwrap();
        let left: Vec<u128> = (1..=5).filter(|n| NodeId(*n) != gone).collect();
        settled.update(ready(&left), &[gone].into(), ms(2_000));
        let both = settled.first_in_rank(&child);
        assert!(both.is_superset(&first), "{both:?}");
        assert_eq!(both.len(), 4, "and the one that came after them");
        // A view that is voided and settles again is the same.
        settled.void(ms(3_000), ms(3_000));
        assert_eq!(settled.first_in_rank(&child), both);
        assert!(settled.settle(ms(4_000), &Timing::default()));
        assert_eq!(settled.first_in_rank(&child), both);
    }

    #[test]
    fn a_voided_view_stays_void_until_the_probe_round_is_over() {
        let timing = Timing::default();
        let mut settled = settled(&[1, 2]);
        settled.void(ms(9_000), ms(5_000));
        assert!(!settled.settle(ms(8_999), &timing));
        assert_eq!(settled.next_deadline(&timing), Some(ms(9_000)));
        assert!(settled.settle(ms(9_000), &timing));
    }
}
