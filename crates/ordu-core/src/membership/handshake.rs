#[cfg(test)]
mod tests;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::links::{Handshake, Link, LinkChange, RETIRE};
use super::{Identity, Liveness};
use crate::node::Node;
use crate::wire::{Hello, Message, PROTOCOL, Refusal};
use crate::{CloseReason, ConnId, DialId, Event, ExitCause, MemberState, NodeId, Output};

/// Why a member is dead whose successor stands where it was.
pub(crate) const REPLACED: &str = "a new node of its name was authenticated";

impl Node {
    pub(crate) fn connected(
        &mut self,
        conn: ConnId,
        peer: NodeId,
        addr: core::net::SocketAddr,
        dialled: Option<DialId>,
        rtt: Duration,
    ) {
        let dialled_addr = dialled.and_then(|dial| self.dialer.ended(dial));
        if peer == self.id {
            if let Some(addr) = dialled_addr {
                self.dialer.is_self(addr);
            }
            self.close(conn, CloseReason::Duplicate);
            return;
        }
        let link = Link {
            peer,
            addr: dialled_addr.unwrap_or(addr),
            dialled_here: dialled.is_some(),
            dial: dialled,
            rtt,
            handshake: Handshake::Awaited,
            lifeline_closed: false,
            retired: None,
            unanswered: None,
            goes_on: None,
            is_told: false,
            rank_told: None,
        };
        self.links.insert(conn, link);
        // Before it hears of anything else.
        self.tell_to_hand_over(conn);
        let hello = Hello {
            protocol: PROTOCOL,
            dial: dialled,
            was_admitted: self.names.was_admitted,
            listed: self.list.as_ref().map(|list| list.set),
            identity: self.swim.identity().clone(),
            wall: self.now.wall,
            hlc: self.replica.hlc(),
        };
        self.send_on(conn, &Message::Hello(hello));
    }

    pub(crate) fn greeted(&mut self, conn: ConnId, hello: Hello) {
        let link = self
            .links
            .link(conn)
            .filter(|link| link.handshake != Handshake::Refused);
        let Some(link) = link else { return };
        let peer = link.peer;
        if hello.identity.id != peer {
            let detail = format!(
                "certificate names node {peer}, handshake names {}",
                hello.identity.id
            );
            self.close(conn, CloseReason::Protocol { detail });
            return;
        }
        if let Some(detail) = self.objection(&hello) {
            self.refuse(
                conn,
                Refusal::Other {
                    detail: detail.clone(),
                },
                &detail,
            );
            return;
        }
        if self.roster.is_over(peer) {
            // It contests no name, and hands over what only it has.
            return self.welcome(conn, hello);
        }
        if self.is_unlisted(&hello) {
            return self.refuse_unlisted(conn, &hello);
        }
        if hello.identity.name == self.config.name {
            return self.met_a_namesake(conn, hello);
        }
        self.let_in(conn, hello);
        // What it said may have been on its way since before it died.
        if self.links.link(conn).is_some_and(Link::greeted) && self.names.of(peer).next().is_some() {
            self.ping(peer);
        }
    }

    /// Welcomes one unless there may be a node of its name.
    pub(crate) fn let_in(&mut self, conn: ConnId, hello: Hello) {
        let Some(holder) = self.holder_of(&hello) else {
            return self.welcome(conn, hello);
        };
        if self.roster.is_over(hello.identity.id) {
            // It has ended while it waited.
            return self.welcome(conn, hello);
        }
        let is_in = self.links.used(hello.identity.id).is_some();
        if is_in && !self.roster.is_alive(holder) {
            // It was let in already, and connects anew.
            return self.welcome(conn, hello);
        }
        if self.stands_where_it_was(conn, &hello, holder) {
            self.prove_dead(holder, REPLACED);
            return self.welcome(conn, hello);
        }
        let link = self.links.used_link(holder);
        let is_down = !self.roster.is_alive(holder);
        if is_down && hello.was_admitted {
            // Others took it in already, and the one before it is not in sight.
            return self.welcome(conn, hello);
        }
        let patience = if let Some(link) = link {
            (link.rtt * 4).min(self.config.timing.dial_timeout)
        } else {
            self.config.timing.dial_timeout
        };
        self.contest_name(conn, hello, holder, patience);
    }

    /// Whether a member is dead because of one of its name that connects: this node dialled where it was and met another, or
    /// the kernel of its host closed its lifeline and another says that it is where it was (S6.3). What a newcomer says of
    /// its own address proves nothing: it may be misnamed.
    pub(crate) fn stands_where_it_was(&self, conn: ConnId, hello: &Hello, holder: NodeId) -> bool {
        let link = self.links.used_link(holder);
        let is_cut = link.is_some_and(|link| link.lifeline_closed);
        let holder_addr = self.roster.get(holder).map(|known| known.identity.addr);
        let dialled = self.links.link(conn).filter(|link| link.dialled_here);
        let was_there = dialled.is_some_and(|link| Some(link.addr) == holder_addr);
        was_there || is_cut && holder_addr == Some(hello.identity.addr)
    }

