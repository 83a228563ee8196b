use ordu_core::{ExitReason, Input, StartId};
use tokio::sync::mpsc;

/// A start that has not returned yet. Exactly one of its methods is called, once; dropping it reports a
/// failed start, so that no child is waited for in vain.
#[derive(Debug)]
#[must_use = "dropping it reports that the start failed"]
pub struct Starting {
    report: Report,
}

/// A child that is up. [`exited`](Self::exited) is called once, after all of the child has ended; dropping it
/// reports that the child got lost.
#[derive(Debug)]
#[must_use = "dropping it reports that the child ended"]
pub struct Running {
    report: Report,
}

impl Starting {
    pub(crate) fn new(start: StartId, inputs: mpsc::UnboundedSender<Input>) -> Self {
        let dropped = |start| Input::ChildStartFailed {
            start,
            error: "the start was given up by its worker type without an error".to_owned(),
        };
        Self {
            report: Report {
                start,
                inputs,
                dropped: Some(dropped),
            },
        }
    }

    /// The child is up. `os_pid` is its process id, if it is a process.
    pub fn started(self, os_pid: Option<u32>) -> Running {
        let (start, inputs) = (self.report.start, self.report.inputs.clone());
        self.report.send(Input::ChildStarted { start, os_pid });
        let dropped = |start| Input::ChildExited {
            start,
            reason: ExitReason::Error(
                "the child was given up by its worker type without a reason".to_owned(),
            ),
        };
        Running {
            report: Report {
                start,
                inputs,
                dropped: Some(dropped),
            },
        }
    }

    /// The child chose not to run (OTP's `ignore`).
    pub fn ignored(self) {
        let start = self.report.start;
        self.report.send(Input::ChildIgnored { start });
    }

    /// The child could not be started; nothing of it is left.
    pub fn failed(self, error: impl Into<String>) {
        let start = self.report.start;
        self.report.send(Input::ChildStartFailed {
            start,
            error: error.into(),
        });
    }
}

impl Running {
    /// The child has ended, all of it.
    pub fn exited(self, reason: ExitReason) {
        let start = self.report.start;
        self.report.send(Input::ChildExited { start, reason });
    }
}

/// Sends exactly one input about a start, if only by being dropped.
#[derive(Debug)]
struct Report {
    start: StartId,
    inputs: mpsc::UnboundedSender<Input>,
    dropped: Option<fn(StartId) -> Input>,
}

impl Report {
    fn send(mut self, input: Input) {
        self.dropped = None;
        // The node has ended: nobody is left to be told.
        let _ = self.inputs.send(input);
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        if let Some(dropped) = self.dropped.take() {
            let _ = self.inputs.send(dropped(self.start));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starting() -> (Starting, mpsc::UnboundedReceiver<Input>) {
        let (inputs, received) = mpsc::unbounded_channel();
        (Starting::new(StartId(7), inputs), received)
    }

    fn all(mut received: mpsc::UnboundedReceiver<Input>) -> Vec<Input> {
        std::iter::from_fn(|| received.try_recv().ok()).collect()
    }

    #[test]
    fn a_child_that_comes_up_and_ends_is_reported_once_each() {
        let (starting, received) = starting();
        starting.started(Some(42)).exited(ExitReason::Normal);
        let start = StartId(7);
        assert_eq!(
            all(received),
            [
                Input::ChildStarted {
                    start,
                    os_pid: Some(42)
                },
                Input::ChildExited {
                    start,
                    reason: ExitReason::Normal
                }
            ]
        );
    }

    #[test]
    fn a_failed_start_is_reported_once() {
        let (starting, received) = starting();
        starting.failed("no such file");
        assert_eq!(
            all(received),
            [Input::ChildStartFailed {
                start: StartId(7),
                error: "no such file".to_owned()
            }]
        );
    }

    #[test]
    fn a_dropped_start_is_reported_as_failed() {
        let (starting, received) = starting();
        drop(starting);
        assert!(matches!(
            all(received)[..],
            [Input::ChildStartFailed {
                start: StartId(7),
                ..
            }]
        ));
    }

    #[test]
    fn a_dropped_child_is_reported_as_ended() {
        let (starting, received) = starting();
        drop(starting.started(None));
        assert!(matches!(
            all(received)[..],
            [
                Input::ChildStarted { .. },
                Input::ChildExited {
                    reason: ExitReason::Error(_),
                    ..
                }
            ]
        ));
    }
}
