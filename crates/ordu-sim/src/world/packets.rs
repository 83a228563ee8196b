use std::time::Duration;

use ordu_core::{Channel, ConnId, Input};

use super::World;
use super::happening::Happening;
use super::link::{EndState, Frame, LinkId, Side};
use crate::network::Arrival;
use crate::random::micros;
use crate::{Boot, HostId, Machine, Moment, What};

/// The longest frame a node may send (`bounded-messages`).
const MAX_FRAME: usize = 64 * 1024;
/// The longest datagram: what QUIC takes before it has probed the path.
const MAX_DATAGRAM: usize = 1_100;

impl<M: Machine> World<M> {
    pub(super) fn send_datagram(&mut self, boot: Boot, conn: ConnId, bytes: Vec<u8>) {
        self.traffic.datagrams += 1;
        self.traffic.datagram_bytes += u64::try_from(bytes.len()).unwrap_or(0);
        if bytes.len() > MAX_DATAGRAM {
            self.report(What::Oversized {
                boot,
                what: "datagram",
                bytes: bytes.len(),
            });
        }
        let Some((id, side)) = self.open_end(boot, conn) else {
            return;
        };
        let Some(link) = self.links.get(&id) else { return };
        let (from, to) = (boot.host, link.end(side.other()).boot.host);
        let [first, again] = self.network.send(self.now, from, to, bytes.len());
        if let Some(at) = again {
            self.agenda
                .enter(at, Happening::Datagram(id, side, bytes.clone()));
        }
        if let Some(at) = first {
            self.agenda.enter(at, Happening::Datagram(id, side, bytes));
        }
    }

    pub(super) fn datagram_arrives(&mut self, id: LinkId, from: Side, bytes: Vec<u8>) {
        let Some((receiver, conn)) = self.arrives(id, from) else {
            return;
        };
        let (sender, to) = (self.host_of(id, from), receiver.host);
        if let Some(sender) = sender.filter(|sender| self.acknowledges(to, *sender)) {
            self.unblock(id, from, self.network.round_trip(sender, to));
        }
        self.feed(receiver, Input::Datagram { conn, bytes });
    }

    pub(super) fn send_frame(&mut self, boot: Boot, conn: ConnId, channel: Channel, bytes: Vec<u8>) {
        self.traffic.frames += 1;
        self.traffic.frame_bytes += u64::try_from(bytes.len()).unwrap_or(0);
        if bytes.len() > MAX_FRAME {
            self.report(What::Oversized {
                boot,
                what: "frame",
                bytes: bytes.len(),
            });
        }
        let Some((id, side)) = self.open_end(boot, conn) else {
            return;
        };
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        let (from, to) = (boot.host, link.end(side.other()).boot.host);
        let queues = &self.setup.queues;
        if link.end(side).unsent() + Frame::cost(bytes.len()) > queues.under_way + queues.limit {
            return self.break_off(boot, id, side, "closed here: its peer reads too slowly");
        }
        let Arrival { due, unlost } = self.network.stream(self.now, from, to, bytes.len());
        let known = due + self.network.round_trip(from, to);
        let stream = link.end_mut(side).stream(channel);
        let due = stream.queue.back().map_or(due, |last| last.due.max(due));
        stream.push(Frame { bytes, due, unlost });
        if stream.queue.len() == 1 {
            let generation = stream.generation;
            self.agenda
                .enter(due, Happening::Frame(id, side, channel, generation));
        } else {
            self.repeat_what_was_lost(id, side, known);
        }
    }

    pub(super) fn frame_arrives(&mut self, id: LinkId, from: Side, channel: Channel, generation: u64) {
        let Some(link) = self.links.get(&id) else { return };
        let (sender, receiver) = (link.end(from).boot.host, link.end(from.other()).boot.host);
        let acknowledged = self.acknowledges(receiver, sender);
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        let opening = link.end(from.other()).state == EndState::Opening;
        let end = link.end_mut(from);
        let unacknowledged = end.unacknowledged;
        let stream = end.stream(channel);
        let Some(frame) = stream.queue.front().filter(|_| stream.generation == generation) else {
            return;
        };
        let length = frame.bytes.len();
        let blocked = opening
            || !self.network.open(sender, receiver)
            || !self.network.fits(sender, receiver, length)
            || !self.hosts[receiver.0].answers()
            || (!acknowledged && unacknowledged + length > self.setup.queues.window.max(length));
        if blocked {
            stream.repeats += 1;
            let wait = self.network.probe_timeout(sender, receiver) * 2_u32.pow(stream.repeats.min(9));
            let wait = wait.min(Duration::from_secs(30));
            self.later(wait, Happening::Frame(id, from, channel, generation));
            return;
        }
        stream.repeats = 0;
        let frame = stream.pop();
        let next = stream.queue.front().map(|next| next.due);
        end.unacknowledged = if acknowledged { 0 } else { unacknowledged + length };
        if let Some(due) = next {
            self.agenda
                .enter(due.max(self.now), Happening::Frame(id, from, channel, generation));
        }
        if let (Some((boot, conn)), Some(frame)) = (self.arrives(id, from), frame) {
            let bytes = frame.bytes;
            self.feed(boot, Input::Received { conn, channel, bytes });
        }
        self.try_to_close(id, from);
    }

