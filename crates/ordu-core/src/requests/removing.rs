#[cfg(test)]
mod tests;

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::vec::Vec;
use core::time::Duration;

use ordu_crdt::Dot;

use crate::node::Node;
use crate::registers::{Status, Why};
use crate::wire::Message;
use crate::{Answer, CallError, NodeId, NodeName, Output, RequestId, Time};

/// A call that takes every node of a name out of the cluster (S2.4).
#[derive(Debug)]
pub(crate) struct Removing {
    name: NodeName,
    deadline: Time,
    /// Those that live and were told to leave.
    told: BTreeSet<NodeId>,
    /// What was written, once none of them lives any more.
    written: Option<Vec<Dot>>,
}

impl Node {
    /// A caller wants a member removed.
    pub(crate) fn removal_requested(&mut self, request: RequestId, timeout: Duration, name: NodeName) {
        let refusal = if self.standing.is_leaving() {
            Some(CallError::Leaving)
        } else if name == self.config.name {
            Some(CallError::Invalid(format!(
                "{name} is the node that was asked: to take it out of the cluster end its agent, or ask another node"
            )))
        } else if self.roster.boots_of(&name).next().is_none() {
            let known = self.roster.iter();
            let mut known: Vec<NodeName> = known.map(|(_, known)| known.identity.name.clone()).collect();
            known.push(self.config.name.clone());
            known.sort_unstable();
            known.dedup();
            Some(CallError::NoSuchMember {
                name: name.clone(),
                known,
            })
        } else {
            None
        };
        if let Some(error) = refusal {
            return self.output(Output::Reply {
                request,
                result: Err(error),
            });
        }
        let removing = Removing {
            name,
            deadline: self.now.mono + timeout,
            told: BTreeSet::new(),
            written: None,
        };
        self.removing.insert(request, removing);
    }

    /// Another is asked to remove this node. The last that is ready does not go for that (S5.12), and of two that are asked
    /// to remove each other at once one stays.
    pub(crate) fn told_to_leave(&mut self, from: NodeId) {
        if !self.has_told_to_leave(from) || self.id > from {
            self.leave_unless_last();
        }
    }

    /// Who was told to leave may not have heard it.
    pub(crate) fn tell_to_leave_again(&mut self, peer: NodeId) {
        for removing in self.removing.values_mut() {
            removing.told.remove(&peer);
        }
    }

    /// Whether this node wants another out of the cluster, and has told it so.
    pub(crate) fn has_told_to_leave(&self, peer: NodeId) -> bool {
        let mut removing = self.removing.values();
        removing.any(|removing| removing.told.contains(&peer))
    }

    /// Leaves because others want it: not the last one that is ready (S5.12). Gives whether it does.
    pub(crate) fn leave_unless_last(&mut self) -> bool {
        let is_last = self.roster.ready().next().is_none();
        if is_last || self.standing.is_leaving() {
            return false;
        }
        self.begin_leaving();
        true
    }

    /// Moves every removal on that can be.
    pub(crate) fn advance_removals(&mut self) -> bool {
        let mut worked = false;
        for request in self.removing.keys().copied().collect::<Vec<_>>() {
            if let Some(mut removing) = self.removing.remove(&request) {
                match self.advance_removal(&mut removing) {
                    Some(result) => {
                        self.output(Output::Reply { request, result });
                        worked = true;
                    }
                    None => {
                        self.removing.insert(request, removing);
                    }
                }
            }
        }
        worked
    }

    fn advance_removal(&mut self, removing: &mut Removing) -> Option<Result<Answer, CallError>> {
        let late = self.now.mono >= removing.deadline;
        if removing.written.is_none() {
            if !self.may_tell_of_ends() || self.settled.view().is_none() {
                let detail = "no settled set of members".into();
                return late.then_some(Err(CallError::NotReady { detail }));
            }
            let boots: Vec<NodeId> = self
                .roster
                .boots_of(&removing.name)
                .filter(|node| !self.roster.removals.ends(*node))
                .collect();
            let living: Vec<NodeId> = { boots.iter().copied() }
                .filter(|node| self.roster.is_alive(*node))
                .collect();
            for node in &living {
                if self.links.used(*node).is_some() && removing.told.insert(*node) {
                    self.send(*node, &Message::Leave);
                }
            }
            if !living.is_empty() {
                let name = &removing.name;
                let detail = format!("{name} lives, and was told to leave, but has not left yet");
                return late.then_some(Err(CallError::Unknown { detail }));
            }
            let down = boots
                .into_iter()
                .filter(|node| self.roster.status_of(*node) != Some(Status::Left));
            let down: Vec<NodeId> = down.collect();
            let written = down
                .into_iter()
                .filter_map(|node| self.remove_member(node, Why::ByHand));
            removing.written = Some(written.collect());
        }
        let written = removing.written.as_ref()?;
        let holders = self.holders_of_all(written);
        if !written.is_empty() && holders.len() < self.write_concern() {
            let detail = "done, but not confirmed by a second node in time".into();
            return late.then_some(Err(CallError::Unknown { detail }));
        }
        let held_by = holders.iter().map(|holder| self.name_of(*holder)).collect();
        Some(Ok(Answer::Removed { held_by }))
    }

    pub(crate) fn removals_deadline(&self) -> Option<Time> {
        self.removing.values().map(|removing| removing.deadline).min()
    }
}
