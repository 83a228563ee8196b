//! What belongs to one run of a child beside its body.

use std::fmt;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::task::{AbortHandle, JoinError, JoinSet};

use super::panics::contain;
use super::spawn::spawn_into;
use super::start::BoxFuture;
use super::supervisor::OwnedSupervisor;

/// The one owner of the tasks and supervisors that belong to one run of a child.
///
/// Every way out of a run closes it; from then on nothing can be added. That must happen: the tasks know the
/// run they belong to and so keep alive what owns them.
pub(super) struct Helpers(Mutex<State>);

enum State {
    /// Made when the first comes, since most children have none.
    Open(Option<Box<Set>>),
    Closed,
}

#[derive(Default)]
struct Set {
    tasks: JoinSet<()>,
    supervisors: Vec<OwnedSupervisor>,
}

/// Ends when the helpers that were closed are gone. They are being ended whether this is awaited or not.
pub(super) type Closing = BoxFuture<()>;

impl Helpers {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State::Open(None)))
    }

    /// Spawns a task under this name, or drops the future if the run is over.
    pub(super) fn spawn<F>(&self, name: fmt::Arguments<'_>, future: F) -> Helper
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut state = self.lock();
        let State::Open(set) = &mut *state else {
            // Its drop is user code, which may want to spawn in its turn.
            drop(state);
            drop(future);
            return Helper(None);
        };
        let set = set.get_or_insert_default();
        // What has ended is let go of, so a child that spawns for ever does not grow for ever.
        let ended = take_ended(&mut set.tasks);
        let helper = Helper(Some(spawn_into(&mut set.tasks, name, future)));
        drop(state);
        ended.into_iter().for_each(forget);
        helper
    }

    /// Takes a supervisor over, or kills it if the run is over.
    pub(super) fn link(&self, supervisor: OwnedSupervisor) {
        let mut state = self.lock();
        let State::Open(set) = &mut *state else {
            drop(state);
            drop(supervisor);
            return;
        };
        let set = set.get_or_insert_default();
        set.supervisors.retain(|linked| !linked.has_exited());
        set.supervisors.push(supervisor);
    }

    /// Ends all of them, and lets no more come. What must end before all are gone, if there is anything.
    pub(super) fn close(&self) -> Option<Closing> {
        let State::Open(Some(set)) = mem::replace(&mut *self.lock(), State::Closed) else {
            return None;
        };
        let Set {
            mut tasks,
            mut supervisors,
        } = *set;
        take_ended(&mut tasks).into_iter().for_each(forget);
        supervisors.retain(|linked| !linked.has_exited());
        if tasks.is_empty() && supervisors.is_empty() {
            return None;
        }
        tasks.abort_all();
        supervisors.iter().for_each(OwnedSupervisor::kill);
        Some(Box::pin(async move {
            while let Some(ended) = tasks.join_next().await {
                forget(ended);
            }
            for supervisor in supervisors {
                supervisor.exited().await;
            }
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How those ended that have, to be [forgotten](forget) where no lock is held.
fn take_ended(tasks: &mut JoinSet<()>) -> Vec<Result<(), JoinError>> {
    std::iter::from_fn(|| tasks.try_join_next())
        .filter(Result::is_err)
        .collect()
}

/// What a helper panicked with is user code when it is dropped, and must not take its child's end along.
fn forget(ended: Result<(), JoinError>) {
    contain("what a helper panicked with, when it was dropped,", || {
        drop(ended);
    });
}

/// A task that was spawned with [`Ctx::spawn`](super::Ctx::spawn). Dropping this does not end it.
pub struct Helper(Option<AbortHandle>);

impl Helper {
    /// Makes it end: it is dropped at its next `await`.
    pub fn abort(&self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }

    /// Whether it has ended, or never began because its child had ended.
    pub fn is_finished(&self) -> bool {
        self.0.as_ref().is_none_or(AbortHandle::is_finished)
    }
}

impl fmt::Debug for Helper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Helper")
            .field("is_finished", &self.is_finished())
            .finish()
    }
}
