use std::time::Duration;

use crate::random::{Random, Rate};

/// How one simulated worker behaves. A child's args carry the number of its behaviour in
/// [`Setup::behaviours`](crate::Setup), so what travels through the cluster decides what is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behaviour {
    /// Whether it is an OS process (it has a process id and may outlive its node a little) or lives in the
    /// node's own process.
    pub os_process: bool,
    /// How long a start takes: at least, at the most.
    pub start: (Duration, Duration),
    /// How many starts fail.
    pub start_fails: Rate,
    /// How many starts never return.
    pub start_hangs: Rate,
    /// How many starts choose not to run.
    pub start_ignored: Rate,
    /// How it ends by itself, and after how long: at least, at the most. `None`: it does not.
    pub ends: Option<(Ending, Duration, Duration)>,
    /// How long it takes to stop when asked: at least, at the most.
    pub stop: (Duration, Duration),
    /// How often it ignores being asked to stop, so that it must be killed.
    pub ignores_stop: Rate,
    /// How often it cannot be killed: a process that waits for a device, or a thread.
    pub survives_kill: Rate,
}

/// How a worker ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Its work is done.
    Finishes,
    /// It fails.
    Crashes,
}

/// Nobody waits in vain for a worker that needs no longer than this to start.
const MOMENT: Duration = Duration::from_millis(10);

impl Behaviour {
    /// Starts at once, runs for ever, stops when asked.
    pub fn steady() -> Self {
        Self {
            os_process: true,
            start: (Duration::from_micros(200), Duration::from_millis(3)),
            start_fails: Rate::NEVER,
            start_hangs: Rate::NEVER,
            start_ignored: Rate::NEVER,
            ends: None,
            stop: (Duration::from_micros(100), Duration::from_millis(5)),
            ignores_stop: Rate::NEVER,
            survives_kill: Rate::NEVER,
        }
    }

    /// Whether every start of it comes up within a moment and runs until it is stopped.
    pub fn is_steady(&self) -> bool {
        self.start.1 <= MOMENT
            && self.start_fails == Rate::NEVER
            && self.start_hangs == Rate::NEVER
            && self.start_ignored == Rate::NEVER
            && self.ends.is_none()
    }

    /// The same without its bad habits: what it is once all faults are off. Children that finish still do.
    #[must_use]
    pub fn calmed(&self) -> Self {
        Self {
            start_fails: Rate::NEVER,
            start_hangs: Rate::NEVER,
            survives_kill: Rate::NEVER,
            ends: self.ends.filter(|(ending, ..)| *ending == Ending::Finishes),
            ..self.clone()
        }
    }

    /// One worker of many kinds, some of them bad.
    pub(crate) fn any(random: &mut Random) -> Self {
        let mut behaviour = Self::steady();
        behaviour.os_process = random.chance(Rate::percent(60));
        let millis = Duration::from_millis;
        match random.below(10) {
            0 => behaviour.start = (millis(100), millis(3_000)),
            1 => behaviour.start_fails = Rate::percent(40),
            2 => behaviour.start_hangs = Rate::percent(15),
            3 => {
                let sooner = random.magnitude(millis(50), millis(30_000));
                behaviour.ends = Some((Ending::Crashes, sooner, sooner * 4));
            }
            4 => {
                let sooner = random.magnitude(millis(50), millis(20_000));
                behaviour.ends = Some((Ending::Finishes, sooner, sooner * 3));
            }
            5 => behaviour.stop = (millis(50), millis(2_000)),
            6 => behaviour.ignores_stop = Rate::percent(50),
            _ => {}
        }
        behaviour
    }
}