    /// A packet of a connection arrives at its other end: who takes it, if somebody does.
    fn arrives(&mut self, id: LinkId, from: Side) -> Option<(Boot, ConnId)> {
        let now = self.now;
        let link = self.links.get(&id)?;
        let (sender, receiver) = (link.end(from).boot.host, link.end(from.other()).boot.host);
        if !self.hosts[receiver.0].answers() {
            return None;
        }
        let acknowledged = self.acknowledges(receiver, sender);
        let link = self.links.get_mut(&id)?;
        match link.end(from.other()).state {
            EndState::Open => {
                let end = link.end_mut(from.other());
                end.heard = now;
                let taken = (end.boot, end.conn?);
                if acknowledged {
                    link.end_mut(from).heard = now;
                }
                Some(taken)
            }
            EndState::Closed => {
                self.notify(id, from);
                None
            }
            EndState::Opening | EndState::Lingering | EndState::Dead => None,
        }
    }

    /// What was on its way at the pace of a bad network goes on at that of a good one.
    pub(super) fn hurry_all(&mut self) {
        for (id, link) in &mut self.links {
            for side in [Side::Dialler, Side::Acceptor] {
                let (sender, receiver) = (link.end(side).boot.host, link.end(side.other()).boot.host);
                let then = self.now + self.network.round_trip(sender, receiver);
                for (channel, stream) in link.end_mut(side).streams() {
                    if stream.repeats == 0
                        && let Some(due) = stream.hurry(then)
                    {
                        stream.generation += 1;
                        let frame = Happening::Frame(*id, side, channel, stream.generation);
                        self.agenda.enter(due, frame);
                    }
                }
            }
        }
    }

    /// Whether acknowledgements of what comes to one host get to the other. QUIC lives in the process: one that stands
    /// still acknowledges nothing.
    fn acknowledges(&self, receiver: HostId, sender: HostId) -> bool {
        self.network.open(receiver, sender) && !self.is_still(receiver)
    }

    /// A process that stood still reads what its socket kept, and says so to those who wait.
    pub(super) fn acknowledge_all(&mut self, boot: Boot) {
        let ends: Vec<(LinkId, Side)> = match self.process(boot) {
            Some(process) => process.conns.values().copied().collect(),
            None => return,
        };
        for (id, side) in ends {
            let Some(sender) = self.host_of(id, side.other()) else {
                continue;
            };
            if self.acknowledges(boot.host, sender) {
                self.unblock(id, side.other(), self.network.round_trip(boot.host, sender));
            }
        }
    }

    fn host_of(&self, id: LinkId, side: Side) -> Option<HostId> {
        Some(self.links.get(&id)?.end(side).boot.host)
    }

    /// Something got through one way: what is stuck there is repeated.
    pub(super) fn unblock(&mut self, id: LinkId, from: Side, after: Duration) {
        let soon = self.now + after;
        self.repeat_what_was_lost(id, from, soon);
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        for (channel, stream) in link.end_mut(from).streams() {
            if stream.repeats > 0 && !stream.queue.is_empty() {
                stream.repeats = 0;
                stream.generation += 1;
                self.agenda
                    .enter(soon, Happening::Frame(id, from, channel, stream.generation));
            }
        }
    }

    /// A later packet is known to have arrived by then, so the sender knows as well what did not and need not wait
    /// for its back-off. Only on a way that is as good as usual again: a bad one takes the repeats, too.
    fn repeat_what_was_lost(&mut self, id: LinkId, from: Side, then: Moment) {
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        let (sender, receiver) = (link.end(from).boot.host, link.end(from.other()).boot.host);
        let whole = self.network.is_undisturbed(sender, receiver)
            && self.network.open(sender, receiver)
            && self.network.open(receiver, sender);
        if !whole {
            return;
        }
        for (channel, stream) in link.end_mut(from).streams() {
            if stream.repeats == 0
                && let Some(due) = stream.repeat_what_was_lost(then)
            {
                stream.generation += 1;
                self.agenda
                    .enter(due, Happening::Frame(id, from, channel, stream.generation));
            }
        }
    }

    /// The connection a process means, if it is still open to it. One that is not may have been lost a
    /// moment ago without the node knowing, so this is no error.
    fn open_end(&self, boot: Boot, conn: ConnId) -> Option<(LinkId, Side)> {
        let (id, side) = *self.process(boot)?.conns.get(&conn)?;
        let open = self.links.get(&id)?.end(side).state == EndState::Open;
        open.then_some((id, side))
    }

    /// How long ago an end heard something, in microseconds.
    pub(super) fn silence(&self, id: LinkId, side: Side) -> Option<u64> {
        let end = self.links.get(&id)?.end(side);
        Some(micros(self.now.since(end.heard)))
    }
}
