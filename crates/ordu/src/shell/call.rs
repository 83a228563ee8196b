use std::time::Duration;

use ordu_core::{Answer, CallError, Command};
use tokio::sync::oneshot;

/// What the handles ask of the loop.
#[derive(Debug)]
pub(crate) enum Call {
    /// A call of a horde.
    Request {
        command: Command,
        timeout: Duration,
        reply: oneshot::Sender<Result<Answer, CallError>>,
    },
    /// More addresses to join at.
    Join(Vec<String>),
    /// Leave the cluster and end.
    Leave,
    /// End at once: what the node needs has failed.
    Fail(String),
}
