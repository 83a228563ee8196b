use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;
use core::net::SocketAddr;

use ordu_supervisor::decisions::Restart;
use serde::{Deserialize, Serialize};

use crate::{ChildId, ChildSpec, HordeName, NodeId, NodeName, Token};

/// What this node knows of a child.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildInfo {
    /// Its horde.
    pub horde: HordeName,
    /// Its id.
    pub id: ChildId,
    /// What it is.
    pub spec: Arc<ChildSpec>,
    /// Its state.
    pub state: ChildState,
    /// A user has stopped it, and its owner has not carried that out yet: it is in its state still.
    pub is_stopping: bool,
    /// The name of its owner, if it has one that is alive.
    pub node: Option<NodeName>,
    /// The fencing token of its last start.
    pub token: Option<Token>,
    /// The process id on its owner, if it runs and is an OS process.
    pub os_pid: Option<u32>,
    /// Automatic restarts in place since it was last started or restarted by a user.
    pub restarts: u32,
    /// Why it last ended, for people; of one that failed and was stopped by a user after that, that it had failed.
    pub reason: Option<String>,
}

impl ChildInfo {
    /// When it is started again.
    pub fn restart(&self) -> Restart {
        self.spec.restart
    }

    /// What it is doing, in words: one that is being stopped is not called running.
    pub fn doing(&self) -> &'static str {
        match self.state {
            // It was told to stop, and did not: that is worse, and stays so.
            ChildState::Zombie => self.state.as_str(),
            _ if self.is_stopping => "being stopped",
            _ => self.state.as_str(),
        }
    }

    /// The epoch of its last start; 0 if it was never started.
    pub fn epoch(&self) -> u64 {
        self.token.map_or(0, |token| token.epoch)
    }
}

/// The state of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChildState {
    /// Its start has not returned yet.
    Starting,
    /// It runs.
    Running,
    /// It ended and is about to be started again.
    Restarting,
    /// A user stopped it, also one that had failed.
    Stopped,
    /// It failed too often; only a restart by a user starts it again.
    Failed,
    /// It was told to stop, and by force, and did not: it is fenced.
    Zombie,
    /// It is to run and has no living owner.
    Unclaimed,
    /// It runs once only, and the node that may run it is out of sight: it may run there still. It is forgotten when that
    /// node has ended (S5.4).
    Lost,
}

impl ChildState {
    /// The word in tables and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Restarting => "restarting",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Zombie => "zombie",
            Self::Unclaimed => "unclaimed",
            Self::Lost => "lost",
        }
    }
}

impl fmt::Display for ChildState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What this node knows of a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberInfo {
    /// Its identity of this boot.
    pub id: NodeId,
    /// Its name.
    pub name: NodeName,
    /// Where it is dialled.
    pub addr: SocketAddr,
    /// Its state, as this node sees it.
    pub state: MemberState,
    /// How many children it owns.
    pub children: u32,
}

/// The state of a member, as one node sees it (S6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MemberState {
    /// It answers but is not ready to take children yet.
    Joining,
    /// It answers.
    Alive,
    /// It did not answer a probe.
    Suspect,
    /// It is given up.
    Down,
    /// It hands its children over and will leave.
    Draining,
    /// It left of its own will.
    Left,
    /// It was removed from the cluster.
    Removed,
}

impl MemberState {
    /// The word in tables and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Joining => "joining",
            Self::Alive => "alive",
            Self::Suspect => "suspect",
            Self::Down => "down",
            Self::Draining => "draining",
            Self::Left => "left",
            Self::Removed => "removed",
        }
    }
}

impl fmt::Display for MemberState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
