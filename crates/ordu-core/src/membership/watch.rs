#[cfg(test)]
mod tests;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::SocketAddr;

use super::evidence::Finding;
use super::{Evidence, Known, Liveness, Standing, SwimEvent, Unfinished};
use crate::node::Node;
use crate::planted::Bug;
use crate::registers::{Key, Member, Status, Value};
use crate::wire::Message;
use crate::{
    CloseReason, ConnId, Event, ExitCause, MemberInfo, MemberState, NodeId, NodeName, Output, ProbeId,
    ProbeOutcome,
};

impl Node {
    /// Carries out what the failure detector wants and takes over what it found.
    pub(crate) fn drain_swim(&mut self) {
        while let Some(event) = self.swim.poll_event() {
            match event {
                SwimEvent::Send(to, bytes) => {
                    if let Some(conn) = self.links.used(to) {
                        self.output(Output::Datagram { conn, bytes });
                    }
                }
                SwimEvent::Up(identity) => {
                    self.proven.remove(&identity.id);
                    self.names.retain_given_up(|holder| holder != identity.id);
                    self.roster.hear(identity, self.now.mono);
                    self.members_changed = true;
                }
                SwimEvent::Down(identity) => {
                    self.roster.hear(identity.clone(), self.now.mono);
                    self.set_liveness(identity.id, Liveness::Down);
                }
                SwimEvent::Rejoined => self.was_declared_down(),
            }
        }
        if self.swim.take_stale() || self.members_changed {
            self.refresh_liveness();
        }
    }

    pub(crate) fn was_declared_down(&mut self) {
        if let Standing::Leaving { caught_up, .. } = &mut self.standing {
            *caught_up = false;
            self.ready_changed = true;
        }
        if self.standing.is_leaving() {
            return;
        }
        let now = self.now.mono;
        if self.standing == Standing::Ready {
            self.standing = Standing::CatchingUp { since: now };
            self.event(Event::CatchingUp);
        }
        // What was exchanged with anybody before proves nothing about what happened meanwhile.
        self.replicating.clear();
        self.ask_everybody_again();
        self.members_changed = true;
        let linked: Vec<_> = self.links.peers().collect();
        for peer in linked {
            self.court(peer);
            // What was placed there another may have taken over.
            self.place_again(peer);
        }
    }

    /// The detector's own list is the truth about who answers; the roster follows it.
    fn refresh_liveness(&mut self) {
        if !self.swim.active_changed() && !self.roster.may_differ() {
            return;
        }
        let active: BTreeMap<NodeId, bool> = self.swim.active().collect();
        let found: Vec<(NodeId, Liveness)> = self
            .roster
            .iter()
            .filter_map(|(node, known)| {
                let liveness = match (active.get(&node), known.liveness) {
                    (Some(false), _) => Liveness::Alive,
                    (Some(true), _) => Liveness::Suspect,
                    (None, Liveness::Alive | Liveness::Suspect) => Liveness::Down,
                    (None, Liveness::Heard) if self.is_out_of_touch(node) => Liveness::Down,
                    (None, _) => return None,
                };
                (liveness != known.liveness).then_some((node, liveness))
            })
            .collect();
        for (node, liveness) in found {
            self.set_liveness(node, liveness);
        }
        self.roster.compared();
    }

    pub(crate) fn set_liveness(&mut self, node: NodeId, liveness: Liveness) {
        let before = self.roster.get(node).map(|known| known.liveness);
        if self.roster.set_liveness(node, liveness, self.now.mono) {
            if liveness == Liveness::Down {
                self.closed.remove(&node);
                self.touch_decisions_for(node);
            }
            let is_back = liveness == Liveness::Heard && before == Some(Liveness::Down);
            if is_back || liveness == Liveness::Alive && before != Some(Liveness::Heard) {
                // What it sent before it was out of sight may still be on its way (S5.8).
                self.mark_the_backlog(node);
            }
            let is_sure = || self.proven.contains(&node) || self.roster.state(node) == MemberState::Left;
            // It kept its children although it was not ready, or had not exchanged states with this node (S4.4): the
            // view that does without it is no older than this suspicion (S4.3).
            if liveness == Liveness::Down && !is_sure() && !self.settled.is_ready(node) {
                self.settled.disturb(self.now.mono);
            }
            self.members_changed = true;
            self.touch_owned(node);
        }
    }

