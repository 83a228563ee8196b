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
    /// Packets above so many bytes are lost one way (a black hole of the path's MTU), until every way has its usual
    /// quality again.
    Narrow(HostId, HostId, usize),
    /// One of the connections between two hosts is closed at the first, as after an error of its own; all others stand.
    Break(HostId, HostId),
    /// A firewall refuses what the first host dials at the second; connections that stand go on.
    Reject(HostId, HostId),
    /// It refuses that no more.
    Allow(HostId, HostId),
    /// The node's process gets to all that happens so much later: its machine is short of something.
    Slow(HostId, Duration),
    /// It is as quick as ever.
    Quick(HostId),
    /// Both clocks of a machine run so many millionths too fast from now on.
    Slew(HostId, i64),
    /// A machine gets the address of that number, and whoever had that one its own, if no process runs on either. Those
    /// who are told to dial it find out a little after its node has booted there.
    Readdress(HostId, usize),
    /// The node of the first host is configured with the name of that of the second, from its next boot on.
    Misname(HostId, HostId),
    /// The first machine becomes a clone of the second: its node has that one's name from its next boot on, and in that
    /// boot, if that one's node runs by then, its identity, too.
    Clone(HostId, HostId),
    /// The node of a host is of another version from its next boot on, which speaks to others of that version alone.
    Upgrade(HostId),
    /// What is wrong with how the node of a host is set up is put right; it is killed and booted if it runs.
    Repair(HostId),
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
                | Self::Allow(..)
                | Self::Quick(_)
                | Self::Repair(_)
        )
    }
}

/// A length of time after which no effect of a fault may be left in what calls are told.
pub const AFTERMATH: Duration = Duration::from_secs(30);
