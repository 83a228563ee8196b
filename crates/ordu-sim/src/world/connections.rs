use std::time::Duration;

use ordu_core::{CloseReason, ConnId, Input};

use super::World;
use super::happening::Happening;
use super::link::{EndState, LinkId, Side};
use crate::random::micros;
use crate::{Boot, HostId, Machine, Moment, Rate};

/// How long a closed end goes on delivering what it sent before.
const LINGER: Duration = Duration::from_secs(1);

impl<M: Machine> World<M> {
    /// A node closes a connection: it is told at once that it is gone, its peer when it has got all frames.
    pub(super) fn close(&mut self, boot: Boot, conn: ConnId, reason: &CloseReason) {
        let Some((id, side)) = self
            .process_mut(boot)
            .and_then(|process| process.conns.remove(&conn))
        else {
            return;
        };
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        link.end_mut(side).state = EndState::Lingering;
        link.lifeline = false;
        let delay = self.shell_delay();
        let reason = format!("closed here: {reason:?}");
        self.later(delay, Happening::Feed(boot, Input::Disconnected { conn, reason }));
        self.later(LINGER, Happening::Linger(id, side));
        self.try_to_close(id, side);
    }

    /// A shell closes a connection at once, whatever is queued: because too much waits on it, or for an error.
    pub(super) fn break_off(&mut self, boot: Boot, id: LinkId, side: Side, reason: &str) {
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        for (_, stream) in link.end_mut(side).streams() {
            stream.keep(|_| false);
        }
        link.lifeline = false;
        let conn = link.end(side).conn;
        if let (Some(conn), Some(process)) = (conn, self.process_mut(boot)) {
            process.conns.remove(&conn);
            let delay = self.shell_delay();
            let reason = reason.to_owned();
            self.later(delay, Happening::Feed(boot, Input::Disconnected { conn, reason }));
        }
        self.set_end(id, side, EndState::Closed);
        self.notify(id, side.other());
    }

    /// One of the connections of a host with another breaks there.
    pub(super) fn break_one(&mut self, at: HostId, with: HostId) {
        let Some(boot) = self.running(at).filter(|_| !self.is_still(at)) else {
            return;
        };
        let is_one = |(id, side): &(LinkId, Side)| {
            self.links.get(id).is_some_and(|link| {
                link.end(*side).state == EndState::Open && link.end(side.other()).boot.host == with
            })
        };
        let conns = self.process(boot).map(|process| process.conns.values());
        let open: Vec<(LinkId, Side)> = conns.into_iter().flatten().copied().filter(is_one).collect();
        if let Some((id, side)) = self.chance.troubles.pick(&open).copied() {
            self.break_off(boot, id, side, "lost: an error of the connection");
        }
    }

    /// A closed end whose frames have all arrived tells its peer.
    pub(super) fn try_to_close(&mut self, id: LinkId, side: Side) {
        let Some(link) = self.links.get(&id) else { return };
        let end = link.end(side);
        if end.state == EndState::Lingering && end.has_sent_all() {
            self.set_end(id, side, EndState::Closed);
            self.notify(id, side.other());
        }
    }

    pub(super) fn linger_ends(&mut self, id: LinkId, side: Side) {
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        if link.end(side).state == EndState::Lingering {
            for (_, stream) in link.end_mut(side).streams() {
                stream.keep(|_| false);
            }
            self.try_to_close(id, side);
        }
    }

    /// Tells one end that the other closed: once now, and again whenever it sends something. The lifeline
    /// closes with the connection and may be noticed first.
    pub(super) fn notify(&mut self, id: LinkId, to: Side) {
        self.notify_after(self.now, id, to);
    }

    /// Says good-bye, which arrives after that moment.
    fn notify_after(&mut self, earliest: Moment, id: LinkId, to: Side) {
        let Some(link) = self.links.get(&id) else { return };
        let (from_host, to_host) = (link.end(to.other()).boot.host, link.end(to).boot.host);
        if let Some(at) = self.network.send(self.now, from_host, to_host, 60)[0] {
            let after = earliest + Duration::from_micros(1);
            self.agenda.enter(at.max(after), Happening::CloseNotice(id, to));
        }
    }

    pub(super) fn close_notice(&mut self, id: LinkId, to: Side) {
        let Some(link) = self.links.get(&id) else { return };
        let end = link.end(to);
        let (boot, conn, state) = (end.boot, end.conn, end.state);
        if !self.hosts[boot.host.0].answers() {
            return;
        }
        match (state, conn) {
            (EndState::Open, Some(conn)) => {
                if self.chance.lifelines.chance(Rate::percent(20)) {
                    self.feed(boot, Input::LifelineClosed { conn });
                }
                self.lose(id, to, "closed by the peer");
            }
            (EndState::Opening | EndState::Lingering, _) => self.set_end(id, to, EndState::Closed),
            _ => {}
        }
    }

    pub(super) fn idle(&mut self, id: LinkId, side: Side) {
        let Some(silence) = self.silence(id, side) else {
            return;
        };
        let limit = micros(self.setup.idle_timeout);
        if silence >= limit {
            self.lose(id, side, "timed out");
        } else {
            self.later(Duration::from_micros(limit - silence), Happening::Idle(id, side));
        }
    }

    /// An open end learns that its connection is gone.
    fn lose(&mut self, id: LinkId, side: Side, reason: &str) {
        let Some(end) = self.links.get(&id).map(|link| link.end(side)) else {
            return;
        };
        let (boot, conn, state) = (end.boot, end.conn, end.state);
        let Some(conn) = conn.filter(|_| state == EndState::Open) else {
            return;
        };
        if let Some(process) = self.process_mut(boot) {
            process.conns.remove(&conn);
        }
        self.set_end(id, side, EndState::Closed);
        let reason = reason.to_owned();
        self.feed(boot, Input::Disconnected { conn, reason });
    }

    /// The process of an end is gone. If it ended in order it said good-bye; its kernel closes the lifeline
    /// in any case.
    pub(super) fn end_dies(&mut self, id: LinkId, side: Side, orderly: bool) {
        let soon = self.now + Duration::from_millis(2);
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        let end = link.end_mut(side);
        let mut last = self.now;
        for (_, stream) in end.streams() {
            // What is on its way still arrives, what would have to be repeated does not.
            let lost = stream.repeats > 0;
            stream.keep(|frame| !lost && frame.due <= soon);
            last = stream.queue.iter().map(|frame| frame.due).fold(last, Moment::max);
        }
        let (host, peer) = (end.boot.host, link.end(side.other()).boot.host);
        let lifeline = link.lifeline;
        self.set_end(id, side, EndState::Dead);
        if self.hosts[host.0].dark {
            return;
        }
        if orderly {
            // The shell of a node that ends waits until what it said before has arrived.
            self.notify_after(last, id, side.other());
        }
        if lifeline {
            let delay = self.network.path(host, peer).latency.typical();
            self.later(delay, Happening::LifelineEnd(id, side.other(), 0));
        }
    }

    pub(super) fn set_end(&mut self, id: LinkId, side: Side, state: EndState) {
        if let Some(link) = self.links.get_mut(&id) {
            link.end_mut(side).state = state;
            if link.is_over() {
                self.links.remove(&id);
            }
        }
    }
}
