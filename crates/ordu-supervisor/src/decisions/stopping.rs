//! The stop of one child: asked, killed, given up.

use super::{ChildPolicy, Shutdown, Signal, Time};

/// How far the stop of a child got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Stage {
    Asked,
    Killed,
    Zombie,
}

/// The stop of one child, and when it goes a step further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Stopping {
    stage: Stage,
    deadline: Option<Time>,
}

/// What happens when the deadline of a stop has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expired {
    /// It is killed.
    Kill,
    /// It was killed in vain.
    Zombie,
}

impl Stopping {
    /// Begins a stop the way the child's policy says, and what to send at once.
    pub(crate) fn begin(policy: &ChildPolicy, now: Time) -> (Self, &'static [Signal]) {
        match policy.shutdown {
            Shutdown::BrutalKill => (Self::kill(policy, now), &[Signal::Kill]),
            Shutdown::Timeout(limit) if limit.is_zero() => {
                (Self::kill(policy, now), &[Signal::Shutdown, Signal::Kill])
            }
            Shutdown::Timeout(limit) => (
                Self {
                    stage: Stage::Asked,
                    deadline: Some(now.after(limit)),
                },
                &[Signal::Shutdown],
            ),
            Shutdown::Infinity => (
                Self {
                    stage: Stage::Asked,
                    deadline: None,
                },
                &[Signal::Shutdown],
            ),
        }
    }

    /// A stop that begins with the kill.
    pub(crate) fn kill(policy: &ChildPolicy, now: Time) -> Self {
        Self {
            stage: Stage::Killed,
            deadline: Some(now.after(policy.kill_grace)),
        }
    }

    /// The child has ended, but for what belongs to it, which was killed now.
    pub(crate) fn lingers(&mut self, policy: &ChildPolicy, now: Time) {
        if self.is_asked() {
            *self = Self::kill(policy, now);
        }
    }

    /// When [`Stopping::expire`] is due.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.deadline
    }

    /// The signal that is in force: what a child that comes up late must be sent.
    pub(crate) fn signal(&self) -> Signal {
        match self.stage {
            Stage::Asked => Signal::Shutdown,
            Stage::Killed | Stage::Zombie => Signal::Kill,
        }
    }

    pub(crate) fn is_zombie(&self) -> bool {
        self.stage == Stage::Zombie
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.stage == Stage::Asked
    }

    /// Takes the next step if its time has come.
    pub(crate) fn expire(&mut self, policy: &ChildPolicy, now: Time) -> Option<Expired> {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return None;
        }
        match self.stage {
            Stage::Asked => {
                *self = Self::kill(policy, now);
                Some(Expired::Kill)
            }
            Stage::Killed => {
                *self = Self {
                    stage: Stage::Zombie,
                    deadline: None,
                };
                Some(Expired::Zombie)
            }
            Stage::Zombie => None,
        }
    }
}
