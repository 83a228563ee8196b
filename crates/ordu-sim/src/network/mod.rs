//! Paths between hosts: how long packets take, how many get lost, and which ways are cut.

mod cuts;
mod path;
mod troubles;

use std::time::Duration;

pub use path::{Latency, Path};

use crate::random::Random;
use crate::{HostId, Moment};
use cuts::Cuts;
use troubles::Troubles;

/// The network between all hosts.
#[derive(Debug)]
pub struct Network {
    hosts: usize,
    usual: Vec<Path>,
    current: Vec<Path>,
    busy_until: Vec<Moment>,
    /// When the last byte of the streams of each way has left: they wait for each other, however long.
    streams_until: Vec<Moment>,
    cuts: Cuts,
    troubles: Troubles,
    random: Random,
}

/// What becomes of one packet: when it arrives, if it does, and when its duplicate does, if it has one.
pub(crate) type Fate = [Option<Moment>; 2];

/// When bytes of a reliable stream arrive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) due: Moment,
    /// When they would have, had none of them been lost.
    pub(crate) unlost: Moment,
}

/// Packets that would wait longer than this in front of a slow link are dropped by its queue.
const QUEUE: Duration = Duration::from_millis(800);

impl Network {
    /// A network in which every host reaches every other by the path that `path` gives.
    pub(crate) fn new(hosts: usize, random: Random, path: impl Fn(HostId, HostId) -> Path) -> Self {
        let usual: Vec<Path> = (0..hosts * hosts)
            .map(|pair| path(HostId(pair / hosts), HostId(pair % hosts)))
            .collect();
        Self {
            hosts,
            current: usual.clone(),
            usual,
            busy_until: vec![Moment::default(); hosts * hosts],
            streams_until: vec![Moment::default(); hosts * hosts],
            cuts: Cuts::default(),
            troubles: Troubles::default(),
            random,
        }
    }

    /// Cuts one way.
    pub(crate) fn cut(&mut self, from: HostId, to: HostId) {
        if from != to {
            self.cuts.cut(from, to);
        }
    }

    /// Mends one way.
    pub(crate) fn mend(&mut self, from: HostId, to: HostId) {
        self.cuts.mend(from, to);
    }

    /// Mends every way.
    pub(crate) fn mend_all(&mut self) {
        self.cuts = Cuts::default();
        self.troubles.allow_all();
    }

    /// Whether packets from one host reach the other at all.
    pub fn open(&self, from: HostId, to: HostId) -> bool {
        self.cuts.open(from, to)
    }

    /// Whether any way is cut.
    pub fn any_cut(&self) -> bool {
        self.cuts.any()
    }

    /// Changes one way for a while.
    pub(crate) fn disturb(&mut self, from: HostId, to: HostId, by: impl FnOnce(Path) -> Path) {
        let pair = self.pair(from, to);
        self.current[pair] = by(self.usual[pair]);
    }

    /// Gives every way its usual quality back.
    pub(crate) fn clear(&mut self) {
        self.troubles.widen_all();
        self.current.clone_from(&self.usual);
        self.busy_until.fill(Moment::default());
        self.streams_until.fill(Moment::default());
    }

    /// The path from one host to another as it is now.
    pub fn path(&self, from: HostId, to: HostId) -> Path {
        self.current[self.pair(from, to)]
    }

    /// A typical round trip between two hosts as the network is now.
    pub fn round_trip(&self, a: HostId, b: HostId) -> Duration {
        self.path(a, b).latency.typical() + self.path(b, a).latency.typical()
    }

    /// Sends one packet.
    pub(crate) fn send(&mut self, now: Moment, from: HostId, to: HostId, bytes: usize) -> Fate {
        if !self.open(from, to) || !self.troubles.fits(from, to, bytes) {
            return [None, None];
        }
        let path = self.path(from, to);
        let Some(left) = self.queue(now, from, to, bytes) else {
            return [None, None];
        };
        if self.random.chance(path.loss) {
            return [None, None];
        }
        let arrival = left + path.latency.draw(&mut self.random);
        let repeat = self.random.chance(path.duplication);
        let again = repeat.then(|| left + path.latency.draw(&mut self.random) + path.latency.typical());
        [Some(arrival), again]
    }

