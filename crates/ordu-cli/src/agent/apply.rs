//! Making a child be as a definition says.

use std::sync::Arc;
use std::time::Duration;

use ordu::{CallError, ChildInfo, ChildSpec, ChildState, Horde, Started};
use tokio::time::{Instant, sleep, timeout_at};

use super::Agent;
use super::answer::{confirmed_stop, difference, state};
use super::describe::child_spec;
use super::refusal::Refusal;
use crate::control::{ApplyReply, Change, Definition, Difference, Standing};
use crate::duration;
use crate::failure::Wrong;

/// Between two tries of a call that was refused only for the moment.
const PAUSE: Duration = Duration::from_millis(100);

/// How often it is looked at anew because somebody else changed the child meanwhile.
const ROUNDS: usize = 16;

impl Agent {
    /// Looks at what there is and does what is missing, again if others were quicker. A child whose program differs
    /// is stopped and forgotten and the new one starts in its place; unless that comes up within `wait`, the old one
    /// is put back as it was. `horde` gives up each step in time; `patience` is how long one may be tried again, how
    /// long the turn at the child may be waited for, and how long the answer: what has begun goes on to its end, so that
    /// no child is left stopped half way.
    pub(super) async fn apply(
        self: &Arc<Self>,
        horde: Horde,
        id: &str,
        definition: &Definition,
        patience: Duration,
        wait: Duration,
    ) -> Result<ApplyReply, Refusal> {
        // Whatever can be found wrong is found before anything is stopped.
        let new = child_spec(definition)?;
        let deadline = Instant::now() + patience;
        let turn = self.turn(&horde, id, deadline).await?;
        if !self.node.is_ready() {
            let detail = "it has not joined the others yet".to_owned();
            return Err(CallError::NotReady { detail }.into());
        }
        let place = Place {
            agent: Arc::clone(self),
            horde,
            patience,
            wait,
            id: id.to_owned(),
            new,
        };
        let change = tokio::spawn(async move {
            let _turn = turn;
            place.apply().await
        });
        match timeout_at(deadline, change).await {
            Ok(Ok(applied)) => applied,
            Ok(Err(error)) => Err(Refusal::new(Wrong::Failed, error.to_string())),
            Err(_) => {
                let message = format!("child {id:?} is still being changed; the agent sees that to its end");
                Err(Refusal::new(Wrong::Timeout, message))
            }
        }
    }
}

/// Where a definition is to hold.
struct Place {
    agent: Arc<Agent>,
    horde: Horde,
    /// How long a step may be tried again.
    patience: Duration,
    /// How long what takes the place of another may take to come up.
    wait: Duration,
    id: String,
    new: ChildSpec,
}

/// What one step has come to.
enum Step {
    Done(ApplyReply),
    /// This is what is there now, and is looked at anew.
    Look(Option<Arc<ChildInfo>>),
}

impl Place {
    async fn apply(&self) -> Result<ApplyReply, Refusal> {
        let mut there = self.horde.lookup(&self.id);
        let mut change = Change::None;
        for _ in 0..ROUNDS {
            match self.step(there, &mut change).await? {
                Step::Done(reply) => return Ok(reply),
                Step::Look(found) => there = found,
            }
        }
        let message = format!(
            "child {:?} is changed by others again and again; apply it anew",
            self.id
        );
        Err(Refusal::new(Wrong::Failed, message))
    }

    async fn step(&self, there: Option<Arc<ChildInfo>>, change: &mut Change) -> Result<Step, Refusal> {
        let Some(child) = there else {
            return self.add(change).await;
        };
        match difference(&child, &self.new) {
            // Nothing is there only if nobody is.
            Difference::Add => self.add(change).await,
            Difference::Same { .. } => Ok(done(&child, change)),
            Difference::Retry { .. } => match self.horde.restart_child(&self.id).await {
                Ok(started) => {
                    if *change == Change::None {
                        *change = Change::Restarted;
                    }
                    let child = self.running(started)?;
                    Ok(done(&child, change))
                }
                Err(CallError::Running(child)) => Ok(Step::Look(Some(child))),
                Err(CallError::NotFound { .. }) => Ok(Step::Look(None)),
                Err(error) => Err(error.into()),
            },
            Difference::Change {
                parts,
                in_place: true,
            } => {
                match self.horde.update_child(&self.id, self.new.clone()).await {
                    Ok(child) => {
                        *change = Change::Changed {
                            parts,
                            in_place: true,
                        };
                        Ok(Step::Look(Some(child)))
                    }
                    Err(CallError::NotFound { .. }) => Ok(Step::Look(None)),
                    // The program is another one by now.
                    Err(CallError::Differs(child)) => Ok(Step::Look(Some(child))),
                    Err(error) => Err(error.into()),
                }
            }
            Difference::Change {
                parts,
                in_place: false,
            } => self.replace(&child, parts, change).await,
        }
    }

