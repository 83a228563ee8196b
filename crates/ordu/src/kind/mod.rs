//! What a node can start: worker types under the names they are registered by.

mod registry;
mod report;

use std::fmt;
use std::sync::Arc;

use ordu_core::{ChildId, ChildSpec, HordeName, Kind, Life, NodeName, StartId, Token};

pub(crate) use registry::{DuplicateKind, Kinds};
pub use report::{Running, Starting};

/// A worker type as a node sees it: something that can start, stop and kill children of one [`Kind`].
///
/// A node is given its kinds by [`NodeBuilder::kind`](crate::NodeBuilder::kind); a child is only ever placed
/// on nodes that have its kind in its version. The kind decides nothing: when a child is started again, where,
/// and when a stop turns into a kill are the node's decisions.
///
/// All methods are called from the node's loop and must return at once: whatever takes time is done elsewhere,
/// on a task or a thread, and reported through [`Starting`] and [`Running`].
///
/// # Examples
///
/// A kind whose children do nothing until they are stopped:
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::{Mutex, PoisonError};
///
/// use ordu::{ExitReason, Kind, Running, StartId, StartRequest, Starting, WorkerKind};
///
/// #[derive(Debug, Default)]
/// struct Idle(Mutex<HashMap<StartId, Running>>);
///
/// impl WorkerKind for Idle {
///     fn kind(&self) -> Kind {
///         Kind::new("idle").expect("a valid name")
///     }
///     fn versions(&self) -> Vec<u16> {
///         vec![1]
///     }
///     fn start(&self, request: StartRequest, starting: Starting) {
///         let running = starting.started(None);
///         self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(request.start, running);
///     }
///     fn shutdown(&self, start: StartId) {
///         let running = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&start);
///         if let Some(running) = running {
///             running.exited(ExitReason::Shutdown);
///         }
///     }
///     fn kill(&self, start: StartId) {
///         self.shutdown(start);
///     }
/// }
/// ```
pub trait WorkerKind: fmt::Debug + Send + Sync + 'static {
    /// The name it is registered under.
    fn kind(&self) -> Kind;

    /// The versions of args it understands.
    fn versions(&self) -> Vec<u16>;

    /// Starts a child. What comes of it is reported through `starting`.
    fn start(&self, request: StartRequest, starting: Starting);

    /// Asks a child to stop, also one whose start has not returned. May be called more than once, and for a
    /// child that has just ended.
    fn shutdown(&self, start: StartId);

    /// Stops a child by force, with all that it started. May be called more than once, and for a child that
    /// has just ended.
    fn kill(&self, start: StartId);
}

/// One start of one child on this node.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StartRequest {
    /// The number of this start, new every time, on this node and in this boot.
    pub start: StartId,
    /// The child's horde.
    pub horde: HordeName,
    /// The child's id.
    pub id: ChildId,
    /// Which life of the id: another one for a child that is started anew under the id of one that was deleted or has
    /// finished.
    pub life: Life,
    /// The fencing token of this start (S3.1).
    pub token: Token,
    /// The name of this node.
    pub node: NodeName,
    /// What to start: `spec.version` is one of [`WorkerKind::versions`], `spec.args` its arguments.
    pub spec: Arc<ChildSpec>,
}
