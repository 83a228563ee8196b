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
                            Err(error) if is_undone(&error) => Err(left_to_stop(&refusal, &error)),
                            started => Ok(start_reply(started?)),
                        };
                    }
                    stopped => stopped?,
                },
                Err(error) if stopped && may_be_undone(&error) => {
                    return Err(half_done(&self.id, error, "started again"));
                }
                started => return Ok(start_reply(started?)),
            }
            stopped = true;
        }
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
                Err(error) if stopped && may_be_undone(&error) => {
                    return Err(half_done(&self.id, error, "removed"));
                }
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

/// A step failed, or may have, after the child was stopped.
fn half_done(id: &str, error: CallError, what: &str) -> Refusal {
    let is_undone = is_undone(&error);
    let Refusal { wrong, message } = Refusal::from(error);
    if is_undone {
        let message = format!("child {id:?} was stopped, and not {what}: {message}");
        Refusal::new(Wrong::Partial, message)
    } else {
        let message =
            format!("child {id:?} was stopped, and it is not known whether it was {what}: {message}");
        Refusal::new(wrong, message)
    }
}

/// The child was told to stop, or may have been, and nobody starts it again once it has.
fn left_to_stop(stop: &Refusal, error: &CallError) -> Refusal {
    let message = format!(
        "{}; and it is not started again after that: {error}",
        stop.message
    );
    Refusal::new(stop.wrong, message)
}

/// Whether the child may be as the step before left it.
const fn may_be_undone(error: &CallError) -> bool {
    is_undone(error) || matches!(error, CallError::Unknown { .. })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_agent_that_leaves_cuts_short_says_what_became_of_the_child() {
        let undone = half_done("c", CallError::Leaving, "started again");
        assert_eq!(undone.wrong, Wrong::Partial);
        assert!(
            undone
                .message
                .starts_with("child \"c\" was stopped, and not started again: ")
        );

        let detail = "the node ended before the answer was known".to_owned();
        let unknown = CallError::Unknown { detail };
        assert!(may_be_undone(&unknown));
        let unknown = half_done("c", unknown, "removed");
        assert_eq!(unknown.wrong, Wrong::Timeout);
        let begins = "child \"c\" was stopped, and it is not known whether it was removed: ";
        assert!(unknown.message.starts_with(begins), "{}", unknown.message);

        // That nothing was done is true of the second step alone.
        let accepted = Refusal::new(Wrong::Partial, "child \"c\" is to stop".to_owned());
        let left = left_to_stop(&accepted, &CallError::Leaving);
        assert_eq!(left.wrong, Wrong::Partial);
        let begins = "child \"c\" is to stop; and it is not started again after that: the node is leaving";
        assert!(left.message.starts_with(begins), "{}", left.message);
    }
}
