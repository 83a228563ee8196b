use std::net::SocketAddr;
use std::time::Duration;

use ordu_core::{DialError, DialId, Input};

use super::World;
use super::happening::Happening;
use super::link::{EndState, Link, LinkId, Side};
use crate::{Boot, HostId, Machine, Moment};

/// One attempt to connect, numbered through the whole simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct HandshakeId(pub(super) u64);

/// A handshake on its way: Hello to the acceptor, Welcome back (the dialler is up), Finish (the acceptor is
/// up). Lost packets are repeated, with doubled patience.
#[derive(Debug)]
pub(super) struct Handshake {
    pub(super) dialler: Boot,
    pub(super) dial: DialId,
    target: HostId,
    began: Moment,
    deadline: Moment,
}

/// The first repetition: three initial round-trip times of 50 ms.
const PATIENCE: Duration = Duration::from_millis(150);
const PACKET: usize = 1_200;
const MOST_REPEATS: u32 = 10;

impl<M: Machine> World<M> {
    pub(super) fn dial(&mut self, dialler: Boot, dial: DialId, addr: SocketAddr, timeout: Duration) {
        let Some(target) = self.host_at(addr) else {
            let error = DialError::Timeout;
            self.later(
                timeout,
                Happening::Feed(dialler, Input::DialFailed { dial, error }),
            );
            return;
        };
        self.counters.handshakes += 1;
        let id = HandshakeId(self.counters.handshakes);
        self.handshakes.insert(
            id,
            Handshake {
                dialler,
                dial,
                target,
                began: self.now,
                deadline: self.now + timeout,
            },
        );
        self.later(timeout, Happening::DialDeadline(id));
        self.hello_again(id, 0);
    }

    pub(super) fn hello_again(&mut self, id: HandshakeId, repeats: u32) {
        let Some(handshake) = self.handshakes.get(&id) else {
            return;
        };
        let (from, to, deadline) = (handshake.dialler.host, handshake.target, handshake.deadline);
        if self.network.rejects(from, to) {
            return self.reject_dial(id, deadline);
        }
        for at in self
            .network
            .send(self.now, from, to, PACKET)
            .into_iter()
            .flatten()
        {
            self.agenda.enter(at, Happening::Hello(id));
        }
        let again = self.now + PATIENCE * 2_u32.pow(repeats);
        if again < deadline && repeats < MOST_REPEATS {
            self.agenda.enter(again, Happening::HelloAgain(id, repeats + 1));
        }
    }

    pub(super) fn hello(&mut self, id: HandshakeId) {
        let Some(handshake) = self.handshakes.get(&id) else {
            return;
        };
        let (from, to) = (handshake.target, handshake.dialler.host);
        if !self.hosts[from.0].answers() {
            return;
        }
        let Some(acceptor) = self.running(from) else {
            if self.setup.refuses
                && let Some(at) = self.network.send(self.now, from, to, 100)[0]
                && let Some(handshake) = self.handshakes.remove(&id)
            {
                let input = Input::DialFailed {
                    dial: handshake.dial,
                    error: DialError::Refused,
                };
                self.agenda.enter(at, Happening::Feed(handshake.dialler, input));
            }
            return;
        };
        if let Some(Happening::Hello(id)) = self.hold(acceptor, Happening::Hello(id)) {
            for at in self
                .network
                .send(self.now, from, to, PACKET)
                .into_iter()
                .flatten()
            {
                self.agenda.enter(at, Happening::Welcome(id, acceptor));
            }
        }
    }

    pub(super) fn welcome(&mut self, id: HandshakeId, acceptor: Boot) {
        let Some(dialler) = self.handshakes.get(&id).map(|handshake| handshake.dialler) else {
            return;
        };
        let Some(Happening::Welcome(id, acceptor)) = self.hold(dialler, Happening::Welcome(id, acceptor))
        else {
            return;
        };
        let Some(peer) = self.process(acceptor).map(|process| process.node) else {
            return;
        };
        if let Some(detail) = self.objection(dialler, acceptor) {
            return self.dial_fails(id, DialError::Other { detail });
        }
        let Some(handshake) = self.handshakes.remove(&id) else {
            return;
        };
        self.counters.links += 1;
        let link = LinkId(self.counters.links);
        let Some(process) = self.process_mut(dialler) else {
            return;
        };
        let conn = process.connect(link, Side::Dialler);
        self.links
            .insert(link, Link::new(dialler, conn, acceptor, self.now));
        self.later(self.setup.idle_timeout, Happening::Idle(link, Side::Dialler));
        self.finish_again(link, 0);
        let input = Input::Connected {
            conn,
            peer,
            addr: self.addr(handshake.target),
            dialled: Some(handshake.dial),
            rtt: self.now.since(handshake.began).min(Duration::from_secs(1)),
        };
        self.feed(dialler, input);
    }

    pub(super) fn dial_deadline(&mut self, id: HandshakeId) {
        if let Some(handshake) = self.handshakes.remove(&id) {
            let error = DialError::Timeout;
            let input = Input::DialFailed {
                dial: handshake.dial,
                error,
            };
            self.feed(handshake.dialler, input);
        }
    }

    fn finish_again(&mut self, link: LinkId, repeats: u32) {
        let Some(ends) = self.links.get(&link) else { return };
        let (from, to) = (
            ends.end(Side::Dialler).boot.host,
            ends.end(Side::Acceptor).boot.host,
        );
        match self.network.send(self.now, from, to, PACKET)[0] {
            Some(at) => self.agenda.enter(at, Happening::Finish(link, repeats)),
            None if repeats < MOST_REPEATS => {
                self.later(
                    PATIENCE * 2_u32.pow(repeats),
                    Happening::Finish(link, repeats + 1),
                );
            }
            None => {}
        }
    }

    pub(super) fn finish(&mut self, id: LinkId, repeats: u32) {
        let Some(link) = self.links.get(&id) else { return };
        let (dialler, acceptor) = (link.end(Side::Dialler).boot, link.end(Side::Acceptor).boot);
        if link.end(Side::Acceptor).state != EndState::Opening {
            return;
        }
        let Some(peer) = self.process(dialler).map(|process| process.node) else {
            // The dialler died in between; a real acceptor gives the handshake up in time.
            self.set_end(id, Side::Acceptor, EndState::Dead);
            return;
        };
        if !self.network.open(dialler.host, acceptor.host) || !self.hosts[acceptor.host.0].answers() {
            return self.finish_again(id, repeats + 1);
        }
        let Some(Happening::Finish(id, _)) = self.hold(acceptor, Happening::Finish(id, repeats)) else {
            return;
        };
        let rtt = self.network.round_trip(dialler.host, acceptor.host);
        let Some(process) = self.process_mut(acceptor) else {
            self.set_end(id, Side::Acceptor, EndState::Dead);
            return;
        };
        let conn = process.connect(id, Side::Acceptor);
        let now = self.now;
        if let Some(link) = self.links.get_mut(&id) {
            let end = link.end_mut(Side::Acceptor);
            (end.conn, end.state, end.heard) = (Some(conn), EndState::Open, now);
        }
        self.later(self.setup.idle_timeout, Happening::Idle(id, Side::Acceptor));
        self.later(rtt * 2, Happening::LifelineUp(id));
        let input = Input::Connected {
            conn,
            peer,
            addr: self.addr(dialler.host),
            dialled: None,
            rtt,
        };
        self.feed(acceptor, input);
        self.unblock(id, Side::Dialler, Duration::from_micros(20));
    }
}
