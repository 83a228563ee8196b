use std::fmt;

use serde::{Deserialize, Serialize};

use super::Signal;
use crate::decisions::ExitReason;

/// How the first process of a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ProcessExit {
    /// It ended by itself with this code, 0 to 255.
    Code(i32),
    /// This signal ended it.
    Signal(Signal),
    /// It was ended because its keeper was gone, so nobody learnt its status.
    Lost,
}

/// What was asked of a process before it ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Asked {
    /// Nothing: it ended of its own accord.
    #[default]
    Nothing,
    /// To stop, by this signal.
    Stop(Signal),
    /// To stop, by this signal, if one is named; and then it was killed.
    Kill(Option<Signal>),
}

impl ProcessExit {
    /// The exit codes that are normal if nothing else is said.
    pub const NORMAL_CODES: &[i32] = &[0];

    /// Whether it ended by itself with code 0.
    #[must_use]
    pub fn is_success(self) -> bool {
        self == Self::Code(0)
    }

    /// What this end means to a supervisor.
    ///
    /// A code of `normal_codes` is [`Normal`](ExitReason::Normal), and a process that was asked to stop may
    /// also end by that signal or, as shells and servers do that caught it, with 128 and its number: that
    /// is [`Shutdown`](ExitReason::Shutdown). The kill that was asked for is [`Killed`](ExitReason::Killed).
    /// All else is a failure, also a SIGKILL that came from somebody else.
    ///
    /// ```
    /// use ordu_supervisor::decisions::ExitReason;
    /// use ordu_supervisor::process::{Asked, ProcessExit, Signal};
    ///
    /// let asked = Asked::Stop(Signal::TERM);
    /// assert_eq!(ProcessExit::Code(143).reason(asked, ProcessExit::NORMAL_CODES), ExitReason::Shutdown);
    /// assert_eq!(ProcessExit::Code(143).reason(Asked::Nothing, &[0, 143]), ExitReason::Normal);
    /// ```
    #[must_use]
    pub fn reason(self, asked: Asked, normal_codes: &[i32]) -> ExitReason {
        let (stop, kill) = match asked {
            Asked::Nothing => (None, false),
            Asked::Stop(signal) => (Some(signal), false),
            Asked::Kill(signal) => (signal, true),
        };
        let orderly = if asked == Asked::Nothing {
            ExitReason::Normal
        } else {
            ExitReason::Shutdown
        };
        match self {
            Self::Code(code) if normal_codes.contains(&code) => orderly,
            Self::Code(code) if stop.is_some_and(|signal| code == 128 + signal.number()) => orderly,
            Self::Code(code) => ExitReason::ExitCode(code),
            Self::Signal(Signal::KILL) if kill => ExitReason::Killed,
            Self::Signal(signal) if stop == Some(signal) => orderly,
            Self::Signal(signal) => ExitReason::Signal(signal.number()),
            Self::Lost => ExitReason::error(self),
        }
    }
}

impl fmt::Display for ProcessExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => write!(f, "killed by {signal}"),
            Self::Lost => f.write_str("ended with its keeper"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_that_was_asked_for_is_no_failure_and_any_other_is() {
        let (code, signal) = (ProcessExit::Code, ProcessExit::Signal);
        let stop = Asked::Stop(Signal::TERM);
        for (exit, asked, reason) in [
            (code(0), Asked::Nothing, ExitReason::Normal),
            (code(3), Asked::Nothing, ExitReason::ExitCode(3)),
            (code(143), Asked::Nothing, ExitReason::ExitCode(143)),
            (signal(Signal::TERM), Asked::Nothing, ExitReason::Signal(15)),
            (signal(Signal::KILL), Asked::Nothing, ExitReason::Signal(9)),
            (code(0), stop, ExitReason::Shutdown),
            (code(143), stop, ExitReason::Shutdown),
            (signal(Signal::TERM), stop, ExitReason::Shutdown),
            (code(3), stop, ExitReason::ExitCode(3)),
            (code(130), stop, ExitReason::ExitCode(130)),
            (signal(Signal::INT), stop, ExitReason::Signal(2)),
            (signal(Signal::KILL), stop, ExitReason::Signal(9)),
            (
                signal(Signal::KILL),
                Asked::Stop(Signal::KILL),
                ExitReason::Shutdown,
            ),
            (signal(Signal::KILL), Asked::Kill(None), ExitReason::Killed),
            (
                signal(Signal::KILL),
                Asked::Kill(Some(Signal::TERM)),
                ExitReason::Killed,
            ),
            (
                signal(Signal::TERM),
                Asked::Kill(Some(Signal::TERM)),
                ExitReason::Shutdown,
            ),
            (signal(Signal::TERM), Asked::Kill(None), ExitReason::Signal(15)),
        ] {
            assert_eq!(
                exit.reason(asked, ProcessExit::NORMAL_CODES),
                reason,
                "{exit} {asked:?}"
            );
        }
        assert_eq!(code(7).reason(Asked::Nothing, &[0, 7]), ExitReason::Normal);
        assert!(!ProcessExit::Lost.reason(Asked::Nothing, &[0]).is_normal());
    }
}
