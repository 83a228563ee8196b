#[cfg(test)]
mod tests;

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::time::Duration;

use super::{Asked, Liveness, Newcomer};
use crate::node::Node;
use crate::planted::Bug;
use crate::registers::{Status, Why};
use crate::wire::{Hello, Message, Refusal};
use crate::{ConnId, NodeId};

impl Node {
    /// A newcomer bears the name of a member: all that are ready are asked whether they hear that one (S2.4).
    pub(crate) fn contest_name(&mut self, conn: ConnId, hello: Hello, holder: NodeId, patience: Duration) {
        let since = self.numbers;
        let question = self.number();
        let ready = self.roster.ready().map(|(node, _)| node);
        let ready = ready.filter(|node| *node != holder && *node != hello.identity.id);
        let mut asked: BTreeSet<NodeId> = ready.filter(|node| self.links.used(*node).is_some()).collect();
        for who in &asked {
            let node = holder;
            self.send(*who, &Message::Hears { node, question });
        }
        let linked = self.links.used(holder).is_some();
        if linked {
            self.ping(holder);
        }
        // One that is believed alive may just be dialled anew.
        if linked || self.roster.is_alive(holder) {
            asked.insert(self.id);
        }
        let newcomer = Newcomer::new(hello, holder, since, asked, patience, self.now.mono);
        self.names.keep(conn, newcomer);
        self.close_contests();
    }

    /// Another asks whether this node hears a member: it says so once that one answers it, and not by what it heard before.
    pub(crate) fn hears_asked(&mut self, from: NodeId, holder: NodeId, question: u64) {
        let rtt = self.links.used_link(holder).map(|link| link.rtt);
        let is_down = |liveness| liveness == Liveness::Down;
        let known = self.roster.get(holder);
        let may_answer = known.is_some_and(|known| !is_down(known.liveness));
        match rtt.filter(|_| may_answer) {
            Some(rtt) => {
                let asked = Asked {
                    holder,
                    from,
                    question,
                };
                let patience = (rtt * 4).min(self.config.timing.dial_timeout);
                self.names.asked(asked, self.numbers, patience, self.now.mono);
                self.ping(holder);
            }
            None => self.tell_heard(from, holder, question, false),
        }
    }

    fn tell_heard(&mut self, from: NodeId, node: NodeId, question: u64, heard: bool) {
        self.send(
            from,
            &Message::Heard {
                node,
                question,
                heard,
            },
        );
    }

    /// One that was asked says whether it hears a member.
    pub(crate) fn heard(&mut self, from: NodeId, holder: NodeId, question: u64, heard: bool) {
        if heard {
            self.holder_answered(holder, question);
        } else {
            self.names.misses(from, holder, question);
            self.close_contests();
        }
    }

    /// A member answered a question of this node: whoever asked about it before that hears so.
    pub(crate) fn tell_who_asked(&mut self, holder: NodeId, nonce: u64) {
        for asked in self.names.asked_about(holder, nonce).collect::<Vec<_>>() {
            self.tell_heard(asked.from, holder, asked.question, true);
        }
    }

    /// Members that do not answer are missed.
    pub(crate) fn look_at_contests(&mut self) {
        let now = self.now.mono;
        for asked in self.names.unanswered(now).collect::<Vec<_>>() {
            self.tell_heard(asked.from, asked.holder, asked.question, false);
        }
        let (roster, links) = (&self.roster, &self.links);
        let answers = |who| roster.is_alive(who) && links.used(who).is_some();
        for (who, node) in self.names.look(now, self.id, answers) {
            let question = self.number();
            self.send(who, &Message::Hears { node, question });
        }
        self.close_contests();
        for (conn, newcomer) in self.names.not_there(now).collect::<Vec<_>>() {
            let Newcomer { hello, holder, .. } = newcomer;
            let known = self.roster.get(holder);
            match known.filter(|_| self.roster.is_alive(holder)) {
                Some(known) => self.refuse_name(conn, &hello, holder, known.identity.addr),
                None => self.let_in(conn, hello),
            }
        }
    }

    /// Lets those in whose name's holder nobody hears.
    fn close_contests(&mut self) {
        for (conn, mut newcomer) in self.names.unheard().collect::<Vec<_>>() {
            newcomer.is_holder_missed = true;
            // What an older boot said may have been long on its way.
            if newcomer.hello.identity.id < newcomer.holder {
                self.ask_back(conn, newcomer);
            } else {
                self.replaces_the_holder(conn, newcomer);
            }
        }
    }

