//! Carries out what a core decides: starts, stops and kills children.

use std::sync::Arc;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::call::{give, push_waiting};
use super::child_id::{ChildId, ChildRef};
use super::control::Control;
use super::errors::QueryError;
use super::factory::Factory;
use super::helpers::Helpers;
use super::mailbox::{NewsSink, SupervisorId, Up};
use super::panics::{Guarded, contain_of};
use super::place::ChildPath;
use super::shared::Shared;
use super::spawn::spawn;
use super::start::{Info, StartError};
use super::task::ChildTask;
use crate::decisions::numbered::Numbered;
use crate::decisions::{self, ExitReason, Incarnation, Signal, StartOutcome};

/// The children of one supervisor as things that run. It owns every one of them from before its start until
/// its end was told; dropping it kills them all.
///
/// None of their code runs here, but for wakers and drops, and those are contained.
pub(super) struct Hands {
    supervisor: SupervisorId,
    parent: Option<Arc<Shared>>,
    news: NewsSink,
    /// Whether the runtime has several threads.
    threads: bool,
    live: Numbered<Incarnation, Live>,
    /// What the start that was over last wants to tell its caller.
    told: Told,
    monitors: Numbered<Incarnation, Vec<Watcher>>,
}

/// Who wants to know when a run ends.
type Watcher = oneshot::Sender<Result<ExitReason, QueryError>>;

struct Live {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
    control: Control,
}

enum Told {
    Nothing,
    Info(Guarded<Info>),
    AlreadyStarted(ChildRef),
}

impl Hands {
    pub(super) fn new(supervisor: SupervisorId, parent: Option<Arc<Shared>>, news: NewsSink) -> Self {
        Self {
            supervisor,
            parent,
            news,
            threads: Handle::current().runtime_flavor() != RuntimeFlavor::CurrentThread,
            live: Numbered::default(),
            told: Told::Nothing,
            monitors: Numbered::default(),
        }
    }

    /// Starts a child in a task of its own. What comes of it is told as news.
    pub(super) fn start(&mut self, id: ChildId, incarnation: Incarnation, restarts: u32, start: Factory) {
        let shared = Shared::new(
            self.supervisor,
            id,
            incarnation,
            self.parent.clone(),
            self.news.clone(),
        );
        let task = ChildTask::new(Arc::clone(&shared), start, restarts, self.threads);
        let task = spawn(
            format_args!("child {}", ChildPath(&shared)),
            Arc::clone(&shared).scope(task),
        );
        let live = Live {
            shared,
            task,
            control: Control::Starting,
        };
        self.live.insert(incarnation, live);
    }

    /// A start is over: what the core is to know.
    pub(super) fn started(
        &mut self,
        incarnation: Incarnation,
        outcome: Result<Up, StartError>,
    ) -> StartOutcome {
        match outcome {
            Ok(Up::Running(control, info)) => {
                if let Some(live) = self.live.get_mut(&incarnation) {
                    live.control = control;
                }
                self.told = info.map_or(Told::Nothing, Told::Info);
                Ok(decisions::Started::Running)
            }
            Ok(Up::Ignored) => {
                self.exited(incarnation, &ExitReason::Normal);
                Ok(decisions::Started::Ignore)
            }
            Err(error) => {
                if let StartError::AlreadyStarted(child) = &error {
                    self.told = Told::AlreadyStarted(child.clone());
                }
                let reason = error.into_reason();
                self.exited(incarnation, &reason);
                Err(reason)
            }
        }
    }

    pub(super) fn exited(&mut self, incarnation: Incarnation, reason: &ExitReason) {
        if let Some(live) = self.live.remove(&incarnation) {
            drop_contained(live);
        }
        if let Some(watchers) = self.monitors.remove(&incarnation) {
            for watcher in watchers {
                give(watcher, Ok(reason.clone()));
            }
        }
    }

    /// Tells the watcher when this run ends, or now that there is no such run.
    pub(super) fn monitor(&mut self, incarnation: Incarnation, watcher: Watcher) {
        if self.live.contains_key(&incarnation) {
            let watchers = self.monitors.entry(incarnation).or_default();
            push_waiting(watchers, watcher, Watcher::is_closed);
        } else {
            give(watcher, Err(QueryError::NotFound));
        }
    }

    pub(super) fn signal(&mut self, incarnation: Incarnation, signal: Signal) {
        if let Some(live) = self.live.get(&incarnation) {
            live.signal(signal);
        }
    }

    /// Kills all that lives.
    pub(super) fn kill_all(&self) {
        for live in self.live.values() {
            live.signal(Signal::Kill);
        }
    }

    /// What lives, as far as was told.
    pub(super) fn living(&self) -> impl Iterator<Item = ChildRef> {
        self.live.values().map(|live| live.shared.child_ref())
    }

    /// What the start that has just succeeded wants to tell its caller.
    pub(super) fn take_info(&mut self) -> Option<Info> {
        match std::mem::replace(&mut self.told, Told::Nothing) {
            Told::Info(info) => info.into_inner(),
            Told::Nothing | Told::AlreadyStarted(_) => None,
        }
    }

    /// The child that a start which just failed found running already.
    pub(super) fn take_already_started(&mut self) -> Option<ChildRef> {
        match std::mem::replace(&mut self.told, Told::Nothing) {
            Told::AlreadyStarted(child) => Some(child),
            Told::Nothing | Told::Info(_) => None,
        }
    }

    /// Nobody asks for what the last step left behind.
    pub(super) fn forget_leftovers(&mut self) {
        self.told = Told::Nothing;
    }

    pub(super) fn child_ref(&self, incarnation: Incarnation) -> Option<ChildRef> {
        self.live.get(&incarnation).map(|live| live.shared.child_ref())
    }
}

impl Live {
    fn signal(&self, signal: Signal) {
        // Wakes whoever in the child waits for it.
        contain_of(&self.shared, "a waker in a child", || {
            self.control.signal(signal, &self.shared, &self.task);
        });
    }
}

impl Drop for Live {
    /// Whatever the way out was: nobody looks after its helpers from here on.
    fn drop(&mut self) {
        drop(Helpers::close(&self.shared));
    }
}

impl Drop for Hands {
    fn drop(&mut self) {
        self.kill_all();
        for (_, live) in self.live.drain() {
            drop_contained(live);
        }
    }
}

fn drop_contained(live: Live) {
    let shared = Arc::clone(&live.shared);
    contain_of(&shared, "what a child ran as, when it was dropped,", || {
        drop(live);
    });
}
