use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ordu_core::{
    Answer, CallError, ChildId, ChildInfo, ChildSpec, Command, ExitCause, ExitReason, HordeName, Life,
    MemberInfo, MemberState, NodeId, NodeName, Token,
};

use crate::{Boot, CopyEnd, HostId, Moment};

/// A child, by the name of its horde and its own.
pub type Child = (HordeName, ChildId);

/// What is known of one process of a node.
#[derive(Clone, Debug)]
pub struct BootRecord {
    /// Which.
    pub boot: Boot,
    /// Its identity.
    pub node: NodeId,
    /// Its name: that of its host's node, unless it was set up wrong.
    pub name: NodeName,
    /// The host whose node it is by its name.
    pub named_as: HostId,
    /// When it began.
    pub began: Moment,
    /// When it ended.
    pub ended: Option<Moment>,
    /// Why, if it ended by itself.
    pub cause: Option<ExitCause>,
    /// Since when it stands still, if it does.
    pub still_since: Option<Moment>,
    /// When it last went on.
    pub resumed: Option<Moment>,
    /// Whether another ever showed it as a member that is ready, or it did so of another when it was ready itself.
    pub taken_in: bool,
    /// What it publishes of children.
    pub children: BTreeMap<Child, Arc<ChildInfo>>,
    /// What it publishes of members.
    pub members: BTreeMap<NodeId, Arc<MemberInfo>>,
}

impl BootRecord {
    /// Whether it is ready, and shows another that is.
    pub fn sees_another_ready(&self) -> bool {
        let ready = self
            .members
            .values()
            .filter(|info| info.state == MemberState::Alive);
        ready.clone().any(|info| info.id == self.node) && ready.clone().any(|info| info.id != self.node)
    }

    /// Whether both lived at some moment.
    pub fn met(&self, other: &Self) -> bool {
        let outlasts = |one: &Self, other: &Self| one.ended.is_none_or(|ended| ended >= other.began);
        outlasts(self, other) && outlasts(other, self)
    }

    /// Whether it takes another for living.
    pub fn sees(&self, node: NodeId) -> bool {
        let lives = |state| matches!(state, MemberState::Alive | MemberState::Suspect);
        self.members.get(&node).is_some_and(|info| lives(info.state))
    }
}

/// What is known of one start of a child.
#[derive(Clone, Debug)]
pub struct CopyRecord {
    /// Where.
    pub boot: Boot,
    /// By whom.
    pub node: NodeId,
    /// Of which child.
    pub child: Child,
    /// Which life of it.
    pub life: Life,
    /// Under which token.
    pub token: Token,
    /// What was started.
    pub spec: Arc<ChildSpec>,
    /// When it was started.
    pub began: Moment,
    /// When it came up.
    pub up: Option<Moment>,
    /// When it was first asked to stop.
    pub stopping: Option<Moment>,
    /// When it was killed without dying of it.
    pub stuck: Option<Moment>,
    /// When and how it ended.
    pub ended: Option<(Moment, CopyEnd)>,
    /// When its node took that in.
    pub end_seen: Option<Moment>,
}

impl CopyRecord {
    /// Whether something of it may run.
    pub fn is_live(&self) -> bool {
        self.ended.is_none()
    }

    /// Whether it came up and runs.
    pub fn is_up(&self) -> bool {
        self.up.is_some() && self.is_live()
    }

    /// Whether it was killed and does not die: nobody waits for it (S5.3).
    pub fn is_zombie(&self) -> bool {
        self.stuck.is_some() && self.is_live()
    }

    /// Whether it ended by itself with its work done.
    pub fn finished(&self) -> bool {
        matches!(&self.ended, Some((_, CopyEnd::Exited(ExitReason::Normal))))
    }
}

/// What is known of one call.
#[derive(Clone, Debug)]
pub struct CallRecord {
    /// Whom.
    pub boot: Boot,
    /// What for.
    pub command: Command,
    /// When it was made.
    pub made: Moment,
    /// Whether the asked node saw every living one then. One whose seeds are all dead is alone in a whole network.
    pub saw_all: bool,
    /// What the asked node showed of the child then.
    pub shown: Option<Arc<ChildInfo>>,
    /// How long the caller waits.
    pub timeout: Duration,
    /// When the node got to it: later if it stood still.
    pub taken: Option<Moment>,
    /// When and what was answered.
    pub answered: Option<(Moment, Result<Answer, CallError>)>,
    /// When the asked node died without an answer.
    pub lost: Option<Moment>,
    /// The processes that are known to hold what an acknowledged call wrote.
    pub witnesses: BTreeSet<Boot>,
}

impl CallRecord {
    /// Whether the call may have changed anything.
    pub fn may_count(&self) -> bool {
        match &self.answered {
            None | Some((_, Ok(_) | Err(CallError::Unknown { .. }))) => {
                !matches!(self.answered, Some((_, Ok(Answer::Ignored))))
            }
            Some((_, Err(_))) => false,
        }
    }

    /// When an acknowledged call was acknowledged.
    pub fn acknowledged(&self) -> Option<Moment> {
        match &self.answered {
            Some((at, Ok(_))) => Some(*at),
            _ => None,
        }
    }

    /// The token under which the asked node showed the child when it was asked.
    pub fn shown_token(&self) -> Option<Token> {
        self.shown.as_ref()?.token
    }

    /// The token of the start that it was told of.
    pub fn started(&self) -> Option<Token> {
        match &self.answered {
            Some((_, Ok(Answer::Started { child, .. }))) => child.token,
            _ => None,
        }
    }

    /// Whether it may start a child.
    pub fn is_start(&self) -> bool {
        matches!(
            self.command,
            Command::StartChild { .. } | Command::RestartChild { .. }
        )
    }

    /// The child it is about.
    pub fn child(&self) -> Child {
        let (horde, id) = self.command.child();
        (horde.clone(), id.clone())
    }
}
