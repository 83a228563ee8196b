use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use crate::{DialId, Time, Timing};

/// Dials whoever should be connected and is not, for ever (S6.2): every `redial` for the first minute, then
/// less and less often down to every `redial_max`, each time on a fresh connection.
///
/// The failure detector cannot do this: once it knows no active member it stops announcing, so a complete
/// split would never heal by itself.
#[derive(Debug, Default)]
pub(crate) struct Dialer {
    targets: BTreeMap<SocketAddr, Target>,
    under_way: BTreeMap<DialId, SocketAddr>,
    /// Those that were written off, dialled in rounds.
    rounds: Rounds,
    /// When each address was last dialled, as long as that is less than `redial` ago: a connection that comes up and
    /// breaks at once is no reason to dial more often.
    lately: BTreeMap<SocketAddr, Time>,
    /// Addresses that turned out to be this node's own.
    own: BTreeSet<SocketAddr>,
    /// Some are dialled for now only: until the targets are set again.
    pub(crate) for_now: bool,
    last: u64,
}

#[derive(Debug)]
struct Target {
    since: Time,
    next: Time,
    under_way: usize,
}

impl Dialer {
    /// The first minute after a loss is dialled at the full rate.
    const EAGER: Duration = Duration::from_mins(1);
    /// Dials to one address that may be under way at a time.
    const PARALLEL: usize = 3;

    /// Who should be dialled from now on. An address that was not among them before is dialled at once, unless it was a
    /// moment ago.
    pub(crate) fn set_targets(&mut self, wanted: &BTreeSet<SocketAddr>, now: Time, timing: &Timing) {
        self.lately.retain(|_, at| now.since(*at) < timing.redial);
        self.targets.retain(|addr, _| wanted.contains(addr));
        for addr in wanted {
            if !self.own.contains(addr) {
                let under_way = self.under_way.values().filter(|other| *other == addr).count();
                self.targets.entry(*addr).or_insert(Target {
                    since: now,
                    next: self.lately.get(addr).map_or(now, |at| *at + timing.redial),
                    under_way,
                });
            }
        }
    }

    /// Who was written off, the most recently lost first: they are dialled too, for ever, but all together at a bounded
    /// rate.
    pub(crate) fn set_written_off(&mut self, mut addrs: Vec<SocketAddr>) {
        addrs.retain(|addr| !self.own.contains(addr) && !self.targets.contains_key(addr));
        self.rounds.addrs = addrs;
    }

    /// An address that answers as this node itself is never dialled again.
    pub(crate) fn is_self(&mut self, addr: SocketAddr) {
        self.targets.remove(&addr);
        self.rounds.addrs.retain(|other| *other != addr);
        self.own.insert(addr);
    }

    /// An address that is dialled at once whenever it was dialled last.
    pub(crate) fn is_urgent(&mut self, addr: SocketAddr) {
        self.lately.remove(&addr);
    }

    /// The next dial that is due.
    pub(crate) fn poll(&mut self, now: Time, timing: &Timing) -> Option<(DialId, SocketAddr)> {
        let Some((addr, target)) = self.targets.iter_mut().find(|(_, target)| target.is_due(now)) else {
            let addr = self.rounds.poll(now, timing)?;
            return Some(self.dial(addr));
        };
        let age = now.since(target.since);
        let slower = age.saturating_sub(Self::EAGER) / 12;
        let pause = (timing.redial + slower).min(timing.redial_max);
        target.next = now + pause;
        target.under_way += 1;
        let addr = *addr;
        self.lately.insert(addr, now);
        Some(self.dial(addr))
    }

    fn dial(&mut self, addr: SocketAddr) -> (DialId, SocketAddr) {
        self.last += 1;
        let dial = DialId(self.last);
        self.under_way.insert(dial, addr);
        (dial, addr)
    }

    /// A dial is over, well or not; gives the address it went to.
    pub(crate) fn ended(&mut self, dial: DialId) -> Option<SocketAddr> {
        let addr = self.under_way.remove(&dial)?;
        if let Some(target) = self.targets.get_mut(&addr) {
            target.under_way = target.under_way.saturating_sub(1);
        }
        Some(addr)
    }

    pub(crate) fn next_deadline(&self) -> Option<Time> {
        let targets = self.targets.values();
        let due = targets
            .filter(|target| target.under_way < Self::PARALLEL)
            .map(|target| target.next);
        due.chain(self.rounds.next_deadline()).min()
    }
}

/// Whom to dial next of those that were written off. By turns it is the next of all, so that nobody is left out, and the
/// next of those that were lost most recently.
#[derive(Debug, Default)]
struct Rounds {
    /// The most recently lost first.
    addrs: Vec<SocketAddr>,
    next: Time,
    of_all: usize,
    of_recent: usize,
    is_recents_turn: bool,
}

