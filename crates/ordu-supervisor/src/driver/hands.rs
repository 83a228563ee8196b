//! Carries out what a core decides: starts, stops and kills children.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use super::child::{Body, Child, admit};
use super::child_id::{ChildId, ChildRef};
use super::ctx::{Ctx, StopSignal};
use super::ending::Ending;
use super::errors::QueryError;
use super::factory::Factory;
use super::mailbox::{News, NewsSink, SupervisorId};
use super::panics::catch;
use super::shared::Shared;
use super::start::{BoxFuture, Info, StartError, Started, Starting};
use super::supervisor::OwnedSupervisor;
use super::task::{ChildTask, StartTask};
use crate::core::{self, ExitReason, Incarnation, Signal, StartOutcome};

/// The children of one supervisor as things that run. It owns every one of them from before its start until
/// its end was told; dropping it kills them all.
pub(super) struct Hands {
    supervisor: SupervisorId,
    parent: Option<Arc<Shared>>,
    news: NewsSink,
    live: HashMap<Incarnation, Live, FixedState>,
    /// Starts that were over at once, to be told to the core before anything else.
    ready: VecDeque<(Incarnation, StartOutcome)>,
    infos: HashMap<Incarnation, Info, FixedState>,
    already_started: Option<ChildRef>,
    monitors: HashMap<Incarnation, Vec<Watcher>, FixedState>,
}

/// Who wants to know when a run ends.
type Watcher = oneshot::Sender<Result<ExitReason, QueryError>>;

struct Live {
    shared: Arc<Shared>,
    control: Control,
}

enum Control {
    /// The start is over and what came of it is on its way.
    Pending,
    /// The start takes its time.
    Starting(AbortHandle),
    Task(AbortHandle),
    Trapping(AbortHandle),
    Thread,
    Supervisor(OwnedSupervisor),
    #[cfg(feature = "process")]
    Process(Arc<super::process::RunningProcess>),
}

impl Hands {
    pub(super) fn new(supervisor: SupervisorId, parent: Option<Arc<Shared>>, news: NewsSink) -> Self {
        Self {
            supervisor,
            parent,
            news,
            live: HashMap::default(),
            ready: VecDeque::new(),
            infos: HashMap::default(),
            already_started: None,
            monitors: HashMap::default(),
        }
    }

    /// Starts a child. What comes of it is told as news, or waits in [`next_ready`](Self::next_ready).
    pub(super) fn start(&mut self, id: ChildId, incarnation: Incarnation, restarts: u32, start: &Factory) {
        let shared = Shared::new(
            self.supervisor,
            id,
            incarnation,
            self.parent.clone(),
            self.news.clone(),
        );
        let ctx = Ctx {
            shared: Arc::clone(&shared),
            restarts,
        };
        let (outcome, later) = match begin(&shared, start, ctx) {
            Starting::Now(outcome) => (Some(admit(outcome, &shared)), None),
            Starting::Later(start) => (None, Some(start)),
        };
        let control = match later {
            Some(start) => {
                let task = Arc::clone(&shared).scope(StartTask::new(start, Arc::clone(&shared)));
                Control::Starting(tokio::spawn(task).abort_handle())
            }
            None => Control::Pending,
        };
        let live = Live {
            shared: Arc::clone(&shared),
            control,
        };
        self.live.insert(incarnation, live);
        match outcome {
            // Those that came to nothing take the way through the mailbox: behind what waits there, so that a child that fails
            // over and over neither blocks its supervisor nor starves its thread.
            Some(outcome @ (Err(_) | Ok(Started::Ignore))) => {
                drop(Ending::new(shared, News::Started { incarnation, outcome }));
            }
            Some(Ok(started)) => {
                let outcome = self.started(incarnation, Ok(started));
                self.ready.push_back((incarnation, outcome));
            }
            None => {}
        }
    }

    pub(super) fn next_ready(&mut self) -> Option<(Incarnation, StartOutcome)> {
        self.ready.pop_front()
    }

    /// A start is over: runs the child, and says what the core is to know.
    pub(super) fn started(
        &mut self,
        incarnation: Incarnation,
        outcome: Result<Started, StartError>,
    ) -> StartOutcome {
        match outcome {
            Ok(Started::Running(child, info)) => {
                if let Some(info) = info {
                    self.infos.insert(incarnation, info);
                }
                self.run(incarnation, child);
                Ok(core::Started::Running)
            }
            Ok(Started::Ignore) => {
                self.exited(incarnation, &ExitReason::Normal);
                Ok(core::Started::Ignore)
            }
            Err(error) => {
                if let StartError::AlreadyStarted(child) = &error {
                    self.already_started = Some(child.clone());
                }
                let reason = error.into_reason();
                self.exited(incarnation, &reason);
                Err(reason)
            }
        }
    }

    fn run(&mut self, incarnation: Incarnation, child: Child) {
        let Some(live) = self.live.get_mut(&incarnation) else {
            return;
        };
        live.shared.came_up();
        let shared = &live.shared;
        let spawn = |body: BoxFuture<ExitReason>| {
            let task = ChildTask::new(body, Arc::clone(shared));
            tokio::spawn(Arc::clone(shared).scope(task)).abort_handle()
        };
        live.control = match child.0 {
            Body::Task(body) => Control::Task(spawn(body)),
            Body::Trapping(body) => {
                let stop = StopSignal(Arc::clone(shared));
                // The closure is the child's own code, so it runs in the child's task.
                Control::Trapping(spawn(Box::pin(async move { body(stop).await })))
            }
            Body::Thread(body) => {
                spawn_thread(shared, body);
                Control::Thread
            }
            Body::Supervisor(supervisor) => {
                let exited = supervisor.exited();
                spawn(Box::pin(async move { exited.await.reason }));
                Control::Supervisor(supervisor)
            }
            #[cfg(feature = "process")]
            Body::Process(process) => {
                let process = Arc::new(process);
                let watched = Arc::clone(&process);
                spawn(Box::pin(async move { watched.ended().await }));
                Control::Process(process)
            }
        };
    }

