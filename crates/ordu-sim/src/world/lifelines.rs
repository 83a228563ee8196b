use std::net::SocketAddr;
use std::time::Duration;

use ordu_core::{Input, ProbeId, ProbeOutcome};

use super::World;
use super::happening::Happening;
use super::link::{EndState, LinkId, Side};
use crate::{Boot, HostId, Machine, Rate};

/// A dead process's kernel repeats its last word this often (Linux: `tcp_orphan_retries`).
const ORPHAN_RETRIES: u32 = 8;
const RETRANSMISSION: Duration = Duration::from_millis(200);
/// How long a shell waits for an answer to a probe.
const PROBE_PATIENCE: Duration = Duration::from_millis(500);

impl<M: Machine> World<M> {
    pub(super) fn lifeline_up(&mut self, id: LinkId) {
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        let (dialler, acceptor) = (link.end(Side::Dialler), link.end(Side::Acceptor));
        if dialler.state != EndState::Open || acceptor.state != EndState::Open {
            return;
        }
        let (a, b) = (dialler.boot.host, acceptor.boot.host);
        if self.network.open(a, b) && self.network.open(b, a) && !self.network.rejects(a, b) {
            link.lifeline = true;
        } else {
            self.later(Duration::from_secs(1), Happening::LifelineUp(id));
        }
    }

    /// Whether all other processes hear at once when that of a host dies: on a network that loses nothing each has a
    /// connection with it, and on each of these the lifeline is up.
    pub(crate) fn is_watched(&self, host: HostId) -> bool {
        let loses = [self.setup.near, self.setup.far]
            .iter()
            .any(|path| path.loss != Rate(0));
        let Some(boot) = self.running(host).filter(|_| !loses) else {
            return false;
        };
        let mut others = self
            .hosts()
            .filter(|other| *other != host)
            .filter_map(|other| self.running(other));
        others.all(|other| {
            let between = self.links.values().filter(|link| {
                let ends = [link.end(Side::Dialler), link.end(Side::Acceptor)];
                ends.iter().all(|end| end.state == EndState::Open)
                    && ends.iter().any(|end| end.boot == boot)
                    && ends.iter().any(|end| end.boot == other)
            });
            let mut lifelines = between.map(|link| link.lifeline).peekable();
            lifelines.peek().is_some() && lifelines.all(|is_up| is_up)
        })
    }

    /// The kernel of a dead process says so to the other end, repeating it while nobody hears.
    pub(super) fn lifeline_end(&mut self, id: LinkId, to: Side, repeats: u32) {
        let Some(link) = self.links.get(&id) else { return };
        let (boot, conn, state) = (link.end(to).boot, link.end(to).conn, link.end(to).state);
        let from = link.end(to.other()).boot.host;
        if self.hosts[from.0].dark {
            return;
        }
        let reaches = self.network.open(from, boot.host)
            && self.hosts[boot.host.0].answers()
            && !self.hosts[from.0].asleep;
        if reaches {
            if let (EndState::Open, Some(conn)) = (state, conn) {
                self.feed(boot, Input::LifelineClosed { conn });
            }
        } else if repeats < ORPHAN_RETRIES {
            self.later(
                RETRANSMISSION * 2_u32.pow(repeats),
                Happening::LifelineEnd(id, to, repeats + 1),
            );
        }
    }

    /// Something in between resets the lifelines of a host.
    pub(super) fn reset_lifelines(&mut self, at: HostId) {
        let mut told = Vec::new();
        for link in self.links.values_mut().filter(|link| link.lifeline) {
            let ends = [link.end(Side::Dialler), link.end(Side::Acceptor)];
            if ends.iter().any(|end| end.boot.host == at) {
                told.extend(ends.map(|end| (end.boot, end.conn)));
                link.lifeline = false;
            }
        }
        for (boot, conn) in told {
            if let Some(conn) = conn {
                self.feed(boot, Input::LifelineClosed { conn });
            }
        }
    }

    /// A shell finds out whether anybody listens at an address.
    pub(super) fn probe(&mut self, boot: Boot, probe: ProbeId, addr: SocketAddr) {
        let known = self.host_at(addr);
        if known.is_some_and(|target| self.network.rejects(boot.host, target)) {
            let (delay, outcome) = (self.shell_delay(), ProbeOutcome::Refused);
            return self.later(delay, Happening::Feed(boot, Input::Probed { probe, outcome }));
        }
        let arrival = known.and_then(|target| {
            let at = self.network.send(self.now, boot.host, target, 60)[0]?;
            Some((target, at))
        });
        match arrival {
            Some((target, at)) => self.agenda.enter(at, Happening::Probe(boot, probe, target)),
            None => self.probe_fails(boot, probe),
        }
    }

    pub(super) fn probe_arrives(&mut self, boot: Boot, probe: ProbeId, target: HostId) {
        let host = &self.hosts[target.0];
        let back = self.network.send(self.now, target, boot.host, 60)[0];
        let (Some(at), true) = (back, host.answers()) else {
            return self.probe_fails(boot, probe);
        };
        // A process that stands still has a kernel that goes on accepting.
        let outcome = if host.process.is_some() {
            ProbeOutcome::Accepted
        } else {
            ProbeOutcome::Refused
        };
        self.agenda
            .enter(at, Happening::Feed(boot, Input::Probed { probe, outcome }));
    }

    fn probe_fails(&mut self, boot: Boot, probe: ProbeId) {
        let outcome = ProbeOutcome::Silent;
        self.later(
            PROBE_PATIENCE,
            Happening::Feed(boot, Input::Probed { probe, outcome }),
        );
    }
}
