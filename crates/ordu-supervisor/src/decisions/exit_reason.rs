//! Why something ended.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

/// Why a child, a start or a supervisor ended.
///
/// A plain value: it can be compared, stored and sent to another node, so errors and panics are kept as text. Displayed,
/// that text is as it came, with line ends and all; the errors of this crate that name a reason keep it in one line.
///
/// ```
/// use ordu_supervisor::decisions::ExitReason;
///
/// assert!(ExitReason::Normal.is_normal());
/// assert!(ExitReason::shutdown_with("done").is_normal());
/// assert!(!ExitReason::ExitCode(3).is_normal());
/// assert_eq!(ExitReason::error("no such table").to_string(), "error: no such table");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum ExitReason {
    /// It was done.
    Normal,
    /// It was asked to stop and did, or ended in the orderly way a supervisor ends.
    Shutdown,
    /// An orderly end that says more.
    ShutdownWith(ShutdownInfo),
    /// It was killed without or after being asked.
    Killed,
    /// It failed, with the text of its error.
    Error(String),
    /// It panicked, with the message.
    Panic(String),
    /// A process ended with an exit code that does not count as normal.
    ExitCode(i32),
    /// A process was ended by a signal that nobody here sent.
    Signal(i32),
    /// Its start did not finish in time.
    StartTimeout,
    /// It was killed but did not end within its kill grace: it may still be running.
    Unkillable,
    /// The node that ran it cannot be reached.
    NoConnection,
}

/// What an orderly end says beyond that it was orderly.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum ShutdownInfo {
    #[doc(hidden)] // Of a cluster; nobody meets it who supervises locally.
    /// Another copy of the child won; this one must not come back here.
    Conflict,
    #[doc(hidden)]
    /// The run it belonged to is finished; it must not come back anywhere.
    Finished,
    #[doc(hidden)]
    /// The child moves to another node; it must not come back here.
    Redistribution,
    /// A supervisor ended because a child did not start.
    FailedToStartChild {
        /// The child's id.
        id: String,
        /// Why its start failed.
        reason: Box<ExitReason>,
    },
    /// Whatever the child wanted to say.
    Other(String),
}

impl ExitReason {
    #[doc(hidden)]
    /// Another copy won. See [`ShutdownInfo::Conflict`].
    pub const CONFLICT: Self = Self::ShutdownWith(ShutdownInfo::Conflict);
    #[doc(hidden)]
    /// The run is finished. See [`ShutdownInfo::Finished`].
    pub const FINISHED: Self = Self::ShutdownWith(ShutdownInfo::Finished);
    #[doc(hidden)]
    /// The child moves. See [`ShutdownInfo::Redistribution`].
    pub const REDISTRIBUTION: Self = Self::ShutdownWith(ShutdownInfo::Redistribution);

    /// A failure with this text.
    pub fn error(text: impl fmt::Display) -> Self {
        Self::Error(alloc::format!("{text}"))
    }

    /// An orderly end that says `text`.
    pub fn shutdown_with(text: impl fmt::Display) -> Self {
        Self::ShutdownWith(ShutdownInfo::Other(alloc::format!("{text}")))
    }

    /// Whether this end is normal: exactly [`Normal`](Self::Normal), [`Shutdown`](Self::Shutdown) and
    /// [`ShutdownWith`](Self::ShutdownWith).
    pub const fn is_normal(&self) -> bool {
        matches!(self, Self::Normal | Self::Shutdown | Self::ShutdownWith(_))
    }

    #[doc(hidden)]
    /// Whether the child now belongs to somebody else, so that it is not restarted here whatever its
    /// [`Restart`](super::Restart) says, and the end counts against no budget.
    pub const fn hands_over(&self) -> bool {
        matches!(
            self,
            Self::ShutdownWith(
                ShutdownInfo::Conflict | ShutdownInfo::Finished | ShutdownInfo::Redistribution
            )
        )
    }
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Normal => f.write_str("normal"),
            Self::Shutdown => f.write_str("shutdown"),
            Self::ShutdownWith(info) => write!(f, "shutdown: {info}"),
            Self::Killed => f.write_str("killed"),
            Self::Error(text) => write!(f, "error: {text}"),
            Self::Panic(text) => write!(f, "panic: {text}"),
            Self::ExitCode(code) => write!(f, "exit code {code}"),
            Self::Signal(number) => write!(f, "signal {number}"),
            Self::StartTimeout => f.write_str("start timed out"),
            Self::Unkillable => f.write_str("did not end when killed"),
            Self::NoConnection => f.write_str("no connection"),
        }
    }
}

impl core::error::Error for ExitReason {}

impl fmt::Display for ShutdownInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict => f.write_str("another copy runs"),
            Self::Finished => f.write_str("the run is finished"),
            Self::Redistribution => f.write_str("moved to another node"),
            Self::FailedToStartChild { id, reason } => write!(f, "child {id:?} did not start ({reason})"),
            Self::Other(text) => f.write_str(text),
        }
    }
}
