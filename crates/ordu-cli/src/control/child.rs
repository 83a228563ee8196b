use ordu::ChildInfo;
use serde::{Deserialize, Serialize};

use super::{Restart, STOPPING};

/// A child as `ps --json` shows it. A contract: fields may be added, never renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChildRow {
    /// Its id.
    pub(crate) id: String,
    /// Its horde.
    pub(crate) horde: String,
    /// The name its worker type is registered under.
    pub(crate) kind: String,
    /// The name of the node that owns it, if one does.
    pub(crate) node: Option<String>,
    /// `starting`, `running`, `restarting`, `stopped`, `failed`, `zombie`, `unclaimed` or `lost`.
    pub(crate) state: String,
    /// Whether a user has stopped it and its owner has not carried that out yet: it is in its state still.
    #[serde(default)]
    pub(crate) stopping: bool,
    /// The epoch of its last start; 0 if it was never started.
    pub(crate) epoch: u64,
    /// Its process id on its node, if it runs.
    pub(crate) os_pid: Option<u32>,
    /// How often it was restarted in place.
    pub(crate) restarts: u32,
    /// When it is started again.
    pub(crate) restart: Restart,
}

impl ChildRow {
    /// What it is doing, for people.
    pub(crate) fn doing(&self) -> &str {
        if self.stopping && self.state != "zombie" {
            STOPPING
        } else {
            &self.state
        }
    }
}

impl From<&ChildInfo> for ChildRow {
    fn from(child: &ChildInfo) -> Self {
        Self {
            id: child.id.to_string(),
            horde: child.horde.to_string(),
            kind: child.spec.kind.to_string(),
            node: child.node.as_ref().map(ToString::to_string),
            state: child.state.to_string(),
            stopping: child.is_stopping,
            epoch: child.epoch(),
            os_pid: child.os_pid,
            restarts: child.restarts,
            restart: child.restart().into(),
        }
    }
}

/// All about a child, as `show --json` shows it: its row and what follows. Values of its environment are not
/// shown, since they may be secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChildDetail {
    /// What `ps` shows.
    #[serde(flatten)]
    pub(crate) row: ChildRow,
    /// The fencing token of its last start, as it finds it in `ORDU_FENCE`.
    pub(crate) fence: Option<String>,
    /// Why it last ended.
    pub(crate) reason: Option<String>,
    /// What it runs; none if it is no process.
    pub(crate) process: Option<ProcessDetail>,
    /// How often it may be restarted…
    pub(crate) max_restarts: u32,
    /// … within how many milliseconds.
    pub(crate) within_ms: u64,
    /// How long it may take to stop: a time, `infinity` or `kill`.
    pub(crate) stop_timeout: String,
    /// Where it may run; empty: anywhere.
    pub(crate) constraints: Vec<String>,
}

/// What a process child runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessDetail {
    /// The program and its arguments.
    pub(crate) command: Vec<String>,
    /// Its working directory; none: that of the agent.
    pub(crate) cwd: Option<String>,
    /// The names of its own variables; not over HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) env: Option<Vec<String>>,
    /// The signal that asks it to stop.
    pub(crate) stop_signal: String,
    /// Whether it may gain privileges by the programs it runs.
    #[serde(default)]
    pub(crate) allow_new_privileges: bool,
}