    /// Makes this node known again to a peer that is connected but that the detector does not list: the
    /// datagrams that should have done so may be lost (S6.2).
    pub(crate) fn court(&mut self, peer: NodeId) {
        if let Some(known) = self.roster.get(peer) {
            self.swim.announce(known.identity.clone(), self.now.mono);
        }
    }

    pub(crate) fn court_the_unlisted(&mut self) {
        if self.now.mono < self.next_courtship {
            return;
        }
        self.next_courtship = self.now.mono + self.config.timing.redial;
        let unlisted: Vec<_> = self.unlisted().collect();
        for peer in unlisted {
            self.court(peer);
            if self.is_heard(peer) {
                self.ping(peer);
            }
        }
        self.watch_the_suspects();
        self.refresh_liveness();
    }

    /// Forgets no suspect: a change of identity makes foca drop the timers of those it suspected. One that is
    /// suspected for very long is asked on the reliable channel; it is none if it answers, and down if it does not.
    fn watch_the_suspects(&mut self) {
        let (now, suspicion) = (self.now.mono, self.config.timing.suspicion);
        let suspects: Vec<_> = self
            .roster
            .iter()
            .filter(|(_, known)| known.liveness == Liveness::Suspect && now >= known.since + suspicion * 3)
            .map(|(node, known)| (node, known.identity.clone(), now >= known.since + suspicion * 5))
            .collect();
        for (node, identity, is_over) in suspects {
            if is_over {
                self.swim.declare_down(identity, now);
            } else {
                self.ping(node);
            }
        }
    }

    fn has_suspects(&self) -> bool {
        self.roster
            .iter()
            .any(|(_, known)| known.liveness == Liveness::Suspect)
    }

    fn is_heard(&self, node: NodeId) -> bool {
        self.roster
            .get(node)
            .is_some_and(|known| known.liveness == Liveness::Heard)
    }

    /// Whether a node that has shown itself, and that the detector does not list, has gone silent since: the
    /// detector would never notice.
    fn is_out_of_touch(&self, node: NodeId) -> bool {
        let patience = self.config.timing.suspicion * 2;
        let silent = |since: crate::Time| self.now.mono >= since + patience;
        self.links.used(node).is_none() || self.roster.get(node).is_some_and(|known| silent(known.since))
    }

    fn unlisted(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.links.peers().filter(|peer| {
            self.roster
                .get(*peer)
                .is_some_and(|known| matches!(known.liveness, Liveness::Heard | Liveness::Down))
        })
    }

    /// Asks a peer on the reliable channel whether it is there.
    pub(crate) fn ping(&mut self, peer: NodeId) -> u64 {
        let nonce = self.number();
        self.send(peer, &Message::Ping(nonce));
        nonce
    }

    /// A peer asks. If it was given up it hears of that first: by the answer it takes itself to know what it had missed.
    pub(crate) fn pinged(&mut self, from: NodeId, nonce: u64) {
        let known = self.roster.get(from);
        let given_up = known.filter(|known| known.liveness == Liveness::Down);
        if let Some(generation) = given_up.map(|known| known.identity.generation) {
            self.send(from, &Message::Down(generation));
        }
        self.send(from, &Message::Pong(nonce));
    }

    /// Asks a peer something, so that its answer tells what it sent before from what it sends from now on.
    pub(crate) fn mark_the_backlog(&mut self, peer: NodeId) -> u64 {
        let nonce = self.ping(peer);
        let again = self.now.mono + self.config.timing.redial;
        self.backlog.ask(peer, nonce, again);
        nonce
    }

    /// A question about the backlog, or its answer, may be lost with a connection.
    pub(crate) fn ask_about_backlogs_again(&mut self) {
        let links = &self.links;
        let is_linked = |peer| links.used(peer).is_some();
        let due = self
            .backlog
            .due(self.now.mono, self.config.timing.redial, is_linked);
        for (peer, nonce) in due {
            self.send(peer, &Message::Ping(nonce));
        }
    }

    /// What anybody sent up to now may have lain here for long (S4.5).
    pub(crate) fn mark_the_backlogs(&mut self) {
        for peer in self.links.peers().collect::<Vec<_>>() {
            self.mark_the_backlog(peer);
        }
    }