    async fn add(&self, change: &mut Change) -> Result<Step, Refusal> {
        match self.start(&self.new).await {
            Ok(started) => {
                if *change == Change::None {
                    *change = Change::Added;
                }
                let child = self.running(started)?;
                Ok(done(&child, change))
            }
            // Somebody else was quicker.
            Err(CallError::AlreadyStarted(child) | CallError::AlreadyPresent(child)) => {
                Ok(Step::Look(Some(child)))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Stops and forgets what is there and starts the new in its place.
    async fn replace(
        &self,
        old: &ChildInfo,
        parts: Vec<String>,
        change: &mut Change,
    ) -> Result<Step, Refusal> {
        *change = Change::Changed {
            parts,
            in_place: false,
        };
        if !self.forget().await? {
            return Ok(Step::Look(self.horde.lookup(&self.id)));
        }
        match self.start(&self.new).await {
            Ok(started) => {
                let child = self.running(started)?;
                match self.fall(&child).await {
                    None => Ok(done(&child, change)),
                    Some(why) => Err(self.go_back(old, &why).await),
                }
            }
            // The id is somebody else's now; theirs may be what is wanted.
            Err(CallError::AlreadyStarted(child) | CallError::AlreadyPresent(child)) => {
                Ok(Step::Look(Some(child)))
            }
            // Putting the old one back could stand in the way of the new one.
            Err(error @ CallError::Unknown { .. }) => Err(Refusal::new(
                Wrong::Timeout,
                format!("{error}; the one before was deleted"),
            )),
            Err(error) => Err(self.put_back(old, &error.to_string()).await),
        }
    }

    /// Stops and forgets the child; `false` if somebody else has started it again meanwhile.
    async fn forget(&self) -> Result<bool, Refusal> {
        let was_stopped = match self.horde.lookup(&self.id) {
            None => return Ok(true),
            Some(child) if child.state == ChildState::Stopped => true,
            Some(_) => {
                if !self.stop().await? {
                    return Ok(false);
                }
                false
            }
        };
        match self.horde.delete_child(&self.id).await {
            // A stop of a temporary child is the end of it.
            Ok(()) | Err(CallError::NotFound { .. }) => Ok(true),
            Err(CallError::Running(child)) if child.state != ChildState::Stopped => Ok(false),
            Err(error @ CallError::Unknown { .. }) => Err(Refusal::new(
                Wrong::Timeout,
                format!("{error}; the one before was stopped and may be deleted"),
            )),
            Err(error) if was_stopped => Err(error.into()),
            Err(error) => {
                let after = match self.horde.restart_child(&self.id).await {
                    Ok(_) | Err(CallError::Running(_)) => "the one before runs again".to_owned(),
                    Err(worse) => format!("the one before is stopped and does not start again: {worse}"),
                };
                Err(Refusal::new(Wrong::Failed, format!("{error}; {after}")))
            }
        }
    }

    /// Stops the child, however long that takes; `false` if somebody else has started it again meanwhile.
    async fn stop(&self) -> Result<bool, Refusal> {
        let refusal = match confirmed_stop(&self.horde, &self.id).await {
            Ok(()) => return Ok(true),
            Err(refusal) if refusal.wrong == Wrong::NotFound => return Ok(true),
            Err(refusal) if refusal.wrong == Wrong::Partial => refusal,
            Err(refusal) => return Err(self.start_again(refusal).await),
        };
        let mut changes = self.agent.node.changes();
        loop {
            match self.horde.lookup(&self.id) {
                None => return Ok(true),
                Some(child) if child.state == ChildState::Stopped => return Ok(true),
                Some(child) if child.state == ChildState::Zombie => {
                    return Err(self.start_again(refusal).await);
                }
                Some(child) if !child.is_stopping => return Ok(false),
                Some(_) => {}
            }
            if !changes.next().await {
                return Err(refusal);
            }
        }
    }

    /// The old one cannot be told to have stopped: it is to run on, or again.
    async fn start_again(&self, refusal: Refusal) -> Refusal {
        let after = match self.horde.restart_child(&self.id).await {
            Ok(_) | Err(CallError::Running(_)) => "the one before runs again".to_owned(),
            Err(worse) => format!("the one before may stay stopped: {worse}"),
        };
        Refusal::new(refusal.wrong, format!("{}; {after}", refusal.message))
    }

    /// Starts a child, again while the nodes only have to agree first: there is none of this id meanwhile.
    async fn start(&self, spec: &ChildSpec) -> Result<Started, CallError> {
        let deadline = Instant::now() + self.patience;
        loop {
            match self.horde.start_child(&self.id, spec.clone()).await {
                Err(CallError::NotReady { .. } | CallError::NotDecider { .. })
                    if Instant::now() < deadline =>
                {
                    sleep(PAUSE).await;
                }
                other => return other,
            }
        }
    }

    fn running(&self, started: Started) -> Result<Arc<ChildInfo>, Refusal> {
        match started {
            Started::Running(acknowledged) => Ok(acknowledged.child),
            Started::Ignored => {
                let message = format!("child {:?} chose not to run; nothing is stored", self.id);
                Err(Refusal::new(Wrong::Failed, message))
            }
        }
    }

    /// Why a child that was started has not come up, if it has not.
    async fn fall(&self, child: &ChildInfo) -> Option<String> {
        if self.wait.is_zero() {
            return None;
        }
        let children = vec![(self.id.clone(), child.restart().into())];
        let standing = self.agent.risen(&self.horde, children, self.wait).await.pop()?;
        (!standing.is_well()).then(|| why(&standing, self.wait))
    }

    /// The new one does not come up: the old one takes its place again, unless somebody else has put another there
    /// meanwhile.
    async fn go_back(&self, old: &ChildInfo, why: &str) -> Refusal {
        let kept = |what: &str| Refusal::new(Wrong::Failed, format!("{why}; {what}"));
        if old.state == ChildState::Failed {
            return kept("the one before had failed, so that this one stays");
        }
        match self.horde.lookup(&self.id) {
            Some(child) if *child.spec != self.new => kept("somebody else has put another one in its place"),
            _ => match self.forget().await {
                Ok(true) => self.put_back(old, why).await,
                Ok(false) => kept("somebody else has started it again"),
                Err(worse) => kept(&format!("it cannot be taken away: {}", worse.message)),
            },
        }
    }

    /// Nothing is there: the old one is started again, and stopped if it was.
    async fn put_back(&self, old: &ChildInfo, why: &str) -> Refusal {
        let was_stopped = old.state == ChildState::Stopped;
        let after = match self.start(&old.spec).await {
            Err(worse) => format!("the one before was deleted and does not start again: {worse}"),
            Ok(_) if !was_stopped => "the one before runs again".to_owned(),
            // Only a start puts a child there.
            Ok(_) => match confirmed_stop(&self.horde, &self.id).await {
                Ok(()) => "the one before is there again, stopped".to_owned(),
                Err(worse) => format!("the one before runs again: {}", worse.message),
            },
        };
        Refusal::new(Wrong::Failed, format!("{why}; {after}"))
    }
}

fn done(child: &ChildInfo, change: &Change) -> Step {
    Step::Done(ApplyReply {
        change: change.clone(),
        node: child.node.as_ref().map(ToString::to_string),
        state: state(child),
    })
}

fn why(standing: &Standing, wait: Duration) -> String {
    format!(
        "child {:?} {}",
        standing.id,
        standing.complaint(&duration::show(wait))
    )
}
