//! The handle callers use: one distributed supervisor.

mod counts;
mod started;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ordu_core::{Answer, CallError, ChildId, ChildInfo, ChildSpec, Command, HordeName, Stopped};

use crate::process::{ChildLog, LogError};
use crate::published::Children;
use crate::shell::Caller;

pub use counts::Counts;
pub use started::{Acknowledged, Started};

/// One distributed supervisor, as seen from one node.
///
/// Calls that change something may be made on any node; they are carried to whoever decides about the child
/// and come back with what happened, within a deadline ([`with_timeout`](Self::with_timeout), 30 s at first).
/// They are idempotent by id, and **dropping the future of a call undoes nothing**: what was asked is done or
/// not done as if the caller had waited. Of all handles to a node 1,024 calls are under way at once; further ones
/// wait for their turn first, within their deadline.
///
/// Reads ([`lookup`](Self::lookup), [`children`](Self::children), [`count_children`](Self::count_children))
/// answer at once from what this node knows and never wait for the node's other work. A child that
/// `start_child` returned is found by the asking node at once, by others after one hop of replication.
///
/// Once the node has ended calls are [`CallError::Leaving`], and reads show what it knew last.
///
/// Cloning is cheap. A handle keeps its node running.
#[derive(Clone)]
pub struct Horde {
    name: HordeName,
    timeout: Duration,
    children: Arc<Children>,
    caller: Caller,
}

impl Horde {
    /// How long a call may take unless [`with_timeout`](Self::with_timeout) says otherwise.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

    pub(crate) fn new(name: HordeName, children: Arc<Children>, caller: Caller) -> Self {
        Self {
            name,
            timeout: Self::DEFAULT_TIMEOUT,
            children,
            caller,
        }
    }

    /// Its name.
    pub fn name(&self) -> &HordeName {
        &self.name
    }

    /// A handle whose calls may take this long; then they end with [`CallError::Unknown`].
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self {
            timeout,
            ..self.clone()
        }
    }

    /// Starts a child on a node of the cluster and keeps it running as its spec says.
    ///
    /// Returns once the child is up and its entry is held by as many nodes as
    /// [`Acknowledged::held_by`](Acknowledged) names. A start that fails leaves nothing behind and comes back
    /// as [`CallError::StartFailed`] with the child's own error, or the operating system's. An id that is
    /// taken is [`CallError::AlreadyStarted`] or, when it was stopped, [`CallError::AlreadyPresent`].
    pub async fn start_child(&self, id: impl AsRef<str>, spec: ChildSpec) -> Result<Started, CallError> {
        let id = child_id(id)?;
        let command = Command::StartChild {
            horde: self.name.clone(),
            id,
            spec: Arc::new(spec),
        };
        self.call(command).await.and_then(Started::from_answer)
    }

    /// Stops a child and keeps its spec, for [`restart_child`](Self::restart_child) or
    /// [`delete_child`](Self::delete_child). `Ok` also when it is stopped already.
    pub async fn terminate_child(&self, id: impl AsRef<str>) -> Result<Stopped, CallError> {
        let id = child_id(id)?;
        match self
            .call(Command::TerminateChild {
                horde: self.name.clone(),
                id,
            })
            .await?
        {
            Answer::Terminated(stopped) => Ok(stopped),
            other => Err(unexpected(&other)),
        }
    }

    /// Starts a stopped or failed child again, with its counts of restarts at zero.
    pub async fn restart_child(&self, id: impl AsRef<str>) -> Result<Started, CallError> {
        let id = child_id(id)?;
        let command = Command::RestartChild {
            horde: self.name.clone(),
            id,
        };
        self.call(command).await.and_then(Started::from_answer)
    }

    /// Puts another policy in the place of a child's: when it is started again, how it is stopped, its restart budget.
    /// What runs of it runs on, and its owner keeps to the new policy once it hears of it, a network round trip after
    /// the decider at the latest; a stop that is under way keeps its time. A stopped or failed child stays so.
    ///
    /// A spec that differs in more ([`ChildSpec::is_change_of_policy`]) is [`CallError::Differs`].
    pub async fn update_child(
        &self,
        id: impl AsRef<str>,
        spec: ChildSpec,
    ) -> Result<Arc<ChildInfo>, CallError> {
        let id = child_id(id)?;
        let command = Command::UpdateChild {
            horde: self.name.clone(),
            id,
            spec: Arc::new(spec),
        };
        match self.call(command).await? {
            Answer::Updated(child) => Ok(child),
            other => Err(unexpected(&other)),
        }
    }

    /// Forgets a stopped child. One that runs is [`CallError::Running`]; terminate it first.
    pub async fn delete_child(&self, id: impl AsRef<str>) -> Result<(), CallError> {
        let id = child_id(id)?;
        match self
            .call(Command::DeleteChild {
                horde: self.name.clone(),
                id,
            })
            .await?
        {
            Answer::Deleted => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    /// What this node knows of a child. Costs one hash look-up.
    pub fn lookup(&self, id: impl AsRef<str>) -> Option<Arc<ChildInfo>> {
        self.children.lookup(id.as_ref())
    }

    /// All children this node knows of, in the order of their ids.
    pub fn children(&self) -> Vec<Arc<ChildInfo>> {
        self.children.all()
    }

    /// How many children this node knows of, counted as OTP's `count_children` does.
    pub fn count_children(&self) -> Counts {
        Counts::of(&self.children)
    }

    /// The output of a process child that runs, or ran, on this node.
    pub fn log(&self, id: impl AsRef<str>) -> Result<ChildLog, LogError> {
        self.caller.log(&self.name, id.as_ref())
    }

    async fn call(&self, command: Command) -> Result<Answer, CallError> {
        self.caller.call(command, self.timeout).await
    }
}

impl fmt::Debug for Horde {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Horde")
            .field("name", &self.name)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

fn child_id(id: impl AsRef<str>) -> Result<ChildId, CallError> {
    ChildId::new(id).map_err(|error| CallError::Invalid(error.to_string()))
}

/// The core answered another question than the one that was asked: the outcome is not known.
fn unexpected(answer: &Answer) -> CallError {
    CallError::Unknown {
        detail: format!("the node answered {answer:?}, which is not an answer to this call"),
    }
}