    /// When bytes of a reliable stream arrive that are sent now and repeated when lost. Cuts are the
    /// stream's own business: it finds out on arrival.
    pub(crate) fn stream(&mut self, now: Moment, from: HostId, to: HostId, bytes: usize) -> Arrival {
        let path = self.path(from, to);
        let first = self.queue(now, from, to, bytes).unwrap_or(now + QUEUE);
        let mut left = self.streams_leave(now, from, to, bytes).max(first);
        let mut wait = self.probe_timeout(from, to);
        let before = left;
        while self.random.chance(path.loss) && left.since(before) < Duration::from_mins(1) {
            left = left + wait;
            wait *= 2;
        }
        let latency = path.latency.draw(&mut self.random);
        Arrival {
            due: left + latency,
            unlost: first + latency,
        }
    }

    /// Whether one way is as good as it usually is.
    pub(crate) fn is_undisturbed(&self, from: HostId, to: HostId) -> bool {
        let pair = self.pair(from, to);
        self.current[pair] == self.usual[pair] && !self.troubles.is_narrow(from, to)
    }

    /// When a stream's sender repeats what was not acknowledged (the probe time-out of RFC 9002).
    pub(crate) fn probe_timeout(&self, from: HostId, to: HostId) -> Duration {
        self.round_trip(from, to) * 3 + Duration::from_millis(25)
    }

    fn queue(&mut self, now: Moment, from: HostId, to: HostId, bytes: usize) -> Option<Moment> {
        let pair = self.pair(from, to);
        let Some(rate) = self.current[pair].bytes_per_second else {
            return Some(now);
        };
        let start = self.busy_until[pair].max(now);
        if start.since(now) > QUEUE {
            return None;
        }
        self.busy_until[pair] = start + takes(bytes, rate);
        Some(self.busy_until[pair])
    }

    /// When the last of these bytes leaves, behind what other streams sent before.
    fn streams_leave(&mut self, now: Moment, from: HostId, to: HostId, bytes: usize) -> Moment {
        let pair = self.pair(from, to);
        let Some(rate) = self.current[pair].bytes_per_second else {
            return now;
        };
        let left = self.streams_until[pair].max(now) + takes(bytes, rate);
        self.streams_until[pair] = left;
        left
    }

    fn pair(&self, from: HostId, to: HostId) -> usize {
        from.0 * self.hosts + to.0
    }
}

/// How long a way of this rate takes for a packet.
fn takes(bytes: usize, rate: u32) -> Duration {
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_add(60);
    Duration::from_micros(bytes.saturating_mul(1_000_000) / u64::from(rate.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rate;

    const A: HostId = HostId(0);
    const B: HostId = HostId(1);

    fn network(path: Path) -> Network {
        Network::new(2, Random::new(3, "network"), move |_, _| path)
    }

    #[test]
    fn a_cut_is_one_way() {
        let mut network = network(Path::lan());
        network.cut(A, B);
        assert_eq!(network.send(Moment(0), A, B, 100), [None, None]);
        assert!(network.send(Moment(0), B, A, 100)[0].is_some());
        network.mend_all();
        assert!(network.send(Moment(0), A, B, 100)[0].is_some());
    }

    #[test]
    fn loss_takes_datagrams_and_delays_streams() {
        let mut network = network(Path {
            loss: Rate::percent(50),
            ..Path::lan()
        });
        let lost = (0..1_000)
            .filter(|_| network.send(Moment(0), A, B, 100)[0].is_none())
            .count();
        assert!((400..600).contains(&lost), "{lost}");
        let late = (0..1_000)
            .filter(|_| network.stream(Moment(0), A, B, 100).due > Moment(20_000))
            .count();
        assert!((400..600).contains(&late), "{late}");
    }

    #[test]
    fn a_slow_link_queues_and_then_drops() {
        let mut network = network(Path {
            bytes_per_second: Some(10_000),
            ..Path::lan()
        });
        let sent: Vec<Fate> = (0..20).map(|_| network.send(Moment(0), A, B, 940)).collect();
        assert!(sent[5][0] > sent[0][0]);
        assert_eq!(sent[19], [None, None]);
    }

    #[test]
    fn streams_on_a_slow_link_wait_for_each_other_and_lose_nothing() {
        let mut network = network(Path {
            bytes_per_second: Some(10_000),
            ..Path::lan()
        });
        let due: Vec<Moment> = (0..50)
            .map(|_| network.stream(Moment(0), A, B, 940).due)
            .collect();
        assert!(
            due[49] > Moment(4_900_000) && due[49] < Moment(5_100_000),
            "{:?}",
            due[49]
        );
        network.clear();
        assert!(network.stream(Moment(0), A, B, 940).due < Moment(200_000));
    }
}
