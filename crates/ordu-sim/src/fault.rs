use std::time::Duration;

use crate::{HostId, Path};

/// One thing that goes wrong, or is put right again.
///
/// A fault that does not apply (the crash of a host that is down) does nothing, so a list of faults can be
/// shortened anywhere and still makes sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No packet passes between hosts of different groups. Hosts that are not listed are each alone.
    Split(Vec<Vec<HostId>>),
    /// No packet passes one way.
    Cut(HostId, HostId),
    /// Packets pass one way again.
    Mend(HostId, HostId),
    /// All splits and cuts are over.
    Heal,
    /// One way becomes another.
    Disturb(HostId, HostId, Path),
    /// Every way has its usual quality again.
    Clear,
    /// The node's process stands still (SIGSTOP); its kernel and its OS processes do not.
    Pause(HostId),
    /// The process goes on (SIGCONT).
    Resume(HostId),
    /// The whole machine stands still, its monotonic clock too.
    Suspend(HostId),
    /// The machine goes on.
    Wake(HostId),
    /// The process is killed (SIGKILL); its kernel closes what it had open.
    Crash(HostId),
    /// The machine loses power: nobody is told anything.
    PowerOff(HostId),
    /// A new process under the same name and address, unless one runs; when it has gone if it is leaving.
    Boot(HostId),
    /// A client tells the node whom to dial, in the place of whom it was told before: its cluster is to join theirs.
    /// Later boots of it are told the same.
    Join(HostId, Vec<HostId>),
    /// The wall clock is stepped by so many milliseconds.
    StepClock(HostId, i64),
    /// All wall clocks are set right.
    CorrectClocks,
    /// The lifelines of a host are reset by something in between, though nobody died.
    ResetLifelines(HostId),
    /// The keeper of a node's OS processes is killed and they with it.
    KillKeeper(HostId),
    /// The node is asked to leave.
    Leave(HostId),
    /// An operator asks the node of the first host to remove that of the second from the cluster.
    Remove(HostId, HostId),
    /// An operator tells the node of a host which hosts' nodes may be members; `None`: all.
    SetMembers(HostId, Option<Vec<HostId>>),
    /// Children stop failing, hanging and crashing.
    CalmChildren,
}

impl Fault {
    /// Whether it puts something right.
    pub fn is_relief(&self) -> bool {
        matches!(
            self,
            Self::Mend(..)
                | Self::Heal
                | Self::Clear
                | Self::Resume(_)
                | Self::Wake(_)
                | Self::Boot(_)
                | Self::Join(..)
                | Self::CorrectClocks
                | Self::CalmChildren
        )
    }
}

/// A length of time after which no effect of a fault may be left in what calls are told.
pub const AFTERMATH: Duration = Duration::from_secs(30);
