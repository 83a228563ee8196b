//! Children that can be watched and made to end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ordu_supervisor::{
    ChildId, ChildRef, ChildSpec, ChildState, Ctx, DynamicSupervisorHandle, Event, EventStream, ExitReason,
    SupervisorHandle,
};
use tokio::sync::mpsc;

/// What children did, in order, and a way to end each of them.
#[derive(Clone, Default)]
pub struct Stage(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    log: Vec<String>,
    ends: BTreeMap<ChildId, mpsc::UnboundedSender<ExitReason>>,
}

impl Stage {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn note(&self, line: impl Into<String>) {
        self.0.lock().unwrap().log.push(line.into());
    }

    pub fn log(&self) -> Vec<String> {
        self.0.lock().unwrap().log.clone()
    }

    pub fn take_log(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().log)
    }

    /// Makes the running child end with this reason.
    pub fn end(&self, id: &str, reason: ExitReason) {
        let sender = self.0.lock().unwrap().ends[&ChildId::from(id)].clone();
        sender.send(reason).unwrap();
    }

    /// A child that runs until it is asked to stop or ended from here.
    pub fn actor(&self, id: &str) -> ChildSpec {
        let stage = self.clone();
        ChildSpec::trapping(id, move |ctx: Ctx| {
            let stage = stage.clone();
            let (sender, mut ends) = mpsc::unbounded_channel();
            stage.0.lock().unwrap().ends.insert(ctx.id().clone(), sender);
            stage.note(format!("+{}", ctx.id()));
            async move {
                let reason = tokio::select! {
                    () = ctx.stopped() => ExitReason::Shutdown,
                    Some(reason) = ends.recv() => reason,
                };
                stage.note(format!("-{}", ctx.id()));
                reason
            }
        })
    }
}

/// Says so when it is dropped.
pub struct Tell(pub Stage, pub &'static str);

impl Drop for Tell {
    fn drop(&mut self) {
        self.0.note(self.1);
    }
}

pub fn boom() -> ExitReason {
    ExitReason::error("boom")
}

pub fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Waits for the first event that `pick` accepts.
pub async fn until<T>(events: &mut EventStream, mut pick: impl FnMut(&Event) -> Option<T>) -> T {
    loop {
        let event = events.next().await.expect("the supervisor ended first");
        if let Some(picked) = pick(&event) {
            return picked;
        }
    }
}

/// Waits until the child runs as an incarnation after `before`.
pub async fn restarted(supervisor: &SupervisorHandle, before: &ChildRef) -> ChildRef {
    loop {
        if let Some(child) = running(supervisor, before.id().as_str()).await
            && child.incarnation() > before.incarnation()
        {
            return child;
        }
        tokio::task::yield_now().await;
    }
}

pub async fn running(supervisor: &SupervisorHandle, id: &str) -> Option<ChildRef> {
    match state(supervisor, id).await {
        Some(ChildState::Running(child)) => Some(child),
        _ => None,
    }
}

pub async fn state(supervisor: &SupervisorHandle, id: &str) -> Option<ChildState> {
    let children = supervisor.which_children().await.unwrap();
    children
        .into_iter()
        .find(|child| child.id == id)
        .map(|child| child.state)
}

pub async fn counts(supervisor: &SupervisorHandle) -> [usize; 4] {
    let counts = supervisor.count_children().await.unwrap();
    [counts.specs, counts.active, counts.supervisors, counts.workers]
}

pub async fn dynamic_counts(supervisor: &DynamicSupervisorHandle) -> [usize; 4] {
    let counts = supervisor.count_children().await.unwrap();
    [counts.specs, counts.active, counts.supervisors, counts.workers]
}