    pub(crate) fn lifeline_closed(&mut self, conn: ConnId) {
        let Some(link) = self.links.link_mut(conn) else {
            return;
        };
        link.lifeline_closed = true;
        let (peer, greeted) = (link.peer, link.greeted());
        if greeted && self.planted.is(Bug::LifelineIsProof) {
            self.prove_dead(peer, "its process is gone");
        } else if greeted {
            self.check(peer, 1);
        }
    }

    /// Finds out whether a peer still answers, and whether its address still listens (S6.3).
    fn check(&mut self, peer: NodeId, tries: u32) {
        let Some(addr) = self.roster.get(peer).map(|known| known.identity.addr) else {
            return;
        };
        // What was measured while the peer stood still, or packets were lost, is far from a round trip.
        let longest = self.config.timing.probe_period;
        let patience = { self.links.used_link(peer) }
            .map_or(core::time::Duration::ZERO, |link| (link.rtt * 4).min(longest));
        let probe = ProbeId(self.number());
        if self.evidence.check(peer, patience, tries, probe, self.now.mono) {
            self.ping(peer);
            self.output(Output::Probe { probe, addr });
        }
    }

    pub(crate) fn probed(&mut self, probe: ProbeId, outcome: ProbeOutcome) {
        self.evidence.probed(probe, outcome);
    }

    /// A peer answers the question of this number.
    pub(crate) fn peer_answered(&mut self, peer: NodeId, nonce: u64) {
        match self.roster.get(peer).map(|known| known.liveness) {
            Some(Liveness::Heard) => self.roster.answered(peer, self.now.mono),
            Some(Liveness::Suspect) => self.swim.vouch(peer, self.now.mono),
            Some(Liveness::Alive | Liveness::Down) | None => {}
        }
        self.evidence.answered(peer);
        for conn in self.links.conns_of(peer).collect::<Vec<_>>() {
            if let Some(link) = self.links.link_mut(conn) {
                link.lifeline_closed = false;
            }
        }
        self.holder_answered(peer, nonce);
        self.tell_who_asked(peer, nonce);
    }

    pub(crate) fn weigh_evidence(&mut self) {
        while let Some(finding) = self.evidence.poll(self.now.mono) {
            match finding {
                Finding::Dead(peer) => {
                    for other in self
                        .links
                        .peers()
                        .filter(|other| *other != peer)
                        .collect::<Vec<_>>()
                    {
                        self.send(other, &Message::Evidence(peer));
                    }
                    self.evidence_of(peer, self.id);
                }
                Finding::Unproven { peer, tries, listens } => {
                    if listens && let Some(addr) = self.roster.get(peer).map(|known| known.identity.addr) {
                        // Whoever listens there will say who it is.
                        self.extra_dials.insert(addr);
                        self.members_changed = true;
                    }
                    if tries < Evidence::TRIES && self.links.used(peer).is_some() {
                        self.check(peer, tries + 1);
                    }
                }
            }
        }
    }

    /// An observer found that a peer's kernel refuses connections (S6.3).
    pub(crate) fn evidence_of(&mut self, peer: NodeId, observer: NodeId) {
        let Some(known) = self.roster.get(peer) else {
            return;
        };
        if known.liveness == Liveness::Down {
            return;
        }
        if self.planted.is(Bug::ProofNotBelieved) {
            return;
        }
        let observers = self.evidence.observe(peer, observer, self.now.mono);
        let living = 1 + self
            .roster
            .iter()
            .filter(|(node, _)| self.roster.is_alive(*node))
            .count();
        if observers >= if living <= 2 { 1 } else { 2 } {
            self.prove_dead(peer, "its process is gone");
        }
    }

    pub(crate) fn prove_dead(&mut self, peer: NodeId, reason: &str) {
        let Some(known) = self.roster.get(peer) else {
            return;
        };
        let identity = known.identity.clone();
        self.proven.insert(peer);
        self.reasons.insert(peer, String::from(reason));
        self.swim.declare_down(identity, self.now.mono);
        self.set_liveness(peer, Liveness::Down);
        for conn in self.links.conns_of(peer).collect::<Vec<_>>() {
            self.close(conn, CloseReason::PeerGone);
        }
    }

    /// A member says that it has left: no need to wait until it is found dead.
    pub(crate) fn has_left(&mut self, node: NodeId) {
        let Some(known) = self
            .roster
            .get(node)
            .filter(|known| known.liveness != Liveness::Down)
        else {
            return;
        };
        let identity = known.identity.clone();
        self.swim.note_down(identity, self.now.mono);
    }

