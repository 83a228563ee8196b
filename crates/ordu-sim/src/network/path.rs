use std::time::Duration;

use crate::random::{Random, Rate};

/// How one way between two hosts behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    /// How long a packet takes.
    pub latency: Latency,
    /// How many packets are lost.
    pub loss: Rate,
    /// How many arrive twice.
    pub duplication: Rate,
    /// What goes through at the most; `None`: anything.
    pub bytes_per_second: Option<u32>,
}

/// How long packets take one way: a base, some jitter for each (so that they overtake each other), and now
/// and then one that takes much longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    /// What every packet takes.
    pub base: Duration,
    /// What is added at the most, evenly spread.
    pub jitter: Duration,
    /// How many packets take up to `tail_by` longer.
    pub tail: Rate,
    /// See `tail`.
    pub tail_by: Duration,
}

impl Latency {
    /// The base and half the jitter.
    pub fn typical(&self) -> Duration {
        self.base + self.jitter / 2
    }

    pub(crate) fn draw(&self, random: &mut Random) -> Duration {
        let mut latency = self.base + random.duration(Duration::ZERO, self.jitter);
        if random.chance(self.tail) {
            latency += random.duration(Duration::ZERO, self.tail_by);
        }
        latency
    }
}

impl Path {
    /// Two processes on one machine.
    pub const fn loopback() -> Self {
        Self::clean(Duration::from_micros(20), Duration::from_micros(20))
    }

    /// One data centre: a tenth of a millisecond.
    pub const fn lan() -> Self {
        Self::clean(Duration::from_micros(80), Duration::from_micros(60))
    }

    /// Two regions, so far apart.
    pub const fn wan(base: Duration) -> Self {
        Self::clean(base, Duration::from_millis(4))
    }

    const fn clean(base: Duration, jitter: Duration) -> Self {
        Self {
            latency: Latency {
                base,
                jitter,
                tail: Rate::per_mille(1),
                tail_by: Duration::from_millis(10),
            },
            loss: Rate::NEVER,
            duplication: Rate::NEVER,
            bytes_per_second: None,
        }
    }
}
