use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use ordu_crdt::Hlc;
use serde::{Deserialize, Serialize};

use crate::planted::{Bug, Planted};
use crate::registers::Why;
use crate::{NodeId, Time};

/// One removal of a node. They are weighed in this order: by when they were written, then by who wrote them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Removed {
    pub(crate) at: Hlc,
    pub(crate) by: NodeId,
    pub(crate) node: NodeId,
    pub(crate) why: Why,
}

/// All removals that are known, and which of them stand (S2.4).
#[derive(Debug, Default)]
pub(crate) struct Removals {
    of: BTreeMap<NodeId, Vec<Removed>>,
    /// The nodes that have ended by one that stands, and since when that is known here.
    ended: BTreeMap<NodeId, Time>,
    pub(crate) planted: Planted,
}

/// Whom those removals end: one whose writer was removed before it is void. So of a split whose sides removed each other
/// one is left over, and the same one everywhere, in whatever order the news came.
fn standing(removals: impl IntoIterator<Item = Removed>) -> BTreeSet<NodeId> {
    let mut order: Vec<Removed> = removals.into_iter().collect();
    order.sort_unstable();
    let mut ended = BTreeSet::new();
    for removal in order {
        if !ended.contains(&removal.by) {
            ended.insert(removal.node);
        }
    }
    ended
}

impl Removals {
    /// So many are told at once, which fit into a frame; nobody removes as many by hand.
    const TOLD: usize = 1_000;

    /// Takes over what the map says of a node's removal. [`weigh`](Self::weigh) must follow.
    pub(crate) fn set(&mut self, node: NodeId, removals: Vec<Removed>) {
        if removals.is_empty() {
            self.of.remove(&node);
        } else {
            self.of.insert(node, removals);
        }
    }

    /// Finds out which stand now; gives the nodes for which that is news.
    pub(crate) fn weigh(&mut self, now: Time) -> Vec<NodeId> {
        let ended = self.ended_with(&[]);
        let before: BTreeSet<NodeId> = self.ended.keys().copied().collect();
        self.ended.retain(|node, _| ended.contains(node));
        for node in &ended {
            self.ended.entry(*node).or_insert(now);
        }
        before.symmetric_difference(&ended).copied().collect()
    }

    /// Whether a node has ended by one that stands.
    pub(crate) fn ends(&self, node: NodeId) -> bool {
        self.ended.contains_key(&node)
    }

    /// The nodes that have ended so, and since when that is known here.
    pub(crate) fn ended(&self) -> impl Iterator<Item = (NodeId, Time)> {
        self.ended.iter().map(|(node, since)| (*node, *since))
    }

    /// Whether a removal of a node says that the node wrote itself that it left.
    pub(crate) fn has_left(&self, node: NodeId) -> bool {
        let mut removals = self.of.get(&node).into_iter().flatten();
        removals.any(|removal| removal.why == Why::Left)
    }

    /// By which boots of its name a node was replaced, as its removals say.
    pub(crate) fn replaced_by(&self, node: NodeId) -> impl Iterator<Item = NodeId> {
        let removals = self.of.get(&node).into_iter().flatten();
        removals.filter_map(|removal| match removal.why {
            Why::Replaced(by) => Some(by),
            Why::Left | Why::ByHand => None,
        })
    }

    /// Whether the map has a removal of a node, standing or void.
    pub(crate) fn any_of(&self, node: NodeId) -> bool {
        self.of.contains_key(&node)
    }

    /// The nodes of which the map has a removal, standing or void.
    pub(crate) fn all(&self) -> impl Iterator<Item = NodeId> {
        self.of.keys().copied()
    }

    /// The nodes whose removals are all void.
    pub(crate) fn spared(&self) -> impl Iterator<Item = NodeId> {
        self.all().filter(|node| !self.ends(*node))
    }

    /// Whether a removal can be forgotten after a while: no word of the ended one is left that would be weighed anew
    /// without it, and it was not removed by hand: such a one may come back whenever it likes, and is removed still.
    pub(crate) fn may_be_forgotten(&self, node: NodeId) -> bool {
        let by_hand = self.of.get(&node).into_iter().flatten();
        let by_hand = { by_hand }.any(|removal| removal.why == Why::ByHand);
        let mut all = self.of.values().flatten();
        !by_hand && !all.any(|removal| removal.by == node)
    }

    /// What a node must know to see for itself that it has ended: its own removals, those by hand, and those of whoever
    /// wrote one of these.
    pub(crate) fn evidence(&self, node: NodeId) -> Vec<Removed> {
        let all = || self.of.values().flatten().copied();
        let mut told: BTreeSet<Removed> = all()
            .filter(|removal| removal.node == node || removal.why == Why::ByHand)
            .collect();
        loop {
            let writers: BTreeSet<NodeId> = told.iter().map(|removal| removal.by).collect();
            let before = told.len();
            told.extend(all().filter(|removal| writers.contains(&removal.node)));
            if told.len() == before {
                break;
            }
        }
        // The oldest weigh most.
        let own = told.iter().filter(|removal| removal.node == node).copied();
        let others = told.iter().filter(|removal| removal.node != node).copied();
        own.chain(others).take(Self::TOLD).collect()
    }