    /// Derives everything that depends on who is there: peers to replicate with, whom to dial, the settled
    /// view, what to show.
    pub(crate) fn members_refresh(&mut self) {
        let recount = core::mem::take(&mut self.recount);
        let for_now = self.dialer.for_now && !recount.is_empty();
        if !core::mem::take(&mut self.members_changed) && !for_now {
            return self.publish_counts(recount);
        }
        self.keep_own_record();
        self.refresh_spared();
        self.tell_the_ended();
        self.refresh_replication_peers();
        let superseded = self.roster.superseded();
        self.refresh_dial_targets(&superseded);
        let roster = &self.roster;
        self.evidence.retain(|node| roster.knows(node));
        self.backlog.retain(|node| roster.knows(node));
        self.proven.retain(|node| roster.knows(*node));
        self.names.retain_given_up(|node| roster.knows(node));
        self.publish_members(&superseded);
        self.ready_changed = true;
    }

    /// Finds out who was written off meanwhile.
    pub(crate) fn look_for_the_written_off(&mut self) {
        let (now, forget_after) = (self.now.mono, self.config.timing.forget_after);
        let missed = self.roster.iter();
        let count = missed
            .filter(|(_, known)| known.is_written_off(now, forget_after))
            .count();
        self.members_changed |= core::mem::replace(&mut self.written_off, count) != count;
    }

    fn refresh_dial_targets(&mut self, superseded: &BTreeSet<NodeId>) {
        let now = self.now.mono;
        // A connection with a member that is down or forgotten may stand for long: its address is dialled all the same
        // (S6.2).
        let is_linked = |node, known: Option<&Known>| {
            self.links.used(node).is_some() && known.is_some_and(|known| known.liveness != Liveness::Down)
        };
        let mut linked = Vec::with_capacity(2 * self.links.peers().len());
        for peer in self.links.peers() {
            let known = self.roster.get(peer);
            if is_linked(peer, known) {
                linked.extend(self.links.used_link(peer).map(|link| link.addr));
                linked.extend(known.map(|known| known.identity.addr));
            }
        }
        linked.sort_unstable();
        let leads_somewhere_new = |addr: &SocketAddr| linked.binary_search(addr).is_err();
        let seeds = self.config.seeds.iter().copied();
        let mut targets: BTreeSet<_> = seeds.filter(leads_somewhere_new).collect();
        let mut written_off: Vec<(crate::Time, SocketAddr)> = Vec::new();
        let forget_after = self.config.timing.forget_after;
        for (node, known) in self.roster.iter() {
            let state = || self.roster.state_of(node, known);
            let gone = || matches!(state(), MemberState::Left | MemberState::Removed);
            if node == self.id || is_linked(node, Some(known)) || superseded.contains(&node) || gone() {
                continue;
            }
            let addr = known.identity.addr;
            if known.liveness == Liveness::Down && self.planted.is(Bug::DownMembersForgotten) {
                targets.remove(&addr);
            } else if leads_somewhere_new(&addr) {
                if known.is_written_off(now, forget_after) {
                    written_off.push((known.since, addr));
                } else {
                    targets.insert(addr);
                }
            }
        }
        written_off.sort_unstable();
        self.dialer.for_now = !self.extra_dials.is_empty();
        for addr in core::mem::take(&mut self.extra_dials) {
            self.dialer.is_urgent(addr);
            targets.insert(addr);
        }
        targets.remove(&self.config.addr);
        if matches!(
            self.standing,
            Standing::Leaving { .. } | Standing::Left { .. } | Standing::Gone
        ) {
            targets.clear();
            written_off.clear();
        }
        self.dialer.set_targets(&targets, now, &self.config.timing);
        let written_off = written_off.into_iter().rev().map(|(_, addr)| addr);
        let written_off = written_off.filter(|addr| *addr != self.config.addr);
        self.dialer.set_written_off(written_off.collect());
    }

    /// Who is ready, as far as this node is concerned: it must have exchanged states with them (S4.3). What else
    /// follows from the members and their exchanges is found on the way.
    pub(crate) fn refresh_settled(&mut self) -> bool {
        let before = self.settled.view().map(|view| view.ready.len());
        if core::mem::take(&mut self.ready_changed) {
            self.update_ready();
        }
        let settled = self.settled.settle(self.now.mono, &self.config.timing);
        let view = self.settled.view();
        self.names.was_admitted |=
            view.is_some_and(|view| view.ready.len() > 1 && view.ready.contains_key(&self.id));
        settled || before != self.settled.view().map(|view| view.ready.len())
    }

