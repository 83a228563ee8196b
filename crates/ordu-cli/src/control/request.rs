use serde::{Deserialize, Serialize};

use super::Definition;

/// What a caller asks an agent. Times are in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Request {
    /// Who the agent is. Answered by `Status`.
    Status,
    /// All children. Answered by a list of `ChildRow`.
    Children,
    /// One child. Answered by `ChildDetail`.
    Child {
        /// Which.
        id: String,
    },
    /// How many children. Answered by `CountRow`.
    Count,
    /// The members. Answered by a list of `MemberRow`.
    Members,
    /// Start a child. Answered by `StartReply`.
    Start {
        /// Under which id.
        id: String,
        /// What.
        child: Definition,
        /// How long to wait.
        timeout: u64,
    },
    /// Stop a child. Answered by `StopReply`.
    Stop {
        /// Which.
        id: String,
        /// How long to wait.
        timeout: u64,
    },
    /// Start a child again, one that runs after stopping it. Answered by `StartReply`.
    Restart {
        /// Which.
        id: String,
        /// How long each step may take.
        timeout: u64,
    },
    /// Forget a child. Answered by `Removed`.
    Remove {
        /// Which.
        id: String,
        /// Stop it first if it runs.
        force: bool,
        /// How long each step may take.
        timeout: u64,
    },
    /// Put another definition in the place of a child's. Answered by `StartReply`.
    Replace {
        /// Which.
        id: String,
        /// What it is to be.
        child: Definition,
        /// How long each step may take.
        timeout: u64,
    },
    /// What these definitions would change. Answered by a list of `Comparison`, in their order.
    Compare {
        /// Ids and definitions.
        children: Vec<(String, Definition)>,
    },
    /// The output of a child that runs, or ran, on the agent's node. Answered by `LogReply`s until the agent
    /// closes.
    Logs(LogRequest),
}

impl Request {
    /// Whether answering it changes something.
    pub(crate) fn changes(&self) -> bool {
        match self {
            Self::Start { .. }
            | Self::Stop { .. }
            | Self::Restart { .. }
            | Self::Remove { .. }
            | Self::Replace { .. } => true,
            Self::Status
            | Self::Children
            | Self::Child { .. }
            | Self::Count
            | Self::Members
            | Self::Compare { .. }
            | Self::Logs(_) => false,
        }
    }
}

/// Which part of a child's output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogRequest {
    /// Whose.
    pub(crate) id: String,
    /// How many of the last lines; all that are kept if not given.
    pub(crate) lines: Option<usize>,
    /// Whether to go on as new ones come.
    pub(crate) follow: bool,
}
