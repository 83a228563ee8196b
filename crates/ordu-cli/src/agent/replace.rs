//! Another definition in the place of a child's.

use std::time::Duration;

use ordu::{CallError, ChildInfo, ChildSpec, ChildState, Horde, Started};
use tokio::time::{Instant, sleep};

use super::Agent;
use super::answer::{confirmed_stop, start_reply};
use super::describe::child_spec;
use super::refusal::Refusal;
use crate::control::{Definition, StartReply};
use crate::failure::Wrong;

/// Between two tries of a call that was refused only for the moment.
const PAUSE: Duration = Duration::from_millis(100);

impl Agent {
    /// Stops and forgets what is there and starts the new in its place. Unless it is known that the new one is
    /// there, or cannot be known, the old one is put back as it was.
    pub(super) async fn replace(
        &self,
        id: &str,
        definition: &Definition,
        timeout: u64,
    ) -> Result<StartReply, Refusal> {
        // Whatever can be found wrong is found before anything is stopped.
        let new = child_spec(definition)?;
        let old = self.lookup(id)?;
        if !self.is_ready() {
            let detail = "it has not joined the others yet".to_owned();
            return Err(CallError::NotReady { detail }.into());
        }
        let place = Place {
            horde: self.horde(timeout),
            patience: Duration::from_millis(timeout),
            id,
            old: &old,
        };
        place.replace(new).await
    }
}

/// Where one definition gives way to another.
struct Place<'a> {
    horde: Horde,
    /// How long a step may be tried again.
    patience: Duration,
    id: &'a str,
    old: &'a ChildInfo,
}

impl Place<'_> {
    async fn replace(&self, new: ChildSpec) -> Result<StartReply, Refusal> {
        confirmed_stop(&self.horde, self.id).await?;
        match self.horde.delete_child(self.id).await {
            // A stop of a temporary child is the end of it.
            Ok(()) | Err(CallError::NotFound { .. }) => {}
            Err(error) => return Err(self.resume(&error).await),
        }
        match self.start(&new).await {
            Ok(started) => Ok(start_reply(started)),
            // The id is somebody else's now: theirs stays.
            Err(error @ (CallError::AlreadyStarted(_) | CallError::AlreadyPresent(_))) => Err(error.into()),
            // Putting the old one back could stand in the way of the new one.
            Err(error @ CallError::Unknown { .. }) => Err(Refusal::new(
                Wrong::Timeout,
                format!("{error}; the one before was deleted"),
            )),
            Err(error) => Err(self.put_back(&error).await),
        }
    }

    /// Starts a child, again while the nodes only have to agree first: there is none of this id meanwhile.
    async fn start(&self, spec: &ChildSpec) -> Result<Started, CallError> {
        let deadline = Instant::now() + self.patience;
        loop {
            match self.horde.start_child(self.id, spec.clone()).await {
                Err(CallError::NotReady { .. } | CallError::NotDecider { .. })
                    if Instant::now() < deadline =>
                {
                    sleep(PAUSE).await;
                }
                other => return other,
            }
        }
    }

    fn was_stopped(&self) -> bool {
        self.old.state == ChildState::Stopped
    }

    /// It was stopped and is not deleted: what ran runs again.
    async fn resume(&self, error: &CallError) -> Refusal {
        if matches!(error, CallError::Unknown { .. }) {
            let message = format!("{error}; the one before was stopped and may be deleted");
            return Refusal::new(Wrong::Timeout, message);
        }
        let after = if self.was_stopped() {
            "the one before is still there, stopped".to_owned()
        } else {
            match self.horde.restart_child(self.id).await {
                Ok(_) => "the one before runs again".to_owned(),
                Err(worse) => format!("the one before is stopped and does not start again: {worse}"),
            }
        };
        Refusal::new(Wrong::Failed, format!("{error}; {after}"))
    }

    /// It was deleted: it is started again, and stopped if it was.
    async fn put_back(&self, error: &CallError) -> Refusal {
        let after = match self.start(&self.old.spec).await {
            Err(worse) => format!("the one before was deleted and does not start again: {worse}"),
            Ok(_) if !self.was_stopped() => "the one before runs again".to_owned(),
            // Only a start puts a child there.
            Ok(_) => match confirmed_stop(&self.horde, self.id).await {
                Ok(()) => "the one before is there again, stopped".to_owned(),
                Err(worse) => format!("the one before runs again: {}", worse.message),
            },
        };
        Refusal::new(Wrong::Failed, format!("{error}; {after}"))
    }
}
