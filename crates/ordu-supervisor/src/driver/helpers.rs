//! What belongs to one run of a child beside its body.

use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::{AbortHandle, JoinError, JoinSet};
#[cfg(feature = "tokio-util")]
use tokio_util::sync::CancellationToken;

use super::panics::contain;
use super::shared::Shared;
use super::spawn::spawn_into;
use super::start::BoxFuture;

/// The one owner of all that a run of a child brings up beside its body: tasks, supervisors, processes. Each is owned
/// before it begins to run, so that no way out of the run, also out of its start, leaves anything behind.
///
/// Every way out of a run closes it; from then on nothing can be started. That must happen: the tasks know the
/// run they belong to and so keep alive what owns them.
pub(super) struct Helpers(Mutex<State>);

/// What belongs to a run and is no task of this runtime.
pub(super) trait Belonging: Send {
    /// Makes it end.
    fn kill(&self);

    /// Whether nothing is left of it.
    fn is_gone(&self) -> bool;

    /// Ends when nothing is left of it.
    fn gone(&self) -> BoxFuture<()>;
}

enum State {
    /// Made when the first comes, since most children have none.
    Open(Option<Box<Set>>),
    /// All are being ended, with those that others let go of meanwhile.
    Closing(Vec<Box<dyn Belonging>>),
    Closed,
}

#[derive(Default)]
struct Set {
    tasks: JoinSet<()>,
    others: Vec<Box<dyn Belonging>>,
    /// Cancelled when the child is to stop; made when the first asks for one.
    #[cfg(feature = "tokio-util")]
    stop: Option<CancellationToken>,
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

    /// A token of its own for each who asks, below the one of the run, which forgets it when it is dropped. `cancel` has
    /// the one of the run cancelled in time; it is called for the first who asks, or if the run is over.
    #[cfg(feature = "tokio-util")]
    pub(super) fn cancellation_token(&self, cancel: impl FnOnce(CancellationToken)) -> CancellationToken {
        let stop = CancellationToken::new();
        let token = stop.child_token();
        if let State::Open(set) = &mut *self.lock() {
            let set = set.get_or_insert_default();
            if let Some(stop) = &set.stop {
                return stop.child_token();
            }
            set.stop = Some(stop.clone());
        }
        cancel(stop);
        token
    }

    /// Starts something that belongs to the run, and owns it before it can do anything. `None`, and nothing is
    /// started, if the run is over.
    pub(super) fn start<T, E>(&self, start: impl FnOnce() -> Result<T, E>) -> Option<Result<T, E>>
    where
        T: Belonging + Clone + 'static,
    {
        let mut state = self.lock();
        let State::Open(set) = &mut *state else {
            return None;
        };
        let started = start();
        if let Ok(started) = &started {
            set.get_or_insert_default().own(Box::new(started.clone()));
        }
        Some(started)
    }

    /// Takes over what runs already. It is killed if the run is over.
    pub(super) fn take_over(&self, other: Box<dyn Belonging>) {
        match &mut *self.lock() {
            State::Open(set) => set.get_or_insert_default().own(other),
            State::Closing(late) => {
                other.kill();
                late.push(other);
            }
            State::Closed => other.kill(),
        }
    }

    /// Ends all that this run owns, and lets no more come. What must end before all are gone, if there is anything.
    pub(super) fn close(run: &Arc<Shared>) -> Option<Closing> {
        let helpers = &run.helpers;
        let set = {
            let mut state = helpers.lock();
            match &mut *state {
                State::Open(Some(set)) => {
                    let set = mem::take(&mut **set);
                    *state = State::Closing(Vec::new());
                    set
                }
                State::Open(None) => {
                    *state = State::Closed;
                    return None;
                }
                State::Closing(_) | State::Closed => return None,
            }
        };
        let Set {
            mut tasks,
            mut others,
            ..
        } = set;
        take_ended(&mut tasks).into_iter().for_each(forget);
        tasks.abort_all();
        others.retain(|other| !other.is_gone());
        for other in &others {
            other.kill();
        }
        if tasks.is_empty() && others.is_empty() {
            others = helpers.late()?;
        }
        let run = Arc::clone(run);
        Some(Box::pin(async move {
            loop {
                while let Some(ended) = tasks.join_next().await {
                    forget(ended);
                }
                for other in others {
                    other.gone().await;
                }
                let Some(late) = run.helpers.late() else { return };
                others = late;
            }
        }))
    }

    /// What has come since all were told to end. If nothing has, nothing will any more.
    fn late(&self) -> Option<Vec<Box<dyn Belonging>>> {
        let mut state = self.lock();
        match &mut *state {
            State::Closing(late) if !late.is_empty() => Some(mem::take(late)),
            _ => {
                *state = State::Closed;
                None
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Set {
    /// What is gone is let go of, so a child that starts supervisors for ever does not grow for ever.
    fn own(&mut self, other: Box<dyn Belonging>) {
        self.others.retain(|other| !other.is_gone());
        self.others.push(other);
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