    /// Who has ended by what is known here and what was told besides.
    pub(crate) fn ended_with(&self, told: &[Removed]) -> BTreeSet<NodeId> {
        let all = self.of.values().flatten().chain(told).copied();
        if self.planted.is(Bug::MutualRemovalObeyed) {
            return all.map(|removal| removal.node).collect();
        }
        standing(all)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use proptest::prelude::*;

    use super::*;

    fn removed(at: u64, by: u128, node: u128) -> Removed {
        Removed {
            at: Hlc(at),
            by: NodeId(by),
            node: NodeId(node),
            why: Why::ByHand,
        }
    }

    fn ended(removals: &[Removed]) -> Vec<u128> {
        let ended = standing(removals.iter().copied());
        ended.into_iter().map(|node| node.0).collect()
    }

    #[test]
    fn of_two_nodes_that_removed_each_other_in_a_split_the_one_removed_first_ends() {
        let (first, second) = (removed(5, 1, 2), removed(9, 2, 1));
        assert_eq!(ended(&[first, second]), [2]);
        assert_eq!(ended(&[second, first]), [2]);
        // Written in one and the same moment.
        assert_eq!(ended(&[removed(5, 1, 2), removed(5, 2, 1)]), [2]);
    }

    #[test]
    fn a_removal_by_a_node_whose_own_removal_is_void_stands() {
        // n1 removes n2, which removes n3, which removes n4: n3 was never removed by anybody who could.
        let chain = [removed(1, 1, 2), removed(2, 2, 3), removed(3, 3, 4)];
        assert_eq!(ended(&chain), [2, 4]);
    }

    #[test]
    fn what_a_node_wrote_before_it_was_removed_stands() {
        assert_eq!(ended(&[removed(1, 2, 3), removed(2, 1, 2)]), [2, 3]);
    }

    #[test]
    fn who_is_told_of_its_removal_knows_enough_to_see_that_it_is_void() {
        let mut here = Removals::default();
        // n5 removed n2 by hand, and n2 had been removed before by n4, whose word stands.
        here.set(NodeId(5), vec![removed(9, 2, 5)]);
        here.weigh(Time(0));
        assert!(here.ends(NodeId(5)));
        let evidence = here.evidence(NodeId(5));
        let mut there = Removals::default();
        there.set(NodeId(2), vec![removed(3, 4, 2)]);
        there.weigh(Time(0));
        assert!(!there.ended_with(&evidence).contains(&NodeId(5)));
        assert!(there.ended_with(&[removed(2, 9, 5)]).contains(&NodeId(5)));
    }

    #[test]
    fn a_removal_by_hand_is_not_forgotten_and_no_other_while_a_word_of_the_removed_is_left() {
        let mut removals = Removals::default();
        let left = Removed {
            why: Why::Left,
            ..removed(1, 1, 7)
        };
        removals.set(NodeId(2), vec![removed(1, 1, 2)]);
        removals.set(NodeId(7), vec![left]);
        removals.weigh(Time(0));
        assert!(!removals.may_be_forgotten(NodeId(2)));
        assert!(removals.may_be_forgotten(NodeId(7)));
        removals.set(NodeId(1), vec![removed(4, 7, 1)]);
        removals.weigh(Time(0));
        assert!(
            !removals.may_be_forgotten(NodeId(7)),
            "n1's removal is void by it"
        );
    }

    fn any_removals() -> impl Strategy<Value = Vec<Removed>> {
        let one = (0..6_u64, 0..6_u128, 0..6_u128).prop_map(|(at, by, node)| removed(at, by, node));
        let by_another = one.prop_filter("nobody removes itself", |removal| removal.by != removal.node);
        prop::collection::vec(by_another, 0..20)
    }

    proptest! {
        #[test]
        fn all_agree_who_has_ended_in_whatever_order_they_hear_of_it(
            (removals, heard) in any_removals().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle()))
        ) {
            let mut known = Removals::default();
            for removal in &heard {
                let mut of = known.of.get(&removal.node).cloned().unwrap_or_default();
                of.push(*removal);
                known.set(removal.node, of);
                known.weigh(Time(1));
            }
            let all: BTreeSet<NodeId> = known.ended().map(|(node, _)| node).collect();
            prop_assert_eq!(&all, &standing(removals.iter().copied()));
        }

        #[test]
        fn removals_never_end_everybody_who_wrote_one(removals in any_removals()) {
            let writers: BTreeSet<NodeId> = removals.iter().map(|removal| removal.by).collect();
            let ended = standing(removals.iter().copied());
            prop_assert!(writers.is_empty() || !writers.is_subset(&ended));
        }

        #[test]
        fn no_one_ends_by_the_word_of_one_that_had_ended_before(removals in any_removals()) {
            let ended = standing(removals.iter().copied());
            for node in &ended {
                let stands = |removal: &&Removed| {
                    let before = removals.iter().filter(|other| *other < *removal).copied();
                    removal.node == *node && !standing(before).contains(&removal.by)
                };
                prop_assert!(removals.iter().any(|removal| stands(&removal)));
            }
        }
    }
}