    fn update_ready(&mut self) {
        let myself = self.standing.may_act().then_some((self.id, &self.config.name));
        let others = self
            .roster
            .ready()
            .filter(|(node, _)| self.has_synced_with(*node))
            .map(|(node, known)| (node, &known.identity.name));
        let mut ready: Vec<(NodeId, &NodeName)> = others.chain(myself).collect();
        if ready.is_empty() {
            // Those that leave decide while nobody else does (S5.12).
            let leaves = matches!(self.standing, Standing::Leaving { caught_up: true, .. });
            ready.extend(leaves.then_some((self.id, &self.config.name)));
            let others = self.roster.draining();
            let others = others.filter(|(node, _)| self.has_synced_with(*node));
            ready.extend(others.map(|(node, known)| (node, &known.identity.name)));
        }
        if !self.settled.is_of(ready.iter().map(|(node, _)| *node)) {
            let ready = ready
                .into_iter()
                .map(|(node, name)| (node, name.clone()))
                .collect();
            let left = |node| self.roster.state(node) == MemberState::Left;
            let gone: BTreeSet<_> = self
                .roster
                .iter()
                .map(|(node, _)| node)
                .filter(|node| self.proven.contains(node) || left(*node))
                .collect();
            self.settled.update(ready, &gone, self.now.mono);
        }
        self.unfinished = Unfinished {
            exchanges: self.replicating.iter().any(|peer| self.is_exchanging_with(*peer)),
            acquaintances: self.unlisted().next().is_some() || self.has_suspects(),
        };
        self.unpark();
    }

    pub(crate) fn refresh_standing(&mut self) {
        match self.standing {
            // Others leave when they are not on the list; it is none of them yet.
            Standing::Joining { .. } if self.is_off_the_list() => {}
            Standing::Joining { since } => {
                let alone = self.config.seeds.is_empty() && self.links.peers().next().is_none();
                let caught_up = self.has_caught_up();
                if alone || caught_up || self.has_waited(since) || self.may_lead_newcomers(since) {
                    self.become_ready();
                }
            }
            Standing::CatchingUp { since } => {
                if self.has_caught_up() || self.has_waited(since) {
                    self.standing = Standing::Ready;
                    self.members_changed = true;
                    self.event(Event::Ready);
                    self.touch_all();
                }
            }
            Standing::Ready
            | Standing::Leaving { .. }
            | Standing::Left { .. }
            | Standing::HandingOver { .. }
            | Standing::Gone => {}
        }
    }

    /// Whether a node has waited for others for long enough. Where one answers, and has much to tell, it waits for that: what it
    /// has not heard of yet it would start once more.
    fn has_waited(&self, since: crate::Time) -> bool {
        const FOR_AN_EXCHANGE: u32 = 6;
        let is_told = self.replicating.iter().any(|peer| self.is_exchanging_with(*peer));
        let times = if is_told { FOR_AN_EXCHANGE } else { 1 };
        self.now.mono >= since + self.config.timing.boot_grace * times
    }

    /// Whether a member has told all that it had. A newcomer has nothing to tell, nor may one that was never more and left.
    fn has_caught_up(&self) -> bool {
        self.replicating.iter().any(|peer| {
            let status = self.status_of(*peer);
            let is_member = matches!(status, Some(Status::Ready | Status::Draining));
            is_member && self.replica.synced_once(peer.replica())
        })
    }

    /// When a whole cluster boots at once nobody is ready to catch up with: the one with the smallest id
    /// begins, once it has exchanged states with all it sees and has heard of nobody else for a while. One that it has heard
    /// of and cannot reach yet may be ready: it is no newcomer unless it says so.
    fn may_lead_newcomers(&self, since: crate::Time) -> bool {
        let wait = self.config.timing.settle * 5;
        let is_newcomer = |node| node > self.id && self.status_of(node) == Some(Status::Joining);
        let mut peers = self.links.peers().peekable();
        let mut alive = self.roster.iter().filter(|(node, _)| self.roster.is_alive(*node));
        peers.peek().is_some()
            && self.now.mono >= since + wait
            && peers.all(|peer| self.has_synced_with(peer) && is_newcomer(peer))
            && alive.all(|(node, _)| is_newcomer(node))
    }

