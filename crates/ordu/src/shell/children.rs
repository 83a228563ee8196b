use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ordu_core::{ChildId, ChildSpec, HordeName, Input, Life, NodeName, StartId, Token};
use tokio::sync::mpsc;

use crate::kind::{Kinds, StartRequest, Starting, WorkerKind};

/// The children that run on this node: which kind to ask to stop them.
#[derive(Debug)]
pub(super) struct LocalChildren {
    node: NodeName,
    kinds: Kinds,
    inputs: mpsc::UnboundedSender<Input>,
    live: HashMap<StartId, Arc<dyn WorkerKind>>,
}

impl LocalChildren {
    pub(super) fn new(node: NodeName, kinds: Kinds, inputs: mpsc::UnboundedSender<Input>) -> Self {
        Self {
            node,
            kinds,
            inputs,
            live: HashMap::new(),
        }
    }

    pub(super) fn start(
        &mut self,
        start: StartId,
        horde: HordeName,
        id: ChildId,
        life: Life,
        token: Token,
        spec: Arc<ChildSpec>,
    ) {
        let starting = Starting::new(start, self.inputs.clone());
        let Some(kind) = self.kinds.find(&spec.kind) else {
            starting.failed(format!(
                "the kind {:?} is not registered on node {}",
                spec.kind, self.node
            ));
            return;
        };
        let kind = Arc::clone(kind);
        self.live.insert(start, Arc::clone(&kind));
        let node = self.node.clone();
        let request = StartRequest {
            start,
            horde,
            id,
            life,
            token,
            node,
            spec,
        };
        // A panic drops `starting`, which reports that the start failed.
        guarded(start, "start", || kind.start(request, starting));
    }

    pub(super) fn shutdown(&self, start: StartId) {
        if let Some(kind) = self.live.get(&start) {
            guarded(start, "shutdown", || kind.shutdown(start));
        }
    }

    pub(super) fn kill(&self, start: StartId) {
        if let Some(kind) = self.live.get(&start) {
            guarded(start, "kill", || kind.kill(start));
        }
    }

    pub(super) fn kill_all(&self) {
        for start in self.live.keys() {
            self.kill(*start);
        }
    }

    /// Forgets a child whose last report this is.
    pub(super) fn note(&mut self, input: &Input) {
        if let Input::ChildIgnored { start }
        | Input::ChildStartFailed { start, .. }
        | Input::ChildExited { start, .. } = input
        {
            self.live.remove(start);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.live.is_empty()
    }
}

/// Calls a kind. A panic of one child's code must not end the node, which runs many.
fn guarded(start: StartId, what: &str, call: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(call)).is_err() {
        tracing::error!(start = start.0, what, "a worker kind panicked");
    }
}
