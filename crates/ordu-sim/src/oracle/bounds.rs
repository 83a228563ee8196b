use std::time::Duration;

use super::Child;
use super::History;
use ordu_core::Shutdown;

use crate::Setup;

/// How long it may take in a whole network with every process awake until something is as it should be, from the last
/// upheaval on.
#[derive(Clone, Copy, Debug)]
pub struct Bounds<'a> {
    setup: &'a Setup,
}

/// What packets that are lost, workers that are slow to be told and timers that are late add up to.
const SLACK: Duration = Duration::from_secs(1);
/// Taking in all that another node knows, in parts, with one peer that sends none of it.
const SYNC: Duration = Duration::from_secs(2);

impl<'a> Bounds<'a> {
    /// Of a world.
    pub fn of(setup: &'a Setup) -> Self {
        Self { setup }
    }

    /// Until every node sees who is there and who is not: it has dialled everybody it knows (S6.2), has probed everybody
    /// once, and has given up who did not answer.
    pub fn detect(self) -> Duration {
        let timing = &self.setup.timing;
        let meet = timing.redial_max + timing.dial_timeout;
        meet + self.probe_round() + timing.probe_rtt + timing.suspicion
    }

    /// Until a child without a living owner has one, `T_own`: all are noticed, the view has settled (S4.3), the last in
    /// rank has had its turn after one hand-over in vain (S4.4), and its claim is held (S4.7).
    pub fn owned(self) -> Duration {
        let timing = &self.setup.timing;
        // A process that stood still decides nothing for a round (S4.5).
        let settle = self.probe_round() + timing.settle_max + timing.settle;
        let turns = timing.t_own * (self.hosts() + 6);
        self.detect() + SYNC + settle + turns + SLACK
    }

    /// Until what a killed process ran is started anew where the others hear of the death by its lifeline: each asks it
    /// once more and its kernel as well, for a period of probes at the most, and tells the others (S6.3). One hand-over may
    /// overtake that news, and is made again (S4.4); the claim is shown and held before it starts (S3.2).
    pub fn taken_over(self) -> Duration {
        let setup = self.setup;
        let one_way = [setup.near, setup.far].map(|path| path.latency.typical() + path.latency.jitter);
        let one_way = one_way.into_iter().max().unwrap_or_default();
        let handed_over = setup.timing.t_own * 5;
        setup.timing.probe_period + one_way * 8 + handed_over + SLACK / 2
    }

    /// Until the second copy of a child is gone (S7.1): it has an owner, the loser knows, has waited for the winner and
    /// has been stopped, at worst by force.
    pub fn alone(self, history: &History, child: &Child) -> Duration {
        let stop = history.copies_of(child).map(|copy| match copy.spec.shutdown {
            Shutdown::Timeout(timeout) => timeout,
            _ => Duration::ZERO,
        });
        self.owned() + SYNC + self.setup.timing.conflict_wait + stop.max().unwrap_or_default() + SLACK
    }

    fn probe_round(self) -> Duration {
        self.setup.timing.probe_period * self.hosts()
    }

    fn hosts(self) -> u32 {
        u32::try_from(self.setup.hosts.len()).unwrap_or(u32::MAX)
    }
}