    pub(crate) fn status_of(&self, node: NodeId) -> Option<Status> {
        self.roster.status_of(node)
    }

    fn become_ready(&mut self) {
        self.standing = Standing::Ready;
        self.write_member(Status::Ready);
        self.members_changed = true;
        self.event(Event::Ready);
        self.touch_all();
    }

    pub(crate) fn write_member(&mut self, status: Status) {
        if matches!(status, Status::Ready | Status::Draining) {
            self.names.over = self.roster.before(self.id, &self.config.name);
        }
        let member = Member {
            over: self.names.over.clone(),
            ..Member::of(&self.config, status)
        };
        self.write([(Key::Member(self.id), Some(Value::encode(&member)))]);
    }

    pub(crate) fn own_state(&self) -> MemberState {
        match self.standing {
            Standing::CatchingUp { .. } if self.planted.is(Bug::ReadyWhileCatchingUp) => MemberState::Alive,
            // Who catches up takes no children and decides nothing: it is not ready (S5.11).
            Standing::Joining { .. } | Standing::CatchingUp { .. } => MemberState::Joining,
            Standing::Ready => MemberState::Alive,
            Standing::Leaving { .. } => MemberState::Draining,
            Standing::HandingOver { .. } => MemberState::Removed,
            Standing::Left { .. } | Standing::Gone => MemberState::Left,
        }
    }

    /// Only the numbers of children changed.
    fn publish_counts(&mut self, recount: BTreeSet<NodeId>) {
        for node in recount {
            let children = self.owned(node);
            let shown = self.shown.get_mut(&node);
            let Some(info) = shown.filter(|info| info.children != children) else {
                continue;
            };
            Arc::make_mut(info).children = children;
            let info = Some(Arc::clone(info));
            self.output(Output::Member { node, info });
        }
    }

    fn publish_members(&mut self, superseded: &BTreeSet<NodeId>) {
        let info = |id, name: &NodeName, addr, state| MemberInfo {
            id,
            name: name.clone(),
            addr,
            state,
            children: self.owned(id),
        };
        let is_shown = |node: &NodeId, known: &Known| {
            !superseded.contains(node) && known.identity.name != self.config.name
        };
        let others = self.roster.iter().filter(|(node, known)| is_shown(node, known));
        let mut infos: Vec<MemberInfo> = others
            .map(|(node, known)| {
                let identity = &known.identity;
                let state = self.roster.state_of(node, known);
                info(node, &identity.name, identity.addr, state)
            })
            .collect();
        let place = infos.partition_point(|info| info.id < self.id);
        let me = info(self.id, &self.config.name, self.config.addr, self.own_state());
        infos.insert(place, me);
        let gone: Vec<_> = self
            .shown
            .keys()
            .filter(|node| infos.binary_search_by_key(*node, |info| info.id).is_err())
            .copied()
            .collect();
        for node in gone {
            self.shown.remove(&node);
            self.touch_owned(node);
            self.output(Output::Member { node, info: None });
        }
        for info in infos {
            let node = info.id;
            let before = self.shown.get(&node);
            if before.is_some_and(|before| **before == info) {
                continue;
            }
            if before.map(|before| before.state) != Some(info.state) {
                let was_up = self.roster.get(node).is_none_or(|known| known.was_up);
                let why = match info.state {
                    MemberState::Down if !was_up => "others knew it, and it has not answered yet",
                    state => why(state),
                };
                let reason = self.reasons.remove(&node).unwrap_or_else(|| String::from(why));
                let name = info.name.clone();
                self.event(Event::MemberChanged {
                    node,
                    name,
                    state: info.state,
                    reason,
                });
                self.touch_owned(node);
            }
            let info = Arc::new(info);
            self.shown.insert(node, Arc::clone(&info));
            self.output(Output::Member {
                node,
                info: Some(info),
            });
        }
    }

    pub(crate) fn exit(&mut self, cause: ExitCause) {
        if self.standing != Standing::Gone {
            self.standing = Standing::Gone;
            self.output(Output::Exit { cause });
        }
    }
}

fn why(state: MemberState) -> &'static str {
    match state {
        MemberState::Joining => "it was heard of",
        MemberState::Alive => "it answers",
        MemberState::Suspect => "it does not answer",
        MemberState::Down => "it did not answer for the suspicion time",
        MemberState::Draining => "it is leaving",
        MemberState::Left => "it left",
        MemberState::Removed => "it was removed",
    }
}
