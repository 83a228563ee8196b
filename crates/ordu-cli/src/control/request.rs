use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Definition, Restart};

/// A request and the horde it is about: one JSON object, the request's with a key more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    /// None: the first of the agent's.
    pub(crate) horde: Option<String>,
    /// What is asked.
    pub(crate) request: Request,
}

impl Question {
    /// The line a caller sends, without its end.
    pub(crate) fn to_line(&self) -> serde_json::Result<Vec<u8>> {
        let mut object = serde_json::to_value(&self.request)?;
        if let (Some(horde), Some(fields)) = (&self.horde, object.as_object_mut()) {
            fields.insert(HORDE.to_owned(), horde.as_str().into());
        }
        serde_json::to_vec(&object)
    }

    /// Reads what a caller sent.
    pub(crate) fn from_line(line: &[u8]) -> serde_json::Result<Self> {
        let mut fields: Map<String, Value> = serde_json::from_slice(line)?;
        let horde = fields.remove(HORDE).unwrap_or(Value::Null);
        Ok(Self {
            horde: serde_json::from_value(horde)?,
            request: serde_json::from_value(fields.into())?,
        })
    }
}

/// The key that is not the request's own.
const HORDE: &str = "horde";

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
    /// Who may be a member. Answered by `MayBeMembers`.
    MemberList,
    /// Say who may be a member. Answered by `MembersSet`.
    SetMembers {
        /// Their names; none: everybody.
        names: Option<Vec<String>>,
        /// How long to wait.
        timeout: u64,
    },
    /// Take a member out of the cluster. Answered by `MemberRemoved`.
    RemoveMember {
        /// Its name.
        name: String,
        /// How long to wait.
        timeout: u64,
    },
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
    /// Make a child be as a definition says: start it, change it, or start one again that has failed. Answered by
    /// `ApplyReply`.
    Apply {
        /// Which.
        id: String,
        /// What it is to be.
        child: Definition,
        /// How long each step may take.
        timeout: u64,
        /// How long a changed one may take to come up before it is put back as it was.
        wait: u64,
    },
    /// Wait until each of these children has come up, or can be said not to. Answered by a list of `Standing`s, in
    /// their order.
    Await {
        /// Which, and when they are started again: one that is not always may have finished meanwhile.
        children: Vec<(String, Restart)>,
        /// How long to wait for all of them.
        wait: u64,
    },
    /// All children that are to run, with the values of their environments. Answered by `ExportReply`.
    Export,
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
    /// How long the caller waits for a change, in milliseconds.
    pub(crate) fn timeout(&self) -> Option<u64> {
        match self {
            Self::RemoveMember { timeout, .. }
            | Self::SetMembers { timeout, .. }
            | Self::Start { timeout, .. }
            | Self::Stop { timeout, .. }
            | Self::Restart { timeout, .. }
            | Self::Remove { timeout, .. }
            | Self::Apply { timeout, .. } => Some(*timeout),
            _ => None,
        }
    }

    /// Whether the answer is of what children there are.
    pub(crate) fn reads_children(&self) -> bool {
        matches!(
            self,
            Self::Children | Self::Child { .. } | Self::Count | Self::Compare { .. } | Self::Export
        )
    }

    /// Whether answering it changes something.
    pub(crate) fn changes(&self) -> bool {
        match self {
            Self::RemoveMember { .. }
            | Self::SetMembers { .. }
            | Self::Start { .. }
            | Self::Stop { .. }
            | Self::Restart { .. }
            | Self::Remove { .. }
            | Self::Apply { .. } => true,
            Self::Status
            | Self::Children
            | Self::Child { .. }
            | Self::Count
            | Self::Members
            | Self::MemberList
            | Self::Compare { .. }
            | Self::Await { .. }
            | Self::Export
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_read_as_it_was_asked_with_and_without_a_horde() {
        for horde in [None, Some("jobs".to_owned())] {
            let request = Request::Child { id: "web".to_owned() };
            let question = Question { horde, request };
            assert_eq!(
                Question::from_line(&question.to_line().unwrap()).unwrap(),
                question
            );
        }
    }

    #[test]
    fn what_is_no_question_is_refused() {
        for line in ["", "[]", r#"{"op":"ps"}"#, r#"{"op":"count","horde":7}"#] {
            assert!(Question::from_line(line.as_bytes()).is_err(), "{line} was read");
        }
    }
}
