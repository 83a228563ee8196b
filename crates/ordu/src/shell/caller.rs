use std::sync::Arc;
use std::time::Duration;

use ordu_core::{Answer, CallError, Command, HordeName, NodeName};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::{Call, Reply};
use crate::process::{ChildLog, LogError, Logs};

/// How many calls of one node are under way at once; more wait for their turn with their callers. At up to 64 KiB
/// of arguments each they hold 64 MiB at the most.
const CALLS: usize = 1024;

/// The way from the handles to the loop. When the last one is dropped the node ends.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    calls: mpsc::UnboundedSender<Call>,
    under_way: Arc<Semaphore>,
    logs: Option<Logs>,
}

impl Caller {
    pub(crate) fn new(calls: mpsc::UnboundedSender<Call>, logs: Option<Logs>) -> Self {
        let under_way = Arc::new(Semaphore::new(CALLS));
        Self {
            calls,
            under_way,
            logs,
        }
    }

    /// Asks and waits for the answer. The call is on its way at the first poll unless too many are; dropping the
    /// future later only means that nobody hears the answer.
    pub(crate) async fn call(&self, command: Command, limit: Duration) -> Result<Answer, CallError> {
        let call = |timeout, reply| Call::Request {
            command,
            timeout,
            reply,
        };
        self.ask(call, limit).await
    }

    /// Has a member removed; otherwise as [`call`](Self::call).
    pub(crate) async fn remove_member(&self, name: NodeName, limit: Duration) -> Result<Answer, CallError> {
        let call = |timeout, reply| Call::RemoveMember { name, timeout, reply };
        self.ask(call, limit).await
    }

    /// Says who may be a member; otherwise as [`call`](Self::call).
    pub(crate) async fn set_members(
        &self,
        names: Option<Vec<NodeName>>,
        limit: Duration,
    ) -> Result<Answer, CallError> {
        let call = |timeout, reply| Call::SetMembers {
            names,
            timeout,
            reply,
        };
        self.ask(call, limit).await
    }

    async fn ask(
        &self,
        call: impl FnOnce(Duration, Reply) -> Call,
        limit: Duration,
    ) -> Result<Answer, CallError> {
        let asked = Instant::now();
        let turn = Arc::clone(&self.under_way).acquire_owned();
        let turn = tokio::select! {
            turn = timeout(limit, turn) => turn,
            // No answer will make room any more.
            () = self.calls.closed() => return Err(CallError::Leaving),
        };
        let Ok(Ok(permit)) = turn else {
            return Err(CallError::NotReady {
                detail: format!("{CALLS} calls are under way, and none ended within {limit:?}"),
            });
        };
        let (to, answer) = oneshot::channel();
        let left = limit.saturating_sub(asked.elapsed());
        let call = call(left, Reply::new(to, permit));
        if self.calls.send(call).is_err() {
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

    pub(crate) fn dropped_bytes(&self) -> u64 {
        self.logs.as_ref().map_or(0, Logs::dropped_bytes)
    }
}

#[cfg(test)]
mod tests {
    use ordu_core::ChildId;

    use super::*;

    fn command() -> Command {
        Command::DeleteChild {
            horde: HordeName::new("h").unwrap(),
            id: ChildId::new("a").unwrap(),
        }
    }

    /// Polled once, as far as it goes, and dropped.
    async fn ask_and_drop(caller: &Caller) {
        tokio::select! {
            biased;
            _ = caller.call(command(), Duration::MAX) => {}
            () = std::future::ready(()) => {}
        }
    }

    #[tokio::test]
    async fn calls_whose_callers_have_gone_are_bounded_too() {
        let (calls, mut received) = mpsc::unbounded_channel();
        let caller = Caller::new(calls, None);
        for _ in 0..2 * CALLS {
            ask_and_drop(&caller).await;
        }
        assert_eq!(received.len(), CALLS);
        let refused = caller.call(command(), Duration::from_millis(1)).await;
        assert!(matches!(refused, Err(CallError::NotReady { .. })), "{refused:?}");

        let Some(Call::Request { reply, .. }) = received.recv().await else {
            panic!("not a request")
        };
        reply.send(Ok(Answer::Deleted));
        ask_and_drop(&caller).await;

        assert_eq!(received.len(), CALLS);
    }

    #[tokio::test]
    async fn a_call_that_waits_for_its_turn_ends_with_the_node() {
        let (calls, received) = mpsc::unbounded_channel();
        let caller = Caller::new(calls, None);
        for _ in 0..CALLS {
            ask_and_drop(&caller).await;
        }
        let (outcome, ()) = tokio::join!(caller.call(command(), Duration::MAX), async { drop(received) });
        assert_eq!(outcome, Err(CallError::Leaving));
    }
}
