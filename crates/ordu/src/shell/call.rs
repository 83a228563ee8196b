use std::time::Duration;

use ordu_core::{Answer, CallError, Command, NodeName};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::cluster_key::Credentials;

/// What the handles ask of the loop.
#[derive(Debug)]
pub(crate) enum Call {
    /// A call of a horde.
    Request {
        command: Command,
        timeout: Duration,
        reply: Reply,
    },
    /// A member is to be removed.
    RemoveMember {
        name: NodeName,
        timeout: Duration,
        reply: Reply,
    },
    /// Who may be a member is said; `None`: everybody.
    SetMembers {
        names: Option<Vec<NodeName>>,
        timeout: Duration,
        reply: Reply,
    },
    /// More addresses to join at.
    Join(Vec<String>),
    /// Prove itself with these from now on, and demand them of peers.
    Renew(Credentials),
    /// Leave the cluster and end.
    Leave,
    /// End at once: what the node needs has failed.
    Fail(String),
}

/// Where the answer to one call goes.
#[derive(Debug)]
pub(crate) struct Reply {
    to: oneshot::Sender<Result<Answer, CallError>>,
    /// Until it is answered the call is one of those under way, whether or not its caller still waits.
    _permit: OwnedSemaphorePermit,
}

impl Reply {
    pub(super) fn new(to: oneshot::Sender<Result<Answer, CallError>>, permit: OwnedSemaphorePermit) -> Self {
        Self { to, _permit: permit }
    }

    pub(super) fn send(self, result: Result<Answer, CallError>) {
        // Nobody listens: the caller dropped its call, which undoes nothing.
        let _ = self.to.send(result);
    }
}
