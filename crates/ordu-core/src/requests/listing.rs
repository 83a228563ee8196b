#[cfg(test)]
mod tests;

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use ordu_crdt::{Dot, Stamp};

use crate::node::Node;
use crate::registers::{Key, MemberList, Status};
use crate::request::joined;
use crate::{Answer, CallError, MemberState, NodeId, NodeName, Output, RequestId, Time};

/// A call that says who may be a member (S6.4).
#[derive(Debug)]
pub(crate) struct Listing {
    /// In their order; `None`: everybody.
    names: Option<Vec<NodeName>>,
    deadline: Time,
    /// When the list was set, and the operation that says so.
    written: Option<(Stamp, Dot)>,
    /// Those that are not on it, and lived when it was set or later.
    unlisted: BTreeSet<NodeId>,
}

impl Node {
    /// A caller says who may be a member.
    pub(crate) fn listing_requested(
        &mut self,
        request: RequestId,
        timeout: Duration,
        names: Option<Vec<NodeName>>,
    ) {
        let problem = names.as_deref().and_then(|names| self.problem_of_list(names));
        let refusal = if self.standing.is_leaving() {
            Some(CallError::Leaving)
        } else {
            problem.map(CallError::Invalid)
        };
        if let Some(error) = refusal {
            let result = Err(error);
            return self.output(Output::Reply { request, result });
        }
        let names = names.map(|mut names| {
            names.sort_unstable();
            names
        });
        let listing = Listing {
            names,
            deadline: self.now.mono + timeout,
            written: None,
            unlisted: BTreeSet::new(),
        };
        self.listing.insert(request, listing);
    }

    /// What is wrong with a list of members, if anything is.
    fn problem_of_list(&self, names: &[NodeName]) -> Option<String> {
        let me = &self.config.name;
        if names.is_empty() {
            return Some(format!(
                "the list of members has no name on it; expected that of each node that may be a member, {me} among them; \
                 to let everybody in again, clear the list"
            ));
        }
        let mut once = BTreeSet::new();
        let twice: BTreeSet<&NodeName> = names.iter().filter(|name| !once.insert(*name)).collect();
        if !twice.is_empty() {
            let twice = joined(twice);
            return Some(format!(
                "{twice} is on the list of members more than once; expected each name once"
            ));
        }
        let (got, most) = (names.len(), MemberList::MOST);
        if got > most {
            return Some(format!(
                "the list of members has {got} names; expected at most {most}"
            ));
        }
        (!names.contains(me)).then(|| {
            format!(
                "{me} is the node that was asked, and is not on the list of members: put it there, or ask one that is"
            )
        })
    }

    /// Moves every such call on that can be.
    pub(crate) fn advance_listings(&mut self) -> bool {
        let mut worked = false;
        for request in self.listing.keys().copied().collect::<Vec<_>>() {
            if let Some(mut listing) = self.listing.remove(&request) {
                match self.advance_listing(&mut listing) {
                    Some(result) => {
                        self.output(Output::Reply { request, result });
                        worked = true;
                    }
                    None => {
                        self.listing.insert(request, listing);
                    }
                }
            }
        }
        worked
    }

    fn advance_listing(&mut self, listing: &mut Listing) -> Option<Result<Answer, CallError>> {
        let late = self.now.mono >= listing.deadline;
        if listing.written.is_none() {
            if !self.may_tell_of_ends() || self.settled.view().is_none() {
                let detail = "no settled set of members".into();
                return late.then_some(Err(CallError::NotReady { detail }));
            }
            let set = self.write_member_list(listing.names.as_deref());
            listing.written = Some((set, self.member_list_written(set)?));
        }
        let (set, written) = listing.written?;
        if let Some(newer) = self.list.as_ref().filter(|list| list.set > set) {
            let detail = format!("the list was set, and then another on {} since", newer.by);
            return Some(Err(CallError::Unknown { detail }));
        }
        let living = self.living_unlisted();
        listing.unlisted.extend(living.iter().copied());
        if !living.is_empty() {
            let names = joined(&self.names_of(living));
            let detail = format!("the list is set; not on it, alive, and not gone yet: {names}");
            return late.then_some(Err(CallError::Unknown { detail }));
        }
        // Who goes because of it takes it along.
        let stays = |node: &NodeId| *node == self.id || self.status_of(*node) == Some(Status::Ready);
        let holders = { self.holders(written).into_iter() }.filter(|node| stays(node));
        let holders: BTreeSet<NodeId> = holders.collect();
        if holders.len() < self.write_concern() {
            let detail = "done, but not confirmed by a second node in time".into();
            return late.then_some(Err(CallError::Unknown { detail }));
        }
        let has_ended =
            |node: &NodeId| matches!(self.roster.state(*node), MemberState::Left | MemberState::Removed);
        let left = listing.unlisted.iter().copied().filter(has_ended);
        let left = self.names_of(left);
        let down = self.roster.iter().filter(|(node, known)| {
            let name = &known.identity.name;
            let is_listed = self.list.as_ref().is_none_or(|list| list.admits(name));
            // An earlier boot of one that left is no other member.
            let is_other = !left.contains(name);
            !is_listed && is_other && self.roster.state_of(*node, known) == MemberState::Down
        });
        let down = self.names_of(down.map(|(node, _)| node));
        let held_by = self.names_of(holders);
        Some(Ok(Answer::MembersSet { held_by, left, down }))
    }

    /// The operation that says that the list was set then.
    fn member_list_written(&self, set: Stamp) -> Option<Dot> {
        let mut lists = self.replica.map().siblings(&Key::MemberList);
        let list = lists.find(|sibling| {
            let list = sibling.value.decode::<MemberList>();
            list.is_some_and(|list| list.set == set)
        });
        list.map(|sibling| sibling.dot)
    }

    /// Those that live and are not on the list.
    fn living_unlisted(&self) -> BTreeSet<NodeId> {
        let Some(list) = &self.list else {
            return BTreeSet::new();
        };
        let others = self.roster.iter();
        let unlisted =
            others.filter(|(node, known)| self.roster.is_alive(*node) && !list.admits(&known.identity.name));
        unlisted.map(|(node, _)| node).collect()
    }

    fn names_of(&self, nodes: impl IntoIterator<Item = NodeId>) -> Vec<NodeName> {
        let names: BTreeSet<NodeName> = nodes.into_iter().map(|node| self.name_of(node)).collect();
        names.into_iter().collect()
    }

    pub(crate) fn listings_deadline(&self) -> Option<Time> {
        self.listing.values().map(|listing| listing.deadline).min()
    }
}
