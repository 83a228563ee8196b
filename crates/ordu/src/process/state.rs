use std::convert::Infallible;

use ordu_core::ExitReason;
use ordu_supervisor::process::{ProcessExit, Signal};
use tokio::sync::oneshot;

use crate::kind::{Running, Starting};

/// One start of a process child, from the request to the end.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) stop_signal: Signal,
    pub(super) phase: Phase,
    /// What was asked of it, to tell an end that was wanted from one that was not.
    pub(super) asked: Asked,
}

#[derive(Debug)]
pub(super) enum Phase {
    /// The keeper has not answered yet. The other end of the channel sees whether the start is still wanted.
    Starting(
        Starting,
        #[expect(dead_code, reason = "it is held to be dropped")] oneshot::Sender<Infallible>,
    ),
    /// It ended before the keeper's answer came through.
    EndedEarly(Starting, ProcessExit),
    /// Its stop was asked for before it was up: it is stopped as soon as it is and its start counts as failed.
    GivenUp(Starting),
    /// It is up.
    Running(Running),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Asked {
    Nothing,
    Stop,
    Kill,
}

/// Why it ended, given what was asked of it.
pub(super) fn exit_reason(exit: ProcessExit, asked: Asked, stop_signal: Signal) -> ExitReason {
    match exit {
        ProcessExit::Lost => ExitReason::Error(exit.to_string()),
        ProcessExit::Signal(Signal::KILL) if asked == Asked::Kill => ExitReason::Killed,
        ProcessExit::Signal(signal) if asked >= Asked::Stop && signal == stop_signal => ExitReason::Shutdown,
        ProcessExit::Code(0) if asked >= Asked::Stop => ExitReason::Shutdown,
        // What shells and many servers answer when they ended because of a signal.
        ProcessExit::Code(code) if asked >= Asked::Stop && code == 128 + stop_signal.number() => {
            ExitReason::Shutdown
        }
        ProcessExit::Code(0) => ExitReason::Normal,
        ProcessExit::Code(code) => ExitReason::ExitCode(code),
        ProcessExit::Signal(signal) => ExitReason::Signal(signal.number()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_that_was_asked_for_is_no_failure() {
        for (exit, asked, reason) in [
            (ProcessExit::Code(0), Asked::Nothing, ExitReason::Normal),
            (ProcessExit::Code(3), Asked::Nothing, ExitReason::ExitCode(3)),
            (
                ProcessExit::Signal(Signal::TERM),
                Asked::Nothing,
                ExitReason::Signal(15),
            ),
            (
                ProcessExit::Signal(Signal::KILL),
                Asked::Nothing,
                ExitReason::Signal(9),
            ),
            (ProcessExit::Code(0), Asked::Stop, ExitReason::Shutdown),
            (ProcessExit::Code(143), Asked::Stop, ExitReason::Shutdown),
            (ProcessExit::Code(3), Asked::Stop, ExitReason::ExitCode(3)),
            (
                ProcessExit::Signal(Signal::TERM),
                Asked::Stop,
                ExitReason::Shutdown,
            ),
            (
                ProcessExit::Signal(Signal::KILL),
                Asked::Stop,
                ExitReason::Signal(9),
            ),
            (
                ProcessExit::Signal(Signal::TERM),
                Asked::Kill,
                ExitReason::Shutdown,
            ),
            (ProcessExit::Signal(Signal::KILL), Asked::Kill, ExitReason::Killed),
        ] {
            assert_eq!(
                exit_reason(exit, asked, Signal::TERM),
                reason,
                "{exit:?} {asked:?}"
            );
        }
    }
}
