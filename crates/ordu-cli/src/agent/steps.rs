//! Changes of several steps, between which others may change the same child.

use std::time::Duration;

use ordu::{CallError, ChildState, Horde};
use tokio::sync::OwnedMutexGuard;
use tokio::time::{Instant, timeout_at};

use super::Agent;
use super::answer::{confirmed_stop, start_reply};
use super::refusal::Refusal;
use crate::control::{Removed, StartReply};
use crate::failure::Wrong;

/// A child that is stopped and then started again or forgotten, in the time that one who asks for it waits: twice what a
/// step may take.
pub(super) struct Steps {
    horde: Horde,
    id: String,
    /// How long one step may take.
    step: Duration,
    /// When no more steps are begun anew because others were quicker.
    retries_until: Instant,
    end: Instant,
}

impl Agent {
    /// Waits for the turn at a child, no longer than `until`.
    pub(super) async fn turn(
        &self,
        horde: &Horde,
        id: &str,
        until: Instant,
    ) -> Result<OwnedMutexGuard<()>, Refusal> {
        let turn = self.turns.take(format!("{}/{id}", horde.name()));
        timeout_at(until, turn).await.map_err(|_| {
            let message =
                format!("child {id:?} is being changed by others here all the time; nothing was done");
            Refusal::new(Wrong::Timeout, message)
        })
    }
}

impl Steps {
    pub(super) fn new(horde: Horde, id: String, timeout: u64) -> Self {
        // Longer than anybody waits, and short enough to be added to now.
        let step = Duration::from_millis(timeout).min(Duration::from_hours(24 * 365));
        let now = Instant::now();
        Self {
            horde,
            id,
            step,
            retries_until: now + step,
            end: now + 2 * step,
        }
    }

    /// Waits for the turn at the child: those who ask the same agent are not in each other's way.
    pub(super) async fn turn(&self, agent: &Agent) -> Result<OwnedMutexGuard<()>, Refusal> {
        agent.turn(&self.horde, &self.id, self.retries_until).await
    }

    /// Starts it again, after stopping it if it runs; once more if somebody else has started it in between.
    pub(super) async fn restart(&self) -> Result<StartReply, Refusal> {
        let mut stopped = false;
        loop {
            match self.horde().restart_child(&self.id).await {
                Err(CallError::Running(_)) => match self.stop_unless_late(stopped).await {
                    // It takes its time, or may. It is started once it has stopped, if it is told so now: nobody would
                    // after this call.
                    Err(refusal) if matches!(refusal.wrong, Wrong::Partial | Wrong::Timeout) => {
                        return match self.horde().restart_child(&self.id).await {
                            // It was not told to stop.
                            Err(CallError::Running(_)) => Err(refusal),
                            started => Ok(start_reply(started?)),
                        };
                    }
                    stopped => stopped?,
                },
                Err(error) if stopped && is_undone(&error) => {
                    return Err(self.half_done(error, "started again"));
                }
                started => return Ok(start_reply(started?)),
            }
            stopped = true;
        }
    }

    /// A step failed after the child was stopped.
    fn half_done(&self, error: CallError, what: &str) -> Refusal {
        let refusal = Refusal::from(error);
        let message = format!(
            "child {:?} was stopped, and not {what}: {}",
            self.id, refusal.message
        );
        Refusal::new(Wrong::Partial, message)
    }

    /// Forgets it, with `force` after stopping it if it runs; once more if somebody else has started it in between.
    pub(super) async fn remove(self, force: bool) -> Result<Removed, Refusal> {
        let mut stopped = false;
        loop {
            match self.horde().delete_child(&self.id).await {
                Err(CallError::Running(_)) if force => self.stop_unless_late(stopped).await?,
                Err(CallError::Running(child))
                    if !child.is_stopping && child.state != ChildState::Stopped =>
                {
                    let error = CallError::Running(child);
                    return Err(Refusal::new(Wrong::Failed, format!("{error}, or use --force")));
                }
                Err(error) if stopped && is_undone(&error) => return Err(self.half_done(error, "removed")),
                deleted => {
                    deleted?;
                    return Ok(Removed {
                        id: self.id,
                        removed: true,
                    });
                }
            }
            stopped = true;
        }
    }

    async fn stop_unless_late(&self, stopped_before: bool) -> Result<(), Refusal> {
        if stopped_before && Instant::now() >= self.retries_until {
            let message = format!(
                "child {:?} was stopped, and is started again by others each time; ask again",
                self.id
            );
            return Err(Refusal::new(Wrong::Failed, message));
        }
        confirmed_stop(&self.horde(), &self.id).await
    }

    /// For the next step, which may take no longer than is left.
    fn horde(&self) -> Horde {
        let left = self.end.saturating_duration_since(Instant::now());
        self.horde.with_timeout(self.step.min(left))
    }
}

/// Whether nothing was done of a step, and the child is as the step before left it.
const fn is_undone(error: &CallError) -> bool {
    matches!(
        error,
        CallError::Leaving
            | CallError::NotReady { .. }
            | CallError::NotDecider { .. }
            | CallError::NoEligibleNode { .. }
    )
}