    /// Nobody hears the holder of a name, and the newcomer that bears it is let in.
    fn replaces_the_holder(&mut self, conn: ConnId, newcomer: Newcomer) {
        // It may have ended while it waited, and replaces nobody.
        if !self.roster.is_over(newcomer.hello.identity.id) {
            let holder = newcomer.holder;
            self.prove_dead(holder, "nobody hears it, and there is a new node of its name");
            let addr = self.roster.get(holder).map(|known| known.identity.addr);
            if addr != Some(newcomer.hello.identity.addr) {
                self.names.give_up(holder);
            }
        }
        // Another of its name may have been let in meanwhile.
        self.let_in(conn, newcomer.hello);
    }

    /// The holder of a name is heard, by an answer to the question of this number: what was asked before a newcomer came says
    /// nothing of now. A newcomer that nobody took in yet is told to end, and so is a holder that nobody took
    /// in where the newcomer was, or is the older one and still there; of two that were taken in, each on its side of a
    /// split, the older has ended by it (S2.4).
    pub(crate) fn holder_answered(&mut self, holder: NodeId, question: u64) {
        let Some(addr) = self.roster.get(holder).map(|known| known.identity.addr) else {
            return;
        };
        let holder_was_admitted = self.is_admitted(holder);
        let newcomers = self.names.of(holder);
        let newcomers = newcomers.filter(|(_, newcomer)| newcomer.since < question);
        for conn in newcomers.map(|(conn, _)| conn).collect::<Vec<_>>() {
            let Some(mut newcomer) = self.names.remove(conn) else {
                continue;
            };
            newcomer.is_holder_missed = false;
            let hello = &newcomer.hello;
            match (holder_was_admitted, hello.was_admitted) {
                (true, true) => self.met_two_of_a_name(conn, newcomer.hello, holder),
                (false, was_admitted) if was_admitted || hello.identity.id < holder => {
                    self.ask_back(conn, newcomer);
                }
                _ => self.refuse_name(conn, hello, holder, addr),
            }
        }
    }

    /// What a newcomer said, it may have said long ago: nobody gives way to one that is not there any more.
    fn ask_back(&mut self, conn: ConnId, mut newcomer: Newcomer) {
        if self.planted.is(Bug::NewcomerNotAskedBack) {
            return self.newcomer_is_there(conn, newcomer);
        }
        let nonce = self.number();
        if newcomer.ask_back(nonce, self.now.mono) {
            self.send_on(conn, &Message::Ping(nonce));
        }
        self.names.keep(conn, newcomer);
    }

    /// A peer answers; gives whether that was the answer of one that was not let in yet.
    pub(crate) fn newcomer_answered(&mut self, peer: NodeId, nonce: u64) -> bool {
        let answered = self.names.answered_back(peer, nonce);
        let was_asked = answered.is_some();
        if let Some((conn, newcomer)) = answered {
            self.newcomer_is_there(conn, newcomer);
        }
        was_asked
    }

    fn newcomer_is_there(&mut self, conn: ConnId, newcomer: Newcomer) {
        if newcomer.is_holder_missed {
            self.replaces_the_holder(conn, newcomer);
        } else {
            self.tell_the_holder(newcomer.holder, conn, newcomer.hello);
        }
    }

    fn is_admitted(&self, node: NodeId) -> bool {
        matches!(self.status_of(node), Some(Status::Ready | Status::Draining))
    }

    fn tell_the_holder(&mut self, holder: NodeId, conn: ConnId, hello: Hello) {
        let identity = &hello.identity;
        let refusal = Refusal::NameTaken {
            name: identity.name.clone(),
            holder: identity.id,
            addr: identity.addr,
        };
        self.send(holder, &Message::Refused(refusal));
        self.welcome(conn, hello);
    }

    fn met_two_of_a_name(&mut self, conn: ConnId, hello: Hello, holder: NodeId) {
        let peer = hello.identity.id;
        if self.may_tell_of_ends() {
            let (older, newer) = (peer.min(holder), peer.max(holder));
            self.remove_member(older, Why::Replaced(newer));
        }
        self.welcome(conn, hello);
        self.tell_the_ended();
    }

    /// A node of this one's own name connects.
    pub(crate) fn met_a_namesake(&mut self, conn: ConnId, hello: Hello) {
        let peer = hello.identity.id;
        match (self.names.was_admitted, hello.was_admitted) {
            // The newer tells the older, which has ended by it.
            (true, true) if peer > self.id => self.welcome(conn, hello),
            (true, true) => self.met_two_of_a_name(conn, hello, self.id),
            // It is told there.
            (false, true) => {}
            (false, false) if peer < self.id => {}
            (_, false) => {
                let holder = self.swim.identity().clone();
                self.refuse_name(conn, &hello, holder.id, holder.addr);
            }
        }
    }
}
