//! Whether a child comes up, and stays.

use std::time::Duration;

use ordu::{ChildInfo, ChildState, Horde, Token};
use tokio::time::{Instant, sleep_until};

use super::Agent;
use crate::control::{Restart, Standing};

/// A child that has run for so long without a new start has come up.
const STAYS: Duration = Duration::from_secs(1);

/// A child that is watched until it has come up.
#[derive(Debug)]
pub(super) struct Rising {
    id: String,
    restart: Restart,
    stays: Duration,
    /// The start that runs, and since when it has been seen to.
    run: Option<(Option<Token>, Instant)>,
    found: Found,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Found {
    /// Not looked at yet, or on its way.
    Rising,
    Up,
    Down,
}

impl Rising {
    /// `wait` is how long it may take; of a time that is too short for a child to stay for a second it has to stay
    /// for half.
    pub(super) fn new(id: String, restart: Restart, wait: Duration) -> Self {
        Self {
            id,
            restart,
            stays: STAYS.min(wait / 2),
            run: None,
            found: Found::Rising,
        }
    }

    /// Looks once more; gives when to look again, also if nothing changes before.
    fn look(&mut self, child: Option<&ChildInfo>, now: Instant) -> Option<Instant> {
        let Some(child) = child else {
            // One that is not always started again has finished. Another may be about to be put in its place.
            if self.restart != Restart::Permanent {
                self.found = Found::Up;
            }
            self.run = None;
            return None;
        };
        match child.state {
            ChildState::Running => {
                let since = match self.run {
                    Some((token, since)) if token == child.token => since,
                    _ => now,
                };
                self.run = Some((child.token, since));
                if now >= since + self.stays {
                    self.found = Found::Up;
                }
                Some(since + self.stays)
            }
            ChildState::Failed => {
                self.found = Found::Down;
                None
            }
            _ => {
                self.run = None;
                None
            }
        }
    }

    fn standing(self, child: Option<&ChildInfo>) -> Standing {
        Standing {
            id: self.id,
            up: self.found == Found::Up,
            state: child.map(|child| child.state.to_string()),
            reason: child.and_then(|child| child.reason.clone()),
        }
    }
}

impl Agent {
    /// Waits until it is known of each whether it has come up, or time is up.
    pub(super) async fn risen(
        &self,
        horde: &Horde,
        children: Vec<(String, Restart)>,
        wait: Duration,
    ) -> Vec<Standing> {
        let mut all: Vec<Rising> = children
            .into_iter()
            .map(|(id, restart)| Rising::new(id, restart, wait))
            .collect();
        let end = Instant::now() + wait;
        // Before the first look: what changes after it wakes.
        let mut changes = self.node.changes();
        loop {
            let now = Instant::now();
            let again = all
                .iter_mut()
                .filter(|rising| rising.found == Found::Rising)
                .filter_map(|rising| rising.look(horde.lookup(&rising.id).as_deref(), now))
                .min();
            if now >= end || all.iter().all(|rising| rising.found != Found::Rising) {
                break;
            }
            tokio::select! {
                more = changes.next() => if !more { break },
                () = sleep_until(again.unwrap_or(end).min(end)) => {}
            }
        }
        all.into_iter()
            .map(|rising| {
                let child = horde.lookup(&rising.id);
                rising.standing(child.as_deref())
            })
            .collect()
    }
}
