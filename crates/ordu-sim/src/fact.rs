use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ordu_core::{
    Answer, CallError, ChildId, ChildInfo, ChildSpec, Command, Event, ExitCause, ExitReason, HordeName, Kept,
    Life, MemberInfo, NodeId, NodeName, StateDigest, Token,
};

use crate::{Fault, Moment};

/// One machine, by its index in [`Setup::hosts`](crate::Setup).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(pub usize);

/// One process of a node: the host it runs on and how many ran there before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Boot {
    /// Where.
    pub host: HostId,
    /// Which, counted from 0.
    pub number: u32,
}

impl fmt::Display for Boot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}#{}", self.host.0, self.number)
    }
}

/// One start of one child somewhere, numbered through the whole simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CopyId(pub u64);

/// One call of one client, numbered through the whole simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u64);

/// Something that truly happened in the world, whatever any node believes.
#[derive(Clone, Debug)]
pub struct Fact {
    /// When.
    pub at: Moment,
    /// With which input of a node it came, counted through the whole simulation: what a node puts out for one has the
    /// same number, and what it puts out for the next at the same moment has another.
    pub input: u64,
    /// Whether that input was something that another node said.
    pub is_heard: bool,
    /// What.
    pub what: What,
}

/// See [`Fact`].
#[derive(Clone, Debug)]
pub enum What {
    /// A process began.
    Booted {
        /// Which.
        boot: Boot,
        /// The identity it took.
        node: NodeId,
    },
    /// A process ended.
    Ended {
        /// Which.
        boot: Boot,
        /// The cause if the node chose to end; `None` if it was killed.
        cause: Option<ExitCause>,
    },
    /// A process stands still.
    Paused(Boot),
    /// It goes on.
    Resumed(Boot),
    /// A node starts a child: from now on something of it may run.
    CopyStarting {
        /// This copy.
        copy: CopyId,
        /// Who starts it.
        boot: Boot,
        /// The starter's identity.
        node: NodeId,
        /// The child's horde.
        horde: HordeName,
        /// The child's id.
        id: ChildId,
        /// The child's life.
        life: Life,
        /// The fencing token.
        token: Token,
        /// Its spec.
        spec: Arc<ChildSpec>,
    },
    /// The start of a copy returned: it runs.
    CopyUp(CopyId),
    /// A copy's node asks it to stop.
    CopyStopping(CopyId),
    /// A copy was killed and does not die; only its node's end ends it for certain.
    CopyStuck(CopyId),
    /// Nothing of a copy runs any more.
    CopyEnded {
        /// Which.
        copy: CopyId,
        /// How.
        end: CopyEnd,
    },
    /// The node of a copy takes in that it ended.
    CopyEndSeen(CopyId),
    /// A client calls a node.
    Called {
        /// The call.
        call: CallId,
        /// Whom.
        boot: Boot,
        /// What for.
        command: Command,
        /// How long it waits.
        timeout: Duration,
    },
    /// The node answers.
    Answered {
        /// The call.
        call: CallId,
        /// The outcome.
        result: Result<Answer, CallError>,
    },
    /// The node answers an operator who wanted another removed.
    RemovalAnswered {
        /// Whom it asked.
        boot: Boot,
        /// Whom it wanted removed.
        removed: HostId,
        /// The outcome.
        result: Result<Answer, CallError>,
    },
    /// The node answers an operator who said which nodes may be members.
    ListAnswered {
        /// Whom it asked.
        boot: Boot,
        /// The outcome.
        result: Result<Answer, CallError>,
    },
    /// The node that was asked died first: the client knows nothing.
    CallLost(CallId),
    /// A node publishes what it knows of a child.
    Child {
        /// Who.
        boot: Boot,
        /// Of which horde.
        horde: HordeName,
        /// Which child.
        id: ChildId,
        /// Which life of it, if it is there.
        life: Option<Life>,
        /// What it knows; `None`: the child is gone.
        info: Option<Arc<ChildInfo>>,
    },
    /// A node publishes what it knows of a member.
    Member {
        /// Who.
        boot: Boot,
        /// Of whom.
        node: NodeId,
        /// What it knows; `None`: the member is forgotten.
        info: Option<Arc<MemberInfo>>,
    },
    /// A node publishes whose nodes may be members.
    MemberList {
        /// Who.
        boot: Boot,
        /// The names; `None`: all.
        names: Option<Vec<NodeName>>,
    },
    /// A node tells something.
    Told {
        /// Who.
        boot: Boot,
        /// What.
        event: Event,
    },
    /// What the nodes that are awake hold at this moment, those excepted that are receiving a part of what they lack.
    Held(Vec<(Boot, StateDigest)>),
    /// What the nodes keep for others at this moment.
    Kept(Vec<(Boot, Kept)>),
    /// A node gave an output that makes no sense.
    Nonsense {
        /// Who.
        boot: Boot,
        /// What is wrong with it.
        detail: String,
    },
    /// A node sends something longer than what it sends may be.
    Oversized {
        /// Who.
        boot: Boot,
        /// A frame or a datagram.
        what: &'static str,
        /// Its length.
        bytes: usize,
    },
    /// A fault, or its end.
    Inflicted(Fault),
    /// From now on nothing goes wrong any more.
    Calm,
    /// All has settled, and no call of before is open.
    Serving,
    /// Another tenth of a second has passed.
    Tick,
}

/// How a copy of a child ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CopyEnd {
    /// Its start failed.
    StartFailed,
    /// It chose not to run.
    Ignored,
    /// It ended by itself or was stopped.
    Exited(ExitReason),
    /// It died with its node, or shortly after at its keeper's hands.
    DiedWithNode,
}
