//! What a child's task, its supervisor and its callers know in common.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use tokio::sync::Notify;

use super::child_id::{ChildId, ChildRef};
use super::helpers::Helpers;
use super::mailbox::{NewsSink, SupervisorId};
use super::shield::shielded;
use crate::decisions::{ExitReason, Incarnation, Signal};

tokio::task_local! {
    /// The child the current task belongs to.
    static CURRENT: Arc<Shared>;
}

/// What is shared about one incarnation of a child. Its parents lead up to the root of the tree.
pub(super) struct Shared {
    pub(super) supervisor: SupervisorId,
    pub(super) id: ChildId,
    pub(super) incarnation: Incarnation,
    pub(super) parent: Option<Arc<Self>>,
    pub(super) news: NewsSink,
    start: AtomicU8,
    /// It was asked to stop.
    stop: AtomicBool,
    /// It is being ended, asked or not.
    doomed: AtomicBool,
    /// Its end was told: whoever descends from it does not belong to its supervisor any more.
    over: AtomicBool,
    stopped: Notify,
    aborted_as: AtomicU8,
    pub(super) helpers: Helpers,
}

const STARTING: u8 = 0;
const UP: u8 = 1;
const START_ABORTED: u8 = 2;

const ABORTED_AS_KILLED: u8 = 0;
const ABORTED_AS_SHUTDOWN: u8 = 1;

impl Shared {
    pub(super) fn new(
        supervisor: SupervisorId,
        id: ChildId,
        incarnation: Incarnation,
        parent: Option<Arc<Self>>,
        news: NewsSink,
    ) -> Arc<Self> {
        Arc::new(Self {
            supervisor,
            id,
            incarnation,
            parent,
            news,
            start: AtomicU8::new(STARTING),
            stop: AtomicBool::new(false),
            doomed: AtomicBool::new(false),
            over: AtomicBool::new(false),
            stopped: Notify::new(),
            aborted_as: AtomicU8::new(ABORTED_AS_KILLED),
            helpers: Helpers::new(),
        })
    }

    /// The child the current task belongs to, if any.
    pub(super) fn current() -> Option<Arc<Self>> {
        CURRENT.try_with(Arc::clone).ok()
    }

    /// Runs `future` as a part of this child.
    pub(super) fn scope<F: Future>(self: Arc<Self>, future: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, future)
    }

    /// Runs `f` as a part of this child.
    pub(super) fn sync_scope<T>(self: Arc<Self>, f: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self, f)
    }

    /// What tells this run of a child from all others of the program.
    pub(super) fn run(&self) -> (SupervisorId, Incarnation) {
        (self.supervisor, self.incarnation)
    }

    /// This child and those above it, up to one that has ended: what it left behind stands alone.
    pub(super) fn lineage(self: &Arc<Self>) -> impl Iterator<Item = Arc<Self>> {
        std::iter::successors(Some(Arc::clone(self)), |shared| shared.above())
            .take_while(|shared| !shared.over.load(Ordering::Acquire))
    }

    /// The child that is this one's supervisor: the one that it was given to last, or else the one that started it.
    fn above(&self) -> Option<Arc<Self>> {
        match self.news.owner() {
            Some(owner) => owner.upgrade(),
            None => self.parent.clone(),
        }
    }

    /// The end of this run, or of a start that came to nothing, is about to be told.
    pub(super) fn is_over(&self) {
        self.over.store(true, Ordering::Release);
    }

    /// Whether a static supervisor is waiting for this child right now and hears nothing else.
    pub(super) fn holds_up_its_supervisor(&self) -> bool {
        self.start.load(Ordering::Acquire) != UP || self.doomed.load(Ordering::Acquire)
    }

    /// Whether the start may succeed: not if it was aborted meanwhile.
    pub(super) fn came_up(&self) -> bool {
        self.leave_start(UP)
    }

    /// Whether the start is aborted by this: not if it is over.
    pub(super) fn abort_start(&self, signal: Signal) -> bool {
        match signal {
            Signal::Shutdown => self.abort_means_shutdown(),
            Signal::Kill => self.abort_means_kill(),
        }
        self.leave_start(START_ABORTED)
    }

    fn leave_start(&self, for_good: u8) -> bool {
        self.start
            .compare_exchange(STARTING, for_good, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    pub(super) fn request_stop(&self) {
        self.doom();
        self.stop.store(true, Ordering::Release);
        self.stopped.notify_waiters();
    }

    /// The supervisor waits for its end from now on, whether it is asked or not.
    pub(super) fn doom(&self) {
        self.doomed.store(true, Ordering::Release);
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    pub(super) async fn stop_requested(self: &Arc<Self>) {
        let notified = self.stopped.notified();
        tokio::pin!(notified);
        // Registered before the flag is read, so a stop in between is not missed.
        notified.as_mut().enable();
        if !self.is_stopping() {
            shielded(notified, Some(self)).await;
        }
    }

    /// An abort that comes now is how a child that does not trap obeys a shutdown.
    pub(super) fn abort_means_shutdown(&self) {
        self.aborted_as.store(ABORTED_AS_SHUTDOWN, Ordering::Release);
    }

    /// An abort that comes now is a kill.
    pub(super) fn abort_means_kill(&self) {
        self.aborted_as.store(ABORTED_AS_KILLED, Ordering::Release);
    }

    pub(super) fn aborted_reason(&self) -> ExitReason {
        match self.aborted_as.load(Ordering::Acquire) {
            ABORTED_AS_SHUTDOWN => ExitReason::Shutdown,
            _ => ExitReason::Killed,
        }
    }

    pub(super) fn child_ref(&self) -> ChildRef {
        ChildRef::new(self.supervisor, self.id.clone(), self.incarnation)
    }
}

impl Drop for Shared {
    /// Lets go of the parents one after the other: a deep tree would use up the stack.
    fn drop(&mut self) {
        let mut parent = self.parent.take();
        while let Some(shared) = parent {
            parent = Arc::into_inner(shared).and_then(|mut last| last.parent.take());
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.id, self.incarnation)
    }
}
