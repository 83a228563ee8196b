use std::time::Duration;

use ordu_core::{Answer, CallError, Command, HordeName};
use tokio::sync::{mpsc, oneshot};

use super::Call;
use crate::process::{ChildLog, LogError, Logs};

/// The way from the handles to the loop. When the last one is dropped the node ends.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    calls: mpsc::UnboundedSender<Call>,
    logs: Option<Logs>,
}

impl Caller {
    pub(crate) fn new(calls: mpsc::UnboundedSender<Call>, logs: Option<Logs>) -> Self {
        Self { calls, logs }
    }

    /// Asks and waits for the answer. The call is on its way at the first poll; dropping the future later
    /// only means that nobody hears the answer.
    pub(crate) async fn call(&self, command: Command, timeout: Duration) -> Result<Answer, CallError> {
        let (reply, answer) = oneshot::channel();
        // Unbounded, and yet bounded: each caller waits for its answer before it asks again.
        if self
            .calls
            .send(Call::Request {
                command,
                timeout,
                reply,
            })
            .is_err()
        {
            return Err(CallError::Leaving);
        }
        answer.await.unwrap_or_else(|_| {
            Err(CallError::Unknown {
                detail: "the node ended before the answer was known".to_owned(),
            })
        })
    }

    /// Tells the loop something that has no answer; `false` if the node has ended.
    pub(crate) fn tell(&self, call: Call) -> bool {
        self.calls.send(call).is_ok()
    }

    pub(crate) fn log(&self, horde: &HordeName, id: &str) -> Result<ChildLog, LogError> {
        let logs = self.logs.as_ref().ok_or(LogError::NoProcesses)?;
        logs.of(horde, id)
    }
}
