//! Everything about a child that decisions depend on.

use core::time::Duration;

use super::{Backoff, ChildType, ExitReason, Intensity, Restart, Shutdown};

/// Everything about a child that the supervisor's decisions depend on: its child spec without id and start.
///
/// ```
/// use core::time::Duration;
/// use ordu_supervisor::decisions::{ChildPolicy, Restart, Shutdown};
///
/// let policy = ChildPolicy { restart: Restart::Transient, ..ChildPolicy::worker() };
/// assert_eq!(policy.shutdown, Shutdown::Timeout(Duration::from_secs(5)));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ChildPolicy {
    /// When it is started again after it ended by itself.
    pub restart: Restart,
    /// How it is stopped.
    pub shutdown: Shutdown,
    /// What it is.
    pub child_type: ChildType,
    /// Whether its end can end the supervisor. See [`AutoShutdown`](super::AutoShutdown).
    pub significant: bool,
    /// How long a killed child may take to end before it is declared a zombie. Extension; default 5 s.
    pub kill_grace: Duration,
    /// How long a start may take before it is killed and counts as failed. Extension; default: for ever.
    pub start_timeout: Option<Duration>,
    /// A budget of restarts of its own instead of a share in the supervisor's: when it is used up only this
    /// child is given up. Extension; default: none.
    pub budget: Option<Intensity>,
    /// How long it waits before it is restarted. Extension; default: not at all.
    pub backoff: Option<Backoff>,
}

impl ChildPolicy {
    /// How long a killed child may take to end unless the spec says otherwise.
    pub const KILL_GRACE: Duration = Duration::from_secs(5);

    /// A worker's defaults: permanent, stopped with a timeout of 5 s, not significant.
    pub const fn worker() -> Self {
        Self {
            restart: Restart::Permanent,
            shutdown: Shutdown::WORKER,
            child_type: ChildType::Worker,
            significant: false,
            kill_grace: Self::KILL_GRACE,
            start_timeout: None,
            budget: None,
            backoff: None,
        }
    }

    /// A supervisor's defaults: as a worker's, but it has all the time it needs to stop its own children.
    pub const fn supervisor() -> Self {
        Self {
            shutdown: Shutdown::SUPERVISOR,
            child_type: ChildType::Supervisor,
            ..Self::worker()
        }
    }

    /// Whether `reason` is what a child that was told to stop should end with. What is not is reported as a
    /// shutdown error. The rules of OTP's `supervisor`.
    pub(crate) fn expects_static(&self, reason: &ExitReason) -> bool {
        let orderly = match reason {
            ExitReason::Normal | ExitReason::ShutdownWith(_) => self.restart != Restart::Permanent,
            ExitReason::Shutdown => match self.shutdown {
                Shutdown::BrutalKill => self.restart != Restart::Permanent,
                Shutdown::Timeout(_) | Shutdown::Infinity => true,
            },
            _ => false,
        };
        orderly || (self.shutdown == Shutdown::BrutalKill && *reason == ExitReason::Killed)
    }

    /// The same by the rules of Elixir's `DynamicSupervisor`.
    pub(crate) fn expects_dynamic(&self, reason: &ExitReason) -> bool {
        match (self.shutdown, reason) {
            (Shutdown::BrutalKill, reason) => *reason == ExitReason::Killed,
            (_, ExitReason::Shutdown | ExitReason::ShutdownWith(_)) => true,
            (_, ExitReason::Normal) => self.restart != Restart::Permanent,
            _ => false,
        }
    }
}

impl Default for ChildPolicy {
    fn default() -> Self {
        Self::worker()
    }
}