    /// The member that bears the name of one that connects, if it may live: one that is known to live, or one that is not
    /// known to be dead.
    pub(crate) fn holder_of(&self, hello: &Hello) -> Option<NodeId> {
        let name = &hello.identity.name;
        let others = || {
            self.roster
                .boots_of(name)
                .filter(|other| *other != hello.identity.id)
        };
        let may_live = |other: &NodeId| {
            let has_ended = matches!(
                self.roster.state(*other),
                MemberState::Left | MemberState::Removed
            );
            !has_ended && !self.proven.contains(other)
        };
        others()
            .find(|other| self.roster.is_alive(*other))
            .or_else(|| others().filter(may_live).last())
    }

    fn objection(&self, hello: &Hello) -> Option<String> {
        if hello.protocol != PROTOCOL {
            return Some(format!(
                "this node speaks protocol {PROTOCOL}, the peer {}",
                hello.protocol
            ));
        }
        let (here, there) = (self.now.wall, hello.wall);
        let apart = Duration::from_micros(here.0.abs_diff(there.0));
        let bound = self.config.timing.clock_bound;
        (apart > bound).then(|| {
            format!(
                "the wall clocks are {apart:.1?} apart (this node: {} ms, {}: {} ms since 1970), more than the \
                 {bound:?} allowed: set the clock of one of them",
                here.millis(),
                hello.identity.name,
                there.millis(),
            )
        })
    }

    pub(crate) fn refuse_name(
        &mut self,
        conn: ConnId,
        hello: &Hello,
        holder: NodeId,
        addr: core::net::SocketAddr,
    ) {
        self.names.refuse(hello.identity.id);
        let name = hello.identity.name.clone();
        let detail = format!("a live node has the name {name}: {holder} at {addr}");
        self.refuse(conn, Refusal::NameTaken { name, holder, addr }, &detail);
    }

    pub(crate) fn refuse(&mut self, conn: ConnId, refusal: Refusal, detail: &str) {
        let link = self.links.link_mut(conn);
        let Some(link) = link.filter(|link| link.handshake != Handshake::Refused) else {
            return;
        };
        link.handshake = Handshake::Refused;
        let addr = link.addr;
        self.send_on(conn, &Message::Refused(refusal));
        self.event(Event::PeerRefused {
            addr,
            detail: detail.into(),
        });
        self.close(
            conn,
            CloseReason::Refused {
                detail: detail.into(),
            },
        );
    }

    pub(crate) fn welcome(&mut self, conn: ConnId, hello: Hello) {
        let now = self.now.mono;
        let identity = hello.identity;
        let peer = identity.id;
        let is_over = self.roster.is_over(peer);
        for (other, newcomer) in self.names.let_in(peer).collect::<Vec<_>>() {
            self.welcome(other, newcomer.hello);
        }
        self.replica.observe_hlc(hello.hlc);
        let down = self
            .roster
            .get(peer)
            .filter(|known| known.liveness == Liveness::Down);
        let down = down.map(|known| known.identity.generation);
        self.roster.hear(identity.clone(), now);
        self.roster.greeted(peer, conn);
        let change = self.links.greet(conn, self.id, hello.dial);
        if let Some(generation) = down {
            self.set_liveness(peer, Liveness::Heard);
            // It learns on the reliable channel that it was given up, and comes back under a new generation.
            if generation >= identity.generation {
                self.send(peer, &Message::Down(identity.generation));
            }
        }
        if !self.settled.is_ready(peer) && !is_over {
            self.settled.disturb(now);
        }
        if !is_over {
            self.tell_rank(conn, &identity);
        }
        match change {
            LinkChange::Switched {
                retired,
                was_used,
                close,
            } => {
                let last = was_used.then(|| self.number());
                if let Some(link) = self.links.link_mut(retired) {
                    link.retired = Some(now);
                    link.unanswered = last;
                }
                if let Some(last) = last {
                    self.send_on(retired, &Message::Ping(last));
                }
                if close {
                    self.retiring.insert(retired, now + RETIRE);
                }
            }
            LinkChange::Up => self.link_is_new(peer),
            LinkChange::Broke | LinkChange::Down | LinkChange::None => {}
        }
        self.swim.announce(identity, now);
        self.members_changed = true;
    }

    /// Something came on a connection: one that the peer does not know gives way to the one that it goes on with. A clone of
    /// the peer may have greeted on that and died, and nothing breaks it while the peer lives.
    pub(crate) fn heard_on(&mut self, conn: ConnId) {
        if let Some(unknown) = self.links.unknown_to_peer(conn, self.now.mono) {
            self.close(unknown, CloseReason::Duplicate);
        }
    }