impl Rounds {
    /// One in so many counts as lost recently.
    const RECENT: usize = 8;

    fn poll(&mut self, now: Time, timing: &Timing) -> Option<SocketAddr> {
        if now < self.next || self.addrs.is_empty() {
            return None;
        }
        let count = self.addrs.len();
        let pause = timing.redial_max / u32::try_from(count).unwrap_or(u32::MAX);
        self.next = now + pause.max(timing.redial);
        self.is_recents_turn = !self.is_recents_turn;
        let index = if self.is_recents_turn {
            self.of_recent = (self.of_recent + 1) % count.div_ceil(Self::RECENT);
            self.of_recent
        } else {
            self.of_all = (self.of_all + 1) % count;
            self.of_all
        };
        self.addrs.get(index).copied()
    }

    fn next_deadline(&self) -> Option<Time> {
        (!self.addrs.is_empty()).then_some(self.next)
    }
}

impl Target {
    fn is_due(&self, now: Time) -> bool {
        self.next <= now && self.under_way < Dialer::PARALLEL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_peer_is_dialled_every_quarter_second_for_a_minute_then_at_least_every_five_seconds() {
        let timing = Timing::default();
        let addr: SocketAddr = "127.0.0.1:1".parse().unwrap();
        let mut dialer = Dialer::default();
        dialer.set_targets(&[addr].into(), Time(0), &timing);
        let mut dials = Vec::new();
        while let Some(at) = dialer.next_deadline().filter(|at| *at < Time(300_000_000)) {
            let (dial, _) = dialer.poll(at, &timing).unwrap();
            dialer.ended(dial);
            dials.push(at.0 / 1000);
        }
        assert_eq!(dials.iter().filter(|at| **at < 60_000).count(), 240);
        let gaps: Vec<_> = dials.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().all(|gap| (250..=5_000).contains(gap)), "{gaps:?}");
        assert_eq!(gaps.last(), Some(&5_000));
    }

    #[test]
    fn an_address_that_is_this_node_is_never_dialled_again() {
        let addr: SocketAddr = "127.0.0.1:1".parse().unwrap();
        let timing = Timing::default();
        let mut dialer = Dialer::default();
        dialer.set_targets(&[addr].into(), Time(0), &timing);
        assert!(dialer.poll(Time(0), &timing).is_some());
        dialer.is_self(addr);
        dialer.set_targets(&[addr].into(), Time(1), &timing);
        assert_eq!(dialer.next_deadline(), None);
    }

    #[test]
    fn a_peer_whose_connections_break_as_soon_as_they_are_up_is_dialled_no_more_often() {
        let addr: SocketAddr = "127.0.0.1:1".parse().unwrap();
        let timing = Timing::default();
        let mut dialer = Dialer::default();
        let mut dials = 0;
        for millis in 0..10_000 {
            let now = Time(millis * 1_000);
            dialer.set_targets(&[addr].into(), now, &timing);
            if let Some((dial, _)) = dialer.poll(now, &timing) {
                dials += 1;
                dialer.ended(dial);
                dialer.set_targets(&BTreeSet::new(), now, &timing);
            }
        }
        assert_eq!(dials, 40);
    }

    #[test]
    fn who_was_written_off_is_dialled_in_rounds_that_leave_nobody_out_at_a_bounded_rate() {
        const LOST: u16 = 1_000;
        let timing = Timing::default();
        let addr = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        let mut dialer = Dialer::default();
        dialer.set_written_off((1..=LOST).map(addr).collect());
        let mut dials: BTreeMap<SocketAddr, usize> = BTreeMap::new();
        let round = timing.redial * 2 * u32::from(LOST);
        let end = Time(0) + round;
        let mut count = 0;
        while let Some(at) = dialer.next_deadline().filter(|at| *at < end) {
            let (dial, addr) = dialer.poll(at, &timing).unwrap();
            dialer.ended(dial);
            *dials.entry(addr).or_default() += 1;
            count += 1;
        }
        assert_eq!(count, 2 * usize::from(LOST), "four a second");
        assert_eq!(dials.len(), usize::from(LOST), "each was dialled");
        assert!(
            dials[&addr(1)] >= 8 * dials[&addr(LOST)],
            "the most recently lost more often"
        );
    }

    #[test]
    fn one_that_was_written_off_is_dialled_as_often_as_any_that_is_down_for_long() {
        let timing = Timing::default();
        let addr: SocketAddr = "127.0.0.1:1".parse().unwrap();
        let mut dialer = Dialer::default();
        dialer.set_written_off([addr].into());
        let mut dials = 0;
        while let Some(at) = dialer.next_deadline().filter(|at| *at < Time(60_000_000)) {
            let (dial, _) = dialer.poll(at, &timing).unwrap();
            dialer.ended(dial);
            dials += 1;
        }
        assert_eq!(dials, 12);
    }
}