    pub(super) fn exited(&mut self, incarnation: Incarnation, reason: &ExitReason) {
        self.live.remove(&incarnation);
        self.infos.remove(&incarnation);
        for watcher in self.monitors.remove(&incarnation).unwrap_or_default() {
            // One that does not wait any more is not missed.
            let _ = watcher.send(Ok(reason.clone()));
        }
    }

    /// Tells the watcher when this run ends, or now that there is no such run.
    pub(super) fn monitor(&mut self, incarnation: Incarnation, watcher: Watcher) {
        if self.live.contains_key(&incarnation) {
            self.monitors.entry(incarnation).or_default().push(watcher);
        } else {
            let _ = watcher.send(Err(QueryError::NotFound));
        }
    }

    pub(super) fn signal(&mut self, incarnation: Incarnation, signal: Signal) {
        if let Some(live) = self.live.get(&incarnation) {
            live.signal(signal);
        }
    }

    /// What the start of this incarnation wants to tell its caller.
    pub(super) fn take_info(&mut self, incarnation: Incarnation) -> Option<Info> {
        self.infos.remove(&incarnation)
    }

    /// The child that a start which just failed found running already.
    pub(super) fn take_already_started(&mut self) -> Option<ChildRef> {
        self.already_started.take()
    }

    /// Nobody asks for what the last step left behind.
    pub(super) fn forget_leftovers(&mut self) {
        self.already_started = None;
        if !self.infos.is_empty() {
            // Its drop is user code.
            let infos = std::mem::take(&mut self.infos);
            let _ = catch(|| drop(infos));
        }
    }

    pub(super) fn child_ref(&self, incarnation: Incarnation) -> Option<ChildRef> {
        self.live.get(&incarnation).map(|live| live.shared.child_ref())
    }
}

impl Live {
    fn signal(&self, signal: Signal) {
        self.shared.request_stop();
        match (&self.control, signal) {
            (Control::Starting(start), _) => start.abort(),
            (Control::Task(task), Signal::Shutdown) => {
                self.shared.abort_means_shutdown();
                task.abort();
            }
            (Control::Task(task) | Control::Trapping(task), Signal::Kill) => {
                self.shared.abort_means_kill();
                task.abort();
            }
            // The request is all there is; a start that is over is signalled again once it has been told.
            (Control::Trapping(_), Signal::Shutdown) | (Control::Thread | Control::Pending, _) => {}
            (Control::Supervisor(supervisor), Signal::Shutdown) => {
                supervisor.request_stop(ExitReason::Shutdown);
            }
            (Control::Supervisor(supervisor), Signal::Kill) => supervisor.kill(),
            #[cfg(feature = "process")]
            (Control::Process(process), Signal::Shutdown) => process.ask(),
            #[cfg(feature = "process")]
            (Control::Process(process), Signal::Kill) => process.kill(),
        }
    }
}

impl Drop for Live {
    /// Whatever the way out was: nobody looks after its helpers from here on.
    fn drop(&mut self) {
        drop(self.shared.helpers.close());
    }
}

impl Drop for Hands {
    fn drop(&mut self) {
        for live in self.live.values() {
            live.signal(Signal::Kill);
        }
    }
}

/// Calls the start function and takes its first steps here and now: most starts need no more, and a task less
/// is a task less. A panic is a failed start.
fn begin(shared: &Arc<Shared>, start: &Factory, ctx: Ctx) -> Starting {
    let Some(start) = start.get() else {
        return Starting::Now(Ok(Started::Ignore));
    };
    let begun = catch(|| {
        Arc::clone(shared).sync_scope(|| match start.start(ctx) {
            Starting::Now(outcome) => Starting::Now(outcome),
            Starting::Later(mut start) => {
                match start.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    Poll::Ready(outcome) => Starting::Now(outcome),
                    // Polled again as a task, with a waker that counts.
                    Poll::Pending => Starting::Later(start),
                }
            }
        })
    });
    begun.unwrap_or_else(|panic| Starting::Now(Err(StartError::Failed(panic))))
}

fn spawn_thread(shared: &Arc<Shared>, body: Box<dyn FnOnce(StopSignal) -> ExitReason + Send>) {
    let child = Arc::clone(shared);
    let runtime = tokio::runtime::Handle::current();
    let run = move || {
        // Its code may spawn, and so may its end.
        let _inside = runtime.enter();
        let stop = StopSignal(Arc::clone(&child));
        let reason = catch(|| Arc::clone(&child).sync_scope(|| body(stop))).unwrap_or_else(|panic| panic);
        let obeyed = reason == ExitReason::Normal && child.is_stopping();
        let reason = if obeyed { ExitReason::Shutdown } else { reason };
        ended(child, reason);
    };
    if let Err(error) = std::thread::Builder::new().name(shared.id.to_string()).spawn(run) {
        ended(Arc::clone(shared), ExitReason::error(error));
    }
}

fn ended(shared: Arc<Shared>, reason: ExitReason) {
    let incarnation = shared.incarnation;
    drop(Ending::new(shared, News::Exited { incarnation, reason }));
}
