#[cfg(test)]
mod tests;

use alloc::format;
use alloc::vec::Vec;
use core::net::SocketAddr;

use ordu_crdt::Stamp;

use super::Standing;
use super::handshake::REPLACED;
use crate::node::Node;
use crate::planted::Bug;
use crate::registers::{Key, MemberList, Value};
use crate::request::joined;
use crate::wire::{Hello, Refusal};
use crate::{ConnId, Event, ExitCause, NodeName, Output};

impl Node {
    /// Takes over what the map says of who may be a member: the list that was set last.
    pub(crate) fn member_list_changed(&mut self) {
        let lists = self.replica.map().siblings(&Key::MemberList);
        let lists = lists.filter_map(|sibling| sibling.value.decode::<MemberList>());
        let list = lists.max_by_key(|list| list.set);
        let set = |list: &Option<MemberList>| list.as_ref().map(|list| list.set);
        if set(&list) == set(&self.list) {
            return;
        }
        self.list = list;
        self.members_changed = true;
        let Some(MemberList { names, by, .. }) = self.list.clone() else {
            return;
        };
        self.output(Output::MemberList { names: names.clone() });
        self.event(Event::MembersListed { names, by });
    }

    /// Writes down who may be a member. Gives when that was set: before, if nothing changes by it.
    pub(crate) fn write_member_list(&mut self, names: Option<&[NodeName]>) -> Stamp {
        let same = |list: &&MemberList| list.names.as_deref() == names;
        if let Some(list) = self.list.as_ref().filter(same) {
            return list.set;
        }
        let list = MemberList {
            set: self.stamp(),
            by: self.config.name.clone(),
            names: names.map(Vec::from),
        };
        self.write([(Key::MemberList, Some(Value::encode(&list)))]);
        list.set
    }

    /// Of lists that were set at once the one that counts is written over the others, so that these are not kept for ever.
    pub(crate) fn settle_the_member_list(&mut self) {
        let count = self.replica.map().siblings(&Key::MemberList).count();
        if let Some(list) = self.list.as_ref().filter(|_| count > 1) {
            let list = Value::encode(list);
            self.write([(Key::MemberList, Some(list))]);
        }
    }

    /// Whether this node's own name is not on the list.
    pub(crate) fn is_off_the_list(&self) -> bool {
        let name = &self.config.name;
        let is_planted = self.planted.is(Bug::ListedLeave);
        let list = self.list.as_ref();
        list.is_some_and(|list| !list.admits(name) || is_planted && list.names.is_some() && list.by != *name)
    }

    /// Whether one that connects is a newcomer that the list does not name. Who was a member before is let in: it may know
    /// a list that was set later, and if it does not it leaves by this one. So does who goes by a later one.
    pub(crate) fn is_unlisted(&self, hello: &Hello) -> bool {
        let Some(list) = &self.list else { return false };
        let identity = &hello.identity;
        let known = self.roster.get(identity.id);
        let is_member = hello.was_admitted || known.is_some_and(|known| known.member.is_some());
        let knows_better = hello.listed > Some(list.set);
        !is_member && !knows_better && !list.admits(&identity.name)
    }

    pub(crate) fn refuse_unlisted(&mut self, conn: ConnId, hello: &Hello) {
        // That it is there is news of the one before it all the same.
        if let Some(holder) = self.holder_of(hello)
            && self.stands_where_it_was(conn, hello, holder)
        {
            self.prove_dead(holder, REPLACED);
        }
        let Some(MemberList { set, by, names }) = self.list.clone() else {
            return;
        };
        let names = names.unwrap_or_default();
        let (name, addr) = (&hello.identity.name, hello.identity.addr);
        let detail = format!(
            "{name} at {addr} is not on the list of members that was set on {by}: {}",
            joined(&names)
        );
        self.refuse(conn, Refusal::NotListed { set, names }, &detail);
    }

    /// The peer at that address says that this node is not on the list. Who is ready goes on without that peer.
    pub(crate) fn refused_by_list(&mut self, addr: SocketAddr, set: Stamp, listed: Vec<NodeName>) {
        let is_newcomer = matches!(self.standing, Standing::Joining { .. });
        let knows_better = self.list.as_ref().is_some_and(|list| list.set > set);
        if is_newcomer && !knows_better {
            let name = self.config.name.clone();
            return self.exit(ExitCause::NotListed { name, listed, addr });
        }
        let detail = format!(
            "this node is not on the peer's list of members: {}; have it set there with {}, or do not join it",
            joined(&listed),
            self.config.name
        );
        self.event(Event::PeerRefused { addr, detail });
    }

    /// Leaves if it is not on the list, as one that an operator removes does: once a ready member that is on it is there to
    /// take over, and whoever may know of a later list has been heard. Gives whether it does.
    pub(crate) fn heed_the_member_list(&mut self) -> bool {
        let may_go = matches!(self.standing, Standing::Ready | Standing::Joining { .. });
        let Some(list) = self.list.as_ref().filter(|_| may_go && self.is_off_the_list()) else {
            return false;
        };
        let view = self.settled.view().filter(|_| !self.unfinished.exchanges);
        let has_heir = view.is_some_and(|view| {
            let mut others = view.ready.iter().filter(|(node, _)| **node != self.id);
            others.any(|(node, name)| list.admits(name) && !self.has_told_to_leave(*node))
        });
        let (names, by) = (list.names.clone().unwrap_or_default(), list.by.clone());
        if !has_heir || !self.leave_unless_last() {
            return false;
        }
        self.event(Event::NotListed { names, by });
        true
    }
}
