use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ChildRow;
use crate::failure::Wrong;

/// What an agent answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reply {
    /// What was asked for; its form depends on the request.
    Ok(Value),
    /// It did not go well.
    Error {
        /// How.
        wrong: Wrong,
        /// What happened, for people.
        message: String,
    },
}

/// Who an agent is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Status {
    /// Its name.
    pub(crate) name: String,
    /// Its node id of this boot.
    pub(crate) id: String,
    /// Its cluster.
    pub(crate) cluster: String,
    /// Its first horde, which requests are about that name none.
    pub(crate) horde: String,
    /// All its hordes.
    pub(crate) hordes: Vec<String>,
    /// What its peers dial.
    pub(crate) addr: std::net::SocketAddr,
    /// Where its HTTP answers, if it does.
    pub(crate) http: Option<std::net::SocketAddr>,
    /// Its process id.
    pub(crate) os_pid: u32,
    /// Whether it takes children and decides.
    pub(crate) ready: bool,
}

/// How many children there are, as OTP's `count_children` counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CountRow {
    /// All.
    pub(crate) specs: usize,
    /// Those that run.
    pub(crate) active: usize,
    /// Those that are supervisors.
    pub(crate) supervisors: usize,
    /// Those that are workers.
    pub(crate) workers: usize,
}

/// A start that went well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StartReply {
    /// The child; none if it chose not to run.
    pub(crate) child: Option<ChildRow>,
    /// The nodes that hold its entry.
    pub(crate) held_by: Vec<String>,
}

/// A stop that went well, or is on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StopReply {
    /// The child.
    pub(crate) id: String,
    /// Whether it is known to have stopped.
    pub(crate) stopped: bool,
    /// Who is to stop it, if it is not known to have stopped.
    pub(crate) owner: Option<String>,
}

/// A child that was forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Removed {
    /// The child.
    pub(crate) id: String,
    /// Whether it was.
    pub(crate) removed: bool,
}

/// A member that was taken out of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MemberRemoved {
    /// Its name.
    pub(crate) name: String,
    /// Whether it was.
    pub(crate) removed: bool,
    /// The nodes that hold that; none where it left by itself.
    pub(crate) held_by: Vec<String>,
}

/// Who may be a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MayBeMembers {
    /// Their names, in their order; none: everybody.
    pub(crate) listed: Option<Vec<String>>,
}

/// A list of members that was set or cleared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MembersSet {
    /// The names on it, in their order; none: everybody may be a member.
    pub(crate) listed: Option<Vec<String>>,
    /// The nodes that hold that.
    pub(crate) held_by: Vec<String>,
    /// Those that were not on it and have left.
    pub(crate) left: Vec<String>,
    /// Those that are not on it and down.
    pub(crate) down: Vec<String>,
}

/// What a definition would change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Comparison {
    /// The child.
    pub(crate) id: String,
    /// What applying it does.
    pub(crate) difference: Difference,
}

/// What applying a definition does to a child.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Difference {
    /// There is none of this id: it is added.
    Add,
    /// It is defined like this already.
    Same {
        /// The state it is in.
        state: String,
    },
    /// It is defined like this already and has failed: it is started again.
    Retry {
        /// Why it has failed.
        reason: Option<String>,
    },
    /// These parts of its definition differ.
    Change {
        /// Their names.
        parts: Vec<String>,
        /// Whether what runs can stay: only how it is treated differs.
        in_place: bool,
    },
}

/// What people are told of a child that is being stopped, in the place of its state.
pub(crate) const STOPPING: &str = "being stopped";

/// A child that is as a definition says now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ApplyReply {
    /// What was done.
    pub(crate) change: Change,
    /// Where it runs, as far as is known.
    pub(crate) node: Option<String>,
    /// The state it is in.
    pub(crate) state: String,
}

/// What was done to a child.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Change {
    /// It was not there.
    Added,
    /// It was there and had failed.
    Restarted,
    /// Nothing.
    None,
    /// These parts of its definition differed.
    Changed {
        /// Their names.
        parts: Vec<String>,
        /// Whether what ran runs on.
        in_place: bool,
    },
}

/// Whether a child has come up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Standing {
    /// The child.
    pub(crate) id: String,
    /// Whether it runs and stays, or has finished as it may.
    pub(crate) up: bool,
    /// The state it is in; none if it is not there.
    pub(crate) state: Option<String>,
    /// Why it last ended, if it did.
    pub(crate) reason: Option<String>,
}

impl Standing {
    /// Whether nothing is wrong with it. One that a user has stopped is as it should be.
    pub(crate) fn is_well(&self) -> bool {
        self.up || self.state.as_deref() == Some("stopped")
    }

    /// Whether it will not come up by itself any more.
    pub(crate) fn has_failed(&self) -> bool {
        self.state.as_deref() == Some("failed")
    }

    /// What is wrong with one that had `wait` to come up.
    pub(crate) fn complaint(&self, wait: &str) -> String {
        let reason = self
            .reason
            .as_ref()
            .map_or_else(String::new, |reason| format!(": {reason}"));
        match self.state.as_deref() {
            Some("failed") => format!("has failed{reason}"),
            // It ran when it was last looked at, but ended before.
            Some("running") => format!("has not stayed up within {wait}{reason}"),
            Some(state) => format!("has not come up within {wait}, it is {state}{reason}"),
            None => format!("has not come up within {wait}, it is not there any more"),
        }
    }
}

/// Children as they could be written in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ExportReply {
    /// Ids and definitions.
    pub(crate) children: Vec<(String, super::Definition)>,
    /// The others, and why they are not among them.
    pub(crate) left_out: Vec<(String, String)>,
}

/// What `logs` is answered with, bit by bit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogReply {
    /// There is output, or may come some: the first answer, so that nobody need wait for a line to know.
    Found,
    /// A line of the output.
    Line(LogRow),
    /// Something about the output, for people.
    Note(String),
    /// That was all, which only one who does not follow hears: without this the agent has ended in between.
    End,
}

/// One line of a child's output, or a piece of a long one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogRow {
    /// The line without its end; bytes that are no UTF-8 are replaced.
    pub(crate) text: String,
    /// Whether the line goes on in the next row.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) goes_on: bool,
}