    /// A packet of the failure detector came.
    pub(crate) fn packet_received(&mut self, conn: ConnId, packet: &[u8]) {
        let Some(peer) = self
            .links
            .link(conn)
            .filter(|link| link.greeted())
            .map(|link| link.peer)
        else {
            return;
        };
        self.heard_on(conn);
        self.swim.received(packet, self.now.mono);
        let known = self.roster.get(peer);
        let unheard = known.filter(|known| matches!(known.liveness, Liveness::Heard | Liveness::Down));
        if let Some(known) = unheard.filter(|_| !self.roster.is_over(peer)) {
            let identity = known.identity.clone();
            self.tell_rank(conn, &identity);
        }
    }

    /// Tells a peer which other boot of its name is remembered here and would win against it, once for each on a
    /// connection: until it outranks that the failure detector takes it for down, whatever it says.
    fn tell_rank(&mut self, conn: ConnId, identity: &Identity) {
        let remembered = [
            self.roster.highest_of_name(identity),
            self.swim.rank_above(identity),
        ];
        let Some(rank) = remembered.into_iter().flatten().max() else {
            return;
        };
        let link = self.links.link_mut(conn);
        let Some(link) = link.filter(|link| link.rank_told < Some(rank)) else {
            return;
        };
        link.rank_told = Some(rank);
        let (seniority, generation) = rank;
        self.send_on(
            conn,
            &Message::Outrank {
                seniority,
                generation,
            },
        );
    }

    /// Nothing sent to this peer before is known to have arrived.
    fn link_is_new(&mut self, peer: NodeId) {
        if self.backlog.may_hold(peer) {
            self.mark_the_backlog(peer);
        }
        self.ask_again(peer);
        self.place_again(peer);
        self.tell_to_leave_again(peer);
        self.touch_decisions_for(peer);
        self.show_claims_again(peer);
    }

    /// Closes the connections that gave way to another long enough ago.
    pub(crate) fn close_retired(&mut self) {
        let now = self.now.mono;
        while let Some(conn) = self
            .retiring
            .iter()
            .find(|(_, at)| **at <= now)
            .map(|(conn, _)| *conn)
        {
            self.retiring.remove(&conn);
            self.close(conn, CloseReason::Duplicate);
        }
    }

    /// A peer says that it had given this node up.
    pub(crate) fn told_down(&mut self, generation: u32) {
        if self.swim.identity().generation == generation {
            self.swim.renew(self.now.mono);
        }
    }

    /// An earlier boot of this node's name is remembered as down, and would win against this one.
    pub(crate) fn told_to_outrank(&mut self, seniority: NodeId, generation: u32) {
        self.swim.outrank(seniority, generation, self.now.mono);
        let linked: Vec<_> = self.links.peers().collect();
        for peer in linked {
            self.court(peer);
        }
    }

    /// The peer refused this node.
    pub(crate) fn refused(&mut self, conn: ConnId, refusal: Refusal) {
        let Some(addr) = self.links.link(conn).map(|link| link.addr) else {
            return;
        };
        match refusal {
            // Others took this node in under its name: nobody's word alone ends it any more (S2.4).
            Refusal::NameTaken { name, holder, addr }
                if !self.names.was_admitted && name == self.config.name =>
            {
                self.exit(ExitCause::NameTaken { name, holder, addr });
            }
            Refusal::NameTaken { name, holder, .. } => {
                let detail = format!("the peer says that node {holder} has the name {name}");
                self.event(Event::PeerRefused { addr, detail });
            }
            Refusal::NotListed { set, names } => self.refused_by_list(addr, set, names),
            Refusal::Other { detail } => self.event(Event::PeerRefused { addr, detail }),
        }
    }

    pub(crate) fn disconnected(&mut self, conn: ConnId) {
        self.names.remove(conn);
        self.retiring.remove(&conn);
        let Some((link, change)) = self.links.remove(conn, self.id) else {
            return;
        };
        if let Some(used) = self.links.used(link.peer) {
            self.retiring.remove(&used);
        }
        // One that gave way is as bad as one in use, unless all that was sent on it is known to have arrived.
        let is_lost = change == LinkChange::Broke || link.unanswered.is_some();
        if is_lost {
            self.lost_what_was_sent(link.peer);
            self.send(link.peer, &Message::Lost);
        }
        self.members_changed |= change != LinkChange::None;
    }

    /// What this node and a peer sent to each other on a connection that has gone may not have arrived.
    pub(crate) fn lost_what_was_sent(&mut self, peer: NodeId) {
        self.replicating.remove(&peer);
        self.members_changed = true;
        self.link_is_new(peer);
    }

    pub(crate) fn close(&mut self, conn: ConnId, reason: CloseReason) {
        self.output(Output::Close { conn, reason });
    }
}
